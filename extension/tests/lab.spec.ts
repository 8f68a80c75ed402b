import { followToTheEnd, TabApi } from '../src/lab/began';
import { linkedRun, LINK, withoutLink } from '../src/lab/link';
import { Model, sources } from '../src/model';
import type { RunView } from '../src/tokens';
import { aRun, FakeTransport } from './fakes';

const RUN = '0192f0c1-2345-7abc-8def-0123456789ab';

function at(search: string) {
  return { path: '/lab', search, hash: '#cell', request: `/lab${search}#cell` };
}

describe('A link to a run', () => {
  it.each([`?nightbook-run=${RUN}`, `?reset&nightbook-run=${RUN}`])('names it: %s', search => {
    expect(LINK.test(search)).toBe(true);
    expect(linkedRun(at(search))).toBe(RUN);
  });

  it.each(['?nightbook-run=', '?nightbook-run=../../x', '?nightbook-run=1', ''])(
    'that names no run is not followed: %s',
    search => expect(linkedRun(at(search))).toBeNull()
  );

  it('leaves the address when it was followed, and what else stands there stays', () => {
    expect(withoutLink(at(`?nightbook-run=${RUN}`))).toBe('/lab#cell');
    expect(withoutLink(at(`?reset=1&nightbook-run=${RUN}`))).toBe('/lab?reset=1#cell');
  });
});

describe('The runs that this tab began', () => {
  function world() {
    const transport = new FakeTransport();
    const api = new TabApi(transport);
    const model = new Model(api, { streaming: false, pollSeconds: 3600 });
    const ended: RunView[] = [];
    followToTheEnd(api, model, run => ended.push(run));
    return { transport, api, model, ended };
  }

  it.each([
    ['POST /runs', (api: TabApi) => api.startRun({ notebook: 'a' })],
    ['POST /runs/r0/rerun', (api: TabApi) => api.rerun('r0', {})],
    ['POST /schedules/s1/run', (api: TabApi) => api.runSchedule('s1')]
  ])('are told of once, when they have ended: %s', async (route, begin) => {
    const { transport, api, model, ended } = world();
    transport.answers[route] = aRun({ id: 'r1', state: 'queued' });
    transport.answers['GET /runs/r1'] = aRun({ id: 'r1', state: 'running' });
    await begin(api);
    await model.refresh('run');
    expect(ended).toEqual([]);

    transport.answers['GET /runs/r1'] = aRun({ id: 'r1', state: 'failed' });
    await model.refresh('run');
    await model.refresh('run');

    expect(ended.map(({ id, state }) => [id, state])).toEqual([['r1', 'failed']]);
    model.dispose();
  });

  it('are the only ones: a run that is merely looked at is not told of', async () => {
    const { transport, model, ended } = world();
    transport.answers['GET /runs/r2'] = aRun({ id: 'r2', state: 'succeeded' });
    model.watch(sources.run('r2'));

    await model.refresh('run');

    expect(model.read(sources.run('r2')).value?.state).toBe('succeeded');
    expect(ended).toEqual([]);
    model.dispose();
  });
});
