/**
 * What can be watched: a key that names it, and how it is loaded.
 *
 * A key's first word is the concept, which is how an event finds what it makes stale.
 */
import type { Api, Tagged } from '../api';
import type * as wire from '../tokens';
import { LongList, type Order, type Stretch } from './longList';

export interface Source<Value> {
  key: string;
  /** Loads as many rows as are *shown*, or afresh those at the top and *inView*. */
  load(api: Api, shown: number, inView: Stretch): Promise<Value>;
  /** Whether rows of a long list have to be read again before they are looked at. */
  isStale?(inView: Stretch): boolean;
}

/** How many rows one step of "load more" adds, and the most that one request may ask for. */
export const STEP = 50;
const MOST = 200;

export interface NotebookDetail {
  version: wire.VersionView;
  parameters: wire.ParameterList;
}

function keyOf(concept: string, query: object): string {
  const asked = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  return `${concept}?${JSON.stringify(asked.sort(([a], [b]) => a.localeCompare(b)))}`;
}

/** Reads as many rows as are shown, in as few requests as the API allows. */
async function rows<Item>(
  shown: number,
  page: (query: wire.Query) => Promise<wire.Page<Item>>
): Promise<wire.Page<Item>> {
  const items: Item[] = [];
  let cursor: string | null = null;
  do {
    const limit = Math.min(MOST, shown - items.length);
    const answer: wire.Page<Item> = await page({ limit, cursor: cursor ?? undefined });
    items.push(...answer.items);
    cursor = answer.next_cursor ?? null;
  } while (cursor && items.length < shown);
  return { items, next_cursor: cursor };
}

export const overview: Source<wire.OverviewView> = {
  key: 'overview',
  load: api => api.overview(Intl.DateTimeFormat().resolvedOptions().timeZone)
};

/** What ran and will run in a span. The keys begin as the landing page's: they are stale when it is. */
export function timeline(start: string, end: string): Source<wire.TimelineView> {
  return { key: `overview-timeline:${start}:${end}`, load: api => api.timeline(start, end) };
}

/** Counts for the days of the reader's zone from *first* to *last*. */
export function calendar(first: string, last: string): Source<wire.CalendarView> {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return {
    key: `overview-calendar:${first}:${last}`,
    load: api => api.calendar(first, last, zone)
  };
}

/** How a schedule has gone lately. */
export function stats(schedule: string): Source<wire.StatsView> {
  return { key: `schedule-stats:${schedule}`, load: api => api.stats(schedule) };
}

/** What is usual for a run like this; *cells* is how many it has, as far as that is known. */
export function usual(run: string, cells: number | null): Source<wire.UsualView> {
  return { key: `usual:${run}:${cells ?? ''}`, load: api => api.usual(run) };
}

/** A list that is read as it is looked at; the model keeps the first source of a key, and its rows. */
function longList<Row extends { id: string }>(
  concept: string,
  filters: object,
  order: Order,
  ask: (api: Api, query: wire.Query) => Promise<wire.Page<Row>>
): Source<wire.Page<Row>> {
  const list = new LongList<Row>(order);
  const asked = { ...filters, sort: order === 'oldest' ? 'created_at' : undefined };
  return {
    key: keyOf(concept, asked),
    load: (api, shown, inView) =>
      list.load(shown, inView, query => ask(api, { ...asked, ...query })),
    isStale: inView => list.isStale(inView)
  };
}

export function runs(
  filters: wire.RunFilters = {},
  order: Order = 'newest'
): Source<wire.Page<wire.RunView>> {
  return longList('runs', filters, order, (api, query) => api.runs(query));
}

export function schedules(
  filters: wire.ScheduleFilters = {},
  order: Order = 'newest'
): Source<wire.Page<wire.ScheduleView>> {
  return longList('schedules', filters, order, (api, query) => api.schedules(query));
}

export function notebooks(q = ''): Source<wire.Page<wire.NotebookView>> {
  return {
    key: keyOf('notebooks', { q }),
    load: (api, shown) => rows(shown, query => api.notebooks({ ...query, q: q || undefined }))
  };
}

export function run(id: string): Source<wire.RunView> {
  return { key: `run:${id}`, load: api => api.run(id) };
}

/** What *other* has otherwise. */
export function diff(id: string, other: string): Source<wire.RunDiff> {
  return { key: `run-diff:${id}:${other}`, load: api => api.diff(id, other) };
}

export function cells(id: string): Source<wire.CellView[]> {
  return { key: `run-cells:${id}`, load: api => api.cells(id) };
}

/** What a cell of a run that is over showed. */
export function cellOutputs(id: string, index: number): Source<wire.NotebookOutput[]> {
  return { key: `cell-outputs:${id}:${index}`, load: api => api.cellOutputs(id, index) };
}

export function manifest(id: string): Source<wire.Manifest> {
  return { key: `manifest:${id}`, load: api => api.manifest(id) };
}

export function log(id: string): Source<string> {
  return { key: `run-log:${id}`, load: api => api.log(id) };
}

export function artifacts(id: string): Source<wire.ArtifactView[]> {
  return { key: `run-artifacts:${id}`, load: api => api.artifacts(id) };
}

/** What a server can make of an executed copy. */
export const exportFormats: Source<wire.ExportFormatView[]> = {
  key: 'exports',
  load: api => api.exports()
};

export function schedule(id: string): Source<Tagged<wire.ScheduleView>> {
  return { key: `schedule:${id}`, load: api => api.schedule(id) };
}

/** The newest run that succeeded, and the newest that ended. */
export function results(id: string): Source<{ good: wire.RunView; newest: wire.RunView }> {
  return {
    key: `schedule-results:${id}`,
    load: async api => {
      const [good, newest] = await Promise.all([api.latestGood(id), api.latest(id)]);
      return { good, newest };
    }
  };
}

export function occurrences(id: string): Source<wire.Page<wire.OccurrenceView>> {
  return {
    key: `schedule-occurrences:${id}`,
    load: (api, shown) => rows(shown, query => api.occurrences(id, query))
  };
}

export function fireTimes(id: string, count: number): Source<wire.PreviewView> {
  return { key: `schedule-preview:${id}:${count}`, load: api => api.previewSchedule(id, count) };
}

/** A version never changes, so its parameters are read once. */
export function notebook(sha256: string): Source<NotebookDetail> {
  return {
    key: `version:${sha256}`,
    load: api => readNotebook(api, sha256)
  };
}

async function readNotebook(api: Api, sha256: string): Promise<NotebookDetail> {
  const [version, parameters] = await Promise.all([api.version(sha256), api.parameters(sha256)]);
  return { version, parameters };
}

export function latestVersion(path: string): Source<NotebookDetail> {
  return {
    key: `notebook-latest:${path}`,
    load: async api => {
      const { items } = await api.versions(path, { limit: 1 });
      return readNotebook(api, items[0].sha256);
    }
  };
}

export function findings(sha256: string, pool?: string, kernel?: string): Source<wire.Finding[]> {
  return {
    key: keyOf(`check:${sha256}`, { pool, kernel }),
    load: api => api.check(sha256, { pool, kernel })
  };
}

export const pools: Source<wire.PoolView[]> = { key: 'pools', load: api => api.pools() };

export const kernels: Source<wire.KernelView[]> = { key: 'kernels', load: api => api.kernels() };

/** The SHA-256 of a notebook's newest version. */
export function newestVersion(path: string): Source<string | null> {
  return {
    key: `notebook-newest:${path}`,
    load: async api => (await api.versions(path, { limit: 1 })).items[0]?.sha256 ?? null
  };
}
