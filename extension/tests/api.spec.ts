import { Api, ApiError, refusalOf, serverSentEvents, Unreachable } from '../src/api';
import type { ServerSentEvent } from '../src/tokens';
import { bodyOf, FakeTransport, problem, response } from './fakes';

function world(): { transport: FakeTransport; api: Api } {
  const transport = new FakeTransport();
  return { transport, api: new Api(transport) };
}

async function all(body: ReadableStream<Uint8Array>): Promise<ServerSentEvent[]> {
  const events: ServerSentEvent[] = [];
  for await (const event of serverSentEvents(body)) {
    events.push(event);
  }
  return events;
}

describe('Api', () => {
  it('encodes each part of a path, and keeps its slashes', async () => {
    const { transport, api } = world();
    transport.answers['GET /notebooks/a%20b/c%3F.ipynb/versions'] = {
      items: [],
      next_cursor: null
    };

    const page = await api.versions('a b/c?.ipynb');

    expect(page.items).toEqual([]);
  });

  it('turns a problem document into errors by field', async () => {
    const { transport, api } = world();
    transport.answers['POST /schedules'] = problem(422, 'invalid', 'One value is not valid.', [
      { field: 'parameters.n', message: 'must be a whole number' }
    ]);

    const refused = api.createSchedule({ name: 'x', notebook: 'y', trigger: { kind: 'manual' } });

    await expect(refused).rejects.toBeInstanceOf(ApiError);
    const refusal = refusalOf(await refused.catch(error => error));
    expect(refusal).toEqual({
      message: 'One value is not valid.',
      byField: { 'parameters.n': 'must be a whole number' }
    });
  });

  it('says that Nightbook is not installed where something else answers 404', async () => {
    const { transport, api } = world();
    const page = response('<html>', 404, { 'Content-Type': 'text/html' });
    transport.answers['GET /overview'] = page;

    await expect(api.overview()).rejects.toThrow('Nightbook is not installed on this server.');
  });

  it('tells silence from a refusal', async () => {
    const { transport, api } = world();
    transport.isAway = true;

    await expect(api.me()).rejects.toBeInstanceOf(Unreachable);
  });

  it('names the version it read when it edits a schedule', async () => {
    const { transport, api } = world();
    transport.answers['PATCH /schedules/s1'] = response({ id: 's1' }, 200, { ETag: '"4"' });

    const saved = await api.editSchedule('s1', { name: 'new' }, '"3"');

    expect(transport.asked[0].headers).toEqual({ 'If-Match': '"3"' });
    expect(saved.etag).toBe('"4"');
  });

  it('sends an idempotency key with what makes a run', async () => {
    const { transport, api } = world();
    transport.answers['POST /runs'] = { id: 'r1' };

    await api.startRun({ notebook: 'a.ipynb' }, 'key-1');

    expect(transport.asked[0].headers).toEqual({ 'Idempotency-Key': 'key-1' });
  });
});

describe('serverSentEvents', () => {
  it('puts together an event that arrives in pieces', async () => {
    const events = await all(bodyOf('event: rec', 'ord\nid: 7\nda', 'ta: {"k":"cell"}\n', '\n'));

    expect(events).toEqual([{ event: 'record', id: '7', text: '{"k":"cell"}' }]);
  });

  it('joins lines of data, passes over comments and understands carriage returns', async () => {
    const events = await all(bodyOf(': keep alive\n\ndata: a\r\ndata: b\r\n\r\n'));

    expect(events).toEqual([{ event: 'message', id: '', text: 'a\nb' }]);
  });

  it('understands a carriage return and its line feed that come apart', async () => {
    const events = await all(bodyOf('data: a\r\n\r', '\ndata: b\r\n\r\n'));

    expect(events.map(event => event.text)).toEqual(['a', 'b']);
  });

  it('keeps the last id for events without one', async () => {
    const events = await all(bodyOf('id: 3\ndata: a\n\ndata: b\n\n'));

    expect(events.map(event => event.id)).toEqual(['3', '3']);
  });
});
