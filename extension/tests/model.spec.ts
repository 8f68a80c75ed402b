import { Api } from '../src/api';
import { Model, sources } from '../src/model';
import { fold, NOTHING_YET } from '../src/model/folding';
import type { JournalRecord } from '../src/tokens';
import { aRun, bodyOf, FakeTransport, problem } from './fakes';

const models: Model[] = [];

function world(streaming = false): { transport: FakeTransport; model: Model } {
  const transport = new FakeTransport();
  const model = new Model(new Api(transport), { streaming, pollSeconds: 3600 });
  models.push(model);
  return { transport, model };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) {
    await Promise.resolve();
  }
}

afterEach(() => {
  models.splice(0).forEach(model => model.dispose());
  jest.useRealTimers();
});

describe('Model', () => {
  it('loads what is watched and tells of it', async () => {
    const { transport, model } = world();
    transport.answers['GET /runs/r1'] = aRun();
    const told = jest.fn();
    model.subscribe(told);

    model.watch(sources.run('r1'));
    await settled();

    expect(model.read(sources.run('r1')).value?.id).toBe('r1');
    expect(told).toHaveBeenCalled();
  });

  it('loads no more what nobody watches', async () => {
    const { transport, model } = world();
    transport.answers['GET /runs/r1'] = aRun();
    const unwatch = model.watch(sources.run('r1'));
    await settled();
    unwatch();

    await model.refresh();

    expect(transport.count('GET', '/runs/r1')).toBe(1);
  });

  it('keeps an old value beside the error of a newer load', async () => {
    const { transport, model } = world();
    transport.answers['GET /runs/r1'] = aRun();
    model.watch(sources.run('r1'));
    await settled();
    transport.answers['GET /runs/r1'] = problem(503, 'unavailable', 'Try again.');

    await model.refresh();

    const { value, error } = model.read(sources.run('r1'));
    expect(value?.id).toBe('r1');
    expect(error?.message).toBe('Try again.');
  });

  it('is offline while nobody answers, and online again afterwards', async () => {
    const { transport, model } = world();
    model.watch(sources.pools);
    transport.isAway = true;
    await model.refresh().catch(() => undefined);
    expect(model.connection).toBe('offline');

    transport.isAway = false;
    transport.answers['GET /pools'] = { items: [] };
    await model.refresh();

    expect(model.connection).toBe('online');
  });

  it('forgets what it showed when the caller is signed out', async () => {
    const { transport, model } = world();
    transport.answers['GET /runs/r1'] = aRun();
    model.watch(sources.run('r1'));
    await settled();
    transport.answers['GET /runs/r1'] = problem(401, 'unauthenticated', 'Log in.');

    await model.refresh();

    expect(model.connection).toBe('signed_out');
    expect(model.read(sources.run('r1')).value).toBeNull();
  });

  it('reads more rows of a list, and keeps them over a refresh', async () => {
    const { transport, model } = world();
    transport.answers['GET /runs'] = ({ query }: { query: { limit: number; cursor?: string } }) => {
      const below = Number(query.cursor ?? 999);
      return {
        items: Array.from({ length: query.limit }, (_, n) => aRun({ id: `r${below - 1 - n}` })),
        next_cursor: String(below - query.limit)
      };
    };
    const source = sources.runs();
    model.watch(source);
    await settled();

    await model.more(source);
    await model.refresh();

    expect(model.read(source).value?.items).toHaveLength(100);
  });

  it('makes one more load of many wishes that come while it loads', async () => {
    const { transport, model } = world();
    transport.answers['GET /runs/r1'] = aRun();
    model.watch(sources.run('r1'));
    await settled();

    await Promise.all([model.refresh(), model.refresh(), model.refresh()]);

    expect(transport.count('GET', '/runs/r1')).toBe(3);
  });

  it('loads what an event made stale', async () => {
    jest.useFakeTimers();
    const { transport, model } = world(true);
    transport.answers['GET /runs/r1'] = aRun({ state: 'running' });
    const event = { seq: 1, object_type: 'run', object_id: 'r1' };
    transport.streams = [bodyOf(`event: event\nid: 1\ndata: ${JSON.stringify(event)}\n\n`)];
    model.watch(sources.run('r1'));
    await model.start();
    await jest.advanceTimersByTimeAsync(100);
    const before = transport.count('GET', '/runs/r1');

    await jest.advanceTimersByTimeAsync(200);

    expect(transport.count('GET', '/runs/r1')).toBe(before + 1);
  });

  it('opens a cut stream again where it was cut', async () => {
    jest.useFakeTimers();
    const { transport, model } = world();
    transport.streams = [bodyOf('event: record\nid: 42\ndata: {"k":"cell","i":0}\n\n')];
    model.follow('r1');
    await settled();

    await jest.advanceTimersByTimeAsync(1500);

    expect(transport.streamed.map(({ lastEventId }) => lastEventId)).toEqual([undefined, '42']);
  });

  it('does not open the stream again after the end of a run', async () => {
    jest.useFakeTimers();
    const { transport, model } = world();
    transport.streams = [bodyOf('event: end\ndata: {}\n\n')];
    model.follow('r1');

    await jest.advanceTimersByTimeAsync(60_000);

    expect(transport.streamed).toHaveLength(1);
  });

  it('starts nothing and tells nothing after it is disposed', async () => {
    jest.useFakeTimers();
    const { transport, model } = world(true);
    const told = jest.fn();
    model.watch(sources.pools);
    await model.start();
    model.subscribe(told);
    model.dispose();
    const before = transport.asked.length;

    await jest.advanceTimersByTimeAsync(3600_000 * 2);

    expect(transport.asked.length).toBe(before);
    expect(told).not.toHaveBeenCalled();
  });
});

describe('fold', () => {
  const folded = (...records: Partial<JournalRecord>[]) =>
    records.reduce((picture, record) => fold(picture, record as JournalRecord), NOTHING_YET);

  it('joins pieces of one stream and keeps two streams apart', () => {
    const { cells } = folded(
      { k: 'cell', i: 1 },
      { k: 'text', i: 1, name: 'stdout', s: 'a' },
      { k: 'text', i: 1, name: 'stdout', s: 'b' },
      { k: 'text', i: 1, name: 'stderr', s: 'c' }
    );

    expect(cells[1].outputs.map(({ name, text }) => [name, text])).toEqual([
      ['stdout', 'ab'],
      ['stderr', 'c']
    ]);
  });

  it('clears at once, or with the next output', () => {
    const text = (s: string) => ({ k: 'text', i: 0, name: 'stdout', s });
    const before = folded({ k: 'cell', i: 0 }, text('old'), { k: 'clear', i: 0, wait: true });
    expect(before.cells[0].outputs[0].text).toBe('old');

    const after = fold(before, text('new') as unknown as JournalRecord);

    expect(after.cells[0].outputs.map(output => output.text)).toEqual(['new']);
  });

  it('changes an earlier display by its id', () => {
    const o = (value: string) => ({ output_type: 'display_data', data: { 'text/plain': value } });
    const { cells } = folded(
      { k: 'cell', i: 0 },
      { k: 'out', i: 0, o: o('10 %'), display_id: 'bar' },
      { k: 'cell', i: 1 },
      { k: 'update', display_id: 'bar', o: o('90 %') }
    );

    expect(cells[0].outputs[0].data).toEqual({ 'text/plain': '90 %' });
  });

  it('starts anew with a new attempt', () => {
    expect(folded({ k: 'cell', i: 0 }, { k: 'begin' })).toEqual(NOTHING_YET);
  });

  it('counts the start of a cell from the begin of its attempt', () => {
    const { cells } = folded(
      { k: 'begin', t: 0, at: '2026-11-23T09:00:00.000Z' },
      { k: 'cell', t: 1500, i: 0 }
    );

    expect(cells[0].startedAt).toBe('2026-11-23T09:00:01.500Z');
  });

  it('keeps what is noted', () => {
    expect(folded({ k: 'note', s: '2 processes could not be killed.' }).notes).toEqual([
      '2 processes could not be killed.'
    ]);
  });

  it('says where a cap cut, once, with the newest sums', () => {
    const cut = (dropped: number) => ({
      ...{ k: 'cut', i: 0, what: 'stdout', kept: 10_000, dropped },
      why: 'the limit of a cell is 10,000 bytes'
    });
    const { cells } = folded(
      { k: 'cell', i: 0 },
      { k: 'text', i: 0, name: 'stdout', s: 'a' },
      cut(5),
      { k: 'text', i: 0, name: 'stderr', s: 'b' },
      cut(2_000_000)
    );

    expect(cells[0].outputs.map(({ name, text }) => [name, text])).toEqual([
      ['stdout', 'a'],
      [
        'stderr',
        '[nightbook] stdout was cut: 10,000 bytes kept, 2,000,000 dropped (the limit of a cell is 10,000 bytes).\n'
      ],
      ['stderr', 'b']
    ]);
  });

  it('clears a note of a cut with the outputs of its cell', () => {
    const cut = { k: 'cut', i: 0, what: 'output', kept: 0, dropped: 1 };

    const { cells } = folded({ k: 'cell', i: 0 }, cut, { k: 'clear', i: 0, wait: true }, cut);

    expect(cells[0].outputs.length).toBe(1);
    expect(cells[0].clearNext).toBe(false);
  });

  it('fails no cell for an error that it expects', () => {
    const error = { ename: 'KeyError', evalue: 'x' };

    const { cells } = folded({ k: 'cell', i: 0 }, { k: 'done', i: 0, status: 'completed', error });

    expect(cells[0].state).toBe('succeeded');
  });

  it('marks a cell by how it was done', () => {
    const { cells, current } = folded(
      { k: 'cell', i: 0 },
      { k: 'done', i: 0, status: 'completed', error: null },
      { k: 'cell', i: 1 },
      { k: 'done', i: 1, status: 'failed', error: { ename: 'KeyError', evalue: 'x' } }
    );

    expect([cells[0].state, cells[1].state, current]).toEqual(['succeeded', 'failed', null]);
  });
});
