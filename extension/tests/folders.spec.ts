import { type Entry, MOST, RunFolders } from '../src/lab/folders';
import type { Page, Query, RunQuery, RunView, ScheduleView } from '../src/tokens';
import { aRun, aSchedule } from './fakes';

const WORDS = { __: (text: string) => text, _n: (one: string) => one };

/** Moments of the reader's own clock, as the API tells them. */
function at(year: number, month: number, day: number, hour = 7, minute = 30, second = 5): string {
  return new Date(year, month - 1, day, hour, minute, second).toISOString();
}

let count = 0;

function copy(moment: string, part: Partial<RunView> = {}): RunView {
  count += 1;
  const id = `0192f0c1-2345-7abc-8def-${String(count).padStart(12, '0')}`;
  return aRun({ id, created_at: moment, started_at: moment, ...part });
}

/** An API that keeps to the filters, newest first, and counts what it is asked. */
class FakeApi {
  asked = 0;
  constructor(
    private readonly _runs: RunView[],
    private readonly _schedules: ScheduleView[] = []
  ) {}

  async runs(query: RunQuery = {}): Promise<Page<RunView>> {
    this.asked += 1;
    const states = query.state === undefined ? null : [query.state].flat();
    const found = this._runs
      .filter(run => !states || states.includes(run.state))
      .filter(run => !query.schedule_id || run.schedule_id === query.schedule_id)
      .filter(run => !query.since || run.created_at >= query.since)
      .filter(run => !query.until || run.created_at < query.until)
      .sort((a, b) => b.created_at.localeCompare(a.created_at));
    return cut(found, query);
  }

  async schedules(query: Query = {}): Promise<Page<ScheduleView>> {
    this.asked += 1;
    const found = this._schedules.filter(({ name }) => name.includes(String(query.q ?? '')));
    return cut(found, query);
  }
}

function cut<Item>(items: Item[], { cursor, limit }: Query): Page<Item> {
  const start = cursor ? Number(String(cursor).slice(1)) : 0;
  const end = start + Number(limit);
  return { items: items.slice(start, end), next_cursor: end < items.length ? `c${end}` : null };
}

function browse(runs: RunView[], schedules: ScheduleView[] = []) {
  const api = new FakeApi(runs, schedules);
  return { api, folders: new RunFolders(api, WORDS) };
}

const names = (entries: Entry[] | null) => entries?.map(({ name }) => name);
const paths = (entries: Entry[] | null) => entries?.map(({ path }) => path);

describe('Runs by date', () => {
  const runs = [
    copy(at(2024, 2, 29)),
    copy(at(2026, 1, 1, 0, 0, 0)),
    copy(at(2026, 11, 22, 23, 59, 59)),
    copy(at(2026, 11, 23, 0, 0, 0), { state: 'failed' }),
    copy(at(2026, 11, 23), { notebook: { path: 'a/b/Ünder 100%.ipynb', sha256: 'a' } }),
    copy(at(2026, 11, 23, 9), { state: 'skipped', started_at: null })
  ];

  it('begin with three ways to look', async () => {
    const { api, folders } = browse(runs);

    expect(paths(await folders.list(''))).toEqual(['By date', 'By schedule', 'By state']);
    expect(api.asked).toBe(0);
  });

  it('have a folder for each year, month and day that has one, and no other', async () => {
    const { folders } = browse(runs);

    expect(paths(await folders.list('By date'))).toEqual(['By date/2026', 'By date/2024']);
    expect(paths(await folders.list('By date/2026'))).toEqual([
      'By date/2026/11',
      'By date/2026/01'
    ]);
    expect(names(await folders.list('By date/2026/11'))).toEqual(['23 · Monday', '22 · Sunday']);
    expect(paths(await folders.list('By date/2024/02'))).toEqual(['By date/2024/02/29']);
  });

  it('stand in the day of the reader, each under its own path', async () => {
    const { folders } = browse(runs);

    const day = await folders.list('By date/2026/11/23');

    expect(names(day)).toEqual(['07:30 · Succeeded · Ünder 100%', '00:00 · Failed · sales']);
    expect(paths(day)).toEqual([`${runs[4].id}/Ünder 100%.ipynb`, `${runs[3].id}/sales.ipynb`]);
  });

  it('that read the same are numbered', async () => {
    const { folders } = browse([copy(at(2026, 5, 1)), copy(at(2026, 5, 1)), copy(at(2026, 5, 1))]);

    const line = '07:30 · Succeeded · sales';
    expect(names(await folders.list('By date/2026/05/01'))).toEqual([
      line,
      `${line} (2)`,
      `${line} (3)`
    ]);
  });

  it('of a full day are shown a page at a time, the older ones in a folder', async () => {
    const many = Array.from({ length: 2 * MOST + 1 }, (_, n) => copy(at(2026, 5, 1, 1, 0, n)));
    const { api, folders } = browse(many);

    const newest = await folders.list('By date/2026/05/01');
    const older = await folders.list(newest?.[0].path ?? '');
    const oldest = await folders.list(older?.[0].path ?? '');

    expect([newest, older, oldest].map(page => page?.length)).toEqual([MOST + 1, MOST + 1, 1]);
    expect(newest?.[0].name).toBe('Older runs of this day');
    expect(api.asked).toBe(3);
  });

  it.each(['Elsewhere', 'By date/x', 'By date/26', 'By date/2026/13', 'By date/2026/02/30'])(
    'are not at %s',
    async path => expect(await browse(runs).folders.list(path)).toBeNull()
  );

  it.each(['By date/2026/11/23/07', 'By date/2026/11/23/Older ~c1/x', 'By state/Skipped'])(
    'are not at %s',
    async path => expect(await browse(runs).folders.list(path)).toBeNull()
  );
});

describe('Runs by state', () => {
  it('show the newest, and years where there are more', async () => {
    const few = browse([copy(at(2026, 5, 1), { state: 'timed_out' }), copy(at(2026, 5, 2))]);
    const many = browse(Array.from({ length: MOST + 1 }, (_, n) => copy(at(2020 + (n % 3), 5, 1))));

    expect(names(await few.folders.list('By state/Timed out'))).toEqual([
      '2026-05-01 07:30 · sales'
    ]);
    const listed = names(await many.folders.list('By state/Succeeded')) ?? [];
    expect(listed.slice(0, 3)).toEqual(['2022', '2021', '2020']);
    expect(listed).toHaveLength(3 + MOST);
    // One page, and one question for each year and for the time before the first.
    expect(many.api.asked).toBe(5);
  });
});

describe('Runs by schedule', () => {
  const odd = ['a/b', 'a\u2215b', '..', 'Sales: daily', 'Older ~abc', '100 % "x"?#', ' ~12345678'];
  const schedules = odd.map((name, n) =>
    aSchedule({ name, id: `0192f0c1-2345-7abc-8def-00000000000${n}`, created_at: at(2026, 1, 1) })
  );
  const runs = schedules.map(({ id }) => copy(at(2026, 5, 1), { schedule_id: id }));

  it.each(odd.map((name, n) => [name, n] as const))(
    'are found whatever its name is: %s',
    async (name, n) => {
      const { folders } = browse(runs, schedules);
      const listed = (await folders.list('By schedule')) ?? [];
      expect(listed[n].name).toBe(name);
      expect(listed[n].path.split('/')).toHaveLength(2);

      const copies = await folders.list(listed[n].path);
      // Another tab, or this one after a reload, knows nothing but the path.
      const afresh = await browse(runs, schedules).folders.list(listed[n].path);

      expect(paths(copies)).toEqual([`${runs[n].id}/sales.ipynb`]);
      expect(names(copies)).toEqual(['2026-05-01 07:30 · Succeeded']);
      expect(afresh).toEqual(copies);
    }
  );

  it('each have a path of their own', async () => {
    const listed = await browse(runs, schedules).folders.list('By schedule');

    expect(new Set(paths(listed)).size).toBe(odd.length);
  });

  it('of a schedule that is gone are not there', async () => {
    expect(await browse(runs, schedules).folders.list('By schedule/Gone')).toBeNull();
  });

  it('have pages of schedules too', async () => {
    const many = Array.from({ length: 250 }, (_, n) => aSchedule({ id: `s${n}`, name: `N ${n}` }));
    const { folders } = browse([], many);

    const first = (await folders.list('By schedule')) ?? [];
    const rest = await folders.list(first[200].path);

    expect([first.length, first[200].name, rest?.length]).toEqual([201, 'Older schedules', 50]);
    expect(await folders.list('By schedule/N 249')).toEqual([]);
  });
});
