/**
 * The folders in which runs are browsed: by date, by schedule, by state.
 *
 * Each is made of one page of the API, or of a few questions for one run each: never of all runs. What is
 * listed are executed copies, each under its one path `<run id>/<notebook name>.ipynb`, wherever it is met.
 * Times are those of the reader.
 */
import type { Api } from '../api';
import type { RunQuery, RunState, RunView, ScheduleView, Words } from '../tokens';
import { stateWords } from '../views/parts/state';

/** A line of a folder; *path* is within the drive, *name* is for people. */
export interface Entry {
  kind: 'folder' | 'copy';
  name: string;
  path: string;
  at: string;
}

/** As many lines as one folder shows of runs; what is older stands in a folder of its own. */
export const MOST = 100;
const SCHEDULES = 200;
const NEVER = '1970-01-01T00:00:00Z';

const BY_DATE = 'By date';
const BY_SCHEDULE = 'By schedule';
const BY_STATE = 'By state';
const OLDER = 'Older';
const ROOTS = [BY_DATE, BY_SCHEDULE, BY_STATE];

/** The ends that leave an executed copy, under the names of their folders. */
const STATES = new Map<string, RunState>([
  ['Succeeded', 'succeeded'],
  ['Failed', 'failed'],
  ['Timed out', 'timed_out'],
  ['Cancelled', 'cancelled'],
  ['Lost', 'lost']
]);
const EXECUTED = [...STATES.values()];

type Unit = 'year' | 'month' | 'day';
type Says = (run: RunView) => string;

/** Runs of which a folder tells: which, below which path, and what their lines say beside the time. */
interface Shelf {
  filter: RunQuery;
  path: string;
  says: Says;
  /** Whether the newest stand in the first folder already. */
  isNewestFirst: boolean;
}

export class RunFolders {
  constructor(
    private readonly _api: Pick<Api, 'runs' | 'schedules'>,
    private readonly _words: Words
  ) {}

  /** What is in the folder at *path*; null where there is none. */
  async list(path: string): Promise<Entry[] | null> {
    const [root, key, ...rest] = path.split('/').filter(Boolean);
    switch (root) {
      case undefined:
        return this._roots();
      case BY_DATE:
        return this._dated(this._ofAll(), key === undefined ? [] : [key, ...rest]);
      case BY_SCHEDULE: {
        const cursor = cursorOf(key);
        if (key === undefined || cursor) {
          return rest.length === 0 ? this._schedules(cursor) : null;
        }
        const id = await this._scheduleOf(key);
        return id === null ? null : this._dated(this._ofSchedule(key, id), rest);
      }
      case BY_STATE: {
        const state = STATES.get(key ?? '');
        if (key === undefined) {
          return this._states();
        }
        return state === undefined ? null : this._dated(this._ofState(key, state), rest);
      }
      default:
        return null;
    }
  }

  private _roots(): Entry[] {
    const { __ } = this._words;
    const names = [__('By date'), __('By schedule'), __('By state')];
    return ROOTS.map((path, index) => folder(names[index], path));
  }

  private _states(): Entry[] {
    return [...STATES].map(([path, state]) =>
      folder(stateWords(state, this._words), `${BY_STATE}/${path}`)
    );
  }

  private async _schedules(cursor?: string): Promise<Entry[]> {
    const page = await this._api.schedules({ limit: SCHEDULES, cursor });
    const found = page.items.map(schedule => {
      const key = segmentOf(schedule);
      this._known.set(key, schedule.id);
      return folder(schedule.name, `${BY_SCHEDULE}/${key}`, schedule.created_at);
    });
    if (page.next_cursor) {
      const name = this._words.__('Older schedules');
      found.push(folder(name, `${BY_SCHEDULE}/${olderThan(page.next_cursor)}`));
    }
    return found;
  }

  /** The schedule that a folder is of; after a reload it is looked for by its name. */
  private async _scheduleOf(key: string): Promise<string | null> {
    const known = this._known.get(key);
    if (known !== undefined) {
      return known;
    }
    let cursor: string | null | undefined;
    do {
      const page = await this._api.schedules({ q: soughtFor(key), limit: SCHEDULES, cursor });
      const found = page.items.find(schedule => segmentOf(schedule) === key);
      if (found) {
        this._known.set(key, found.id);
        return found.id;
      }
      cursor = page.next_cursor;
    } while (cursor);
    return null;
  }

  // ---- the shelves

  private _ofAll(): Shelf {
    const says: Says = run => `${stateWords(run.state, this._words)} · ${stemOf(run)}`;
    return { filter: { state: EXECUTED }, path: BY_DATE, says, isNewestFirst: false };
  }

  private _ofSchedule(key: string, id: string): Shelf {
    const filter = { schedule_id: id, state: EXECUTED };
    const says: Says = run => stateWords(run.state, this._words);
    return { filter, says, path: `${BY_SCHEDULE}/${key}`, isNewestFirst: true };
  }

  private _ofState(key: string, state: RunState): Shelf {
    const path = `${BY_STATE}/${key}`;
    return { filter: { state }, path, says: stemOf, isNewestFirst: true };
  }

  // ---- years, months, days

  private async _dated(shelf: Shelf, rest: string[]): Promise<Entry[] | null> {
    const [day, older] = rest.length > 3 ? [rest.slice(0, 3), rest.slice(3)] : [rest, []];
    const span = spanOf(day);
    const cursor = cursorOf(older[0]);
    if (span === null || older.length > 1 || (older.length === 1 && !cursor)) {
      return null;
    }
    switch (day.length) {
      case 0:
        return shelf.isNewestFirst ? this._newest(shelf) : this._units(shelf, day, 'year', span);
      case 1:
        return this._units(shelf, day, 'month', span);
      case 2:
        return this._units(shelf, day, 'day', span);
      default:
        return this._day(shelf, day, span, cursor);
    }
  }

  private async _newest(shelf: Shelf): Promise<Entry[]> {
    const page = await this._api.runs({ ...shelf.filter, limit: MOST });
    const copies = copiesOf(page.items, run => `${dayWords(run)} ${lineOf(run, shelf.says)}`);
    return page.next_cursor ? [...(await this._units(shelf, [], 'year', {})), ...copies] : copies;
  }

  private async _day(
    shelf: Shelf,
    day: string[],
    span: Span,
    cursor: string | undefined
  ): Promise<Entry[]> {
    const page = await this._api.runs({ ...shelf.filter, ...span, cursor, limit: MOST });
    const copies = copiesOf(page.items, run => lineOf(run, shelf.says));
    if (!page.next_cursor) {
      return copies;
    }
    const path = [shelf.path, ...day, olderThan(page.next_cursor)].join('/');
    return [folder(this._words.__('Older runs of this day'), path), ...copies];
  }

  /** A folder for each year, month or day that has a run; one question each, of which an index knows the answer. */
  private async _units(shelf: Shelf, above: string[], unit: Unit, span: Span): Promise<Entry[]> {
    const found: Entry[] = [];
    let { until } = span;
    for (;;) {
      const page = await this._api.runs({ ...shelf.filter, since: span.since, until, limit: 1 });
      if (page.items.length === 0) {
        return found;
      }
      const start = startOf(new Date(page.items[0].created_at), unit);
      until = start.toISOString();
      const path = [shelf.path, ...above, keyOf(start, unit)].join('/');
      found.push(folder(nameOf(start, unit), path, until));
    }
  }

  private readonly _known = new Map<string, string>();
}

function folder(name: string, path: string, at = NEVER): Entry {
  return { kind: 'folder', name, path, at };
}

/** The lines of runs that have a copy; where two would read the same, the later ones are numbered. */
function copiesOf(runs: readonly RunView[], says: Says): Entry[] {
  const met = new Map<string, number>();
  return runs
    .filter(run => run.started_at)
    .map(run => {
      const line = says(run);
      const count = (met.get(line) ?? 0) + 1;
      met.set(line, count);
      const path = `${run.id}/${run.notebook.path.replace(/^.*\//, '')}`;
      return {
        kind: 'copy',
        name: count > 1 ? `${line} (${count})` : line,
        path,
        at: run.created_at
      };
    });
}

function stemOf(run: RunView): string {
  return run.notebook.path.replace(/^.*\//, '').replace(/\.ipynb$/, '');
}

// ---------------------------------------------------------------- times

interface Span {
  since?: string;
  until?: string;
}

/** The time between two midnights of the reader that a folder's numbers name; null where they name none. */
function spanOf(numbers: string[]): Span | null {
  const widths = [4, 2, 2];
  if (!numbers.every((text, place) => /^\d+$/.test(text) && text.length === widths[place])) {
    return null;
  }
  if (numbers.length === 0) {
    return {};
  }
  const [year, month = 1, day = 1] = numbers.map(Number);
  const start = new Date(year, month - 1, day);
  const isThere = start.getMonth() === month - 1 && start.getDate() === day;
  const ends = [
    new Date(year + 1, 0, 1),
    new Date(year, month, 1),
    new Date(year, month - 1, day + 1)
  ];
  const end = ends[numbers.length - 1];
  return isThere ? { since: start.toISOString(), until: end.toISOString() } : null;
}

function startOf(moment: Date, unit: Unit): Date {
  const month = unit === 'year' ? 0 : moment.getMonth();
  const day = unit === 'day' ? moment.getDate() : 1;
  return new Date(moment.getFullYear(), month, day);
}

function keyOf(start: Date, unit: Unit): string {
  const numbers = { year: start.getFullYear(), month: start.getMonth() + 1, day: start.getDate() };
  return padded(numbers[unit], unit === 'year' ? 4 : 2);
}

function nameOf(start: Date, unit: Unit): string {
  switch (unit) {
    case 'year':
      return keyOf(start, unit);
    case 'month':
      return `${keyOf(start, unit)} · ${start.toLocaleString(undefined, { month: 'long' })}`;
    case 'day':
      return `${keyOf(start, unit)} · ${start.toLocaleString(undefined, { weekday: 'long' })}`;
  }
}

function dayWords({ created_at: at }: RunView): string {
  const moment = new Date(at);
  return [keyOf(moment, 'year'), keyOf(moment, 'month'), keyOf(moment, 'day')].join('-');
}

function lineOf(run: RunView, says: Says): string {
  const at = new Date(run.created_at);
  const time = [at.getHours(), at.getMinutes()].map(part => padded(part, 2));
  return `${time.join(':')} · ${says(run)}`;
}

function padded(number: number, width: number): string {
  return String(number).padStart(width, '0');
}

// ---------------------------------------------------------------- parts of paths

function olderThan(cursor: string): string {
  return `${OLDER} ~${cursor}`;
}

function cursorOf(part: string | undefined): string | undefined {
  return /^Older ~([A-Za-z0-9_-]+)$/.exec(part ?? '')?.[1];
}

const SLASH = '\u2215';
const DOT = '\u2024';

/**
 * The name of a schedule as one part of a path. Names differ from each other, so one that can stand as it is
 * needs no more; one that had to be changed carries the end of its id.
 */
function segmentOf({ id, name }: Pick<ScheduleView, 'id' | 'name'>): string {
  const text = name
    .replace(/\//g, SLASH)
    .replace(/\p{Cc}/gu, ' ')
    .replace(/^\.+$/, dots => DOT.repeat(dots.length));
  return text === name && !cursorOf(name) ? name : `${text} ~${id.slice(-8)}`;
}

/** The longest piece of a folder's name that surely stands in the name of its schedule too. */
function soughtFor(key: string): string {
  const text = key.replace(/ ~[0-9a-f]{8}$/, '');
  const pieces = text === key ? [key] : text.split(/[\u2215\u2024 ]/);
  const longest = pieces.reduce((best, piece) => (piece.length > best.length ? piece : best), '');
  return longest.slice(0, 200);
}
