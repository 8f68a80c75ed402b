/**
 * The form's draft: what a person has entered so far, checked as it is entered, and what is sent.
 *
 * Pure. Errors are named by the API's own field paths (`parameters.n`, `trigger.expression`), so that a
 * refusal of the server and a fault found here are shown at the same place.
 */
import type {
  Json,
  Parameter,
  ParameterList,
  RRuleView,
  RunDraft,
  ScheduleDraft,
  SchedulePatch,
  ScheduleView,
  Words
} from '../../tokens';
import { isTimed, newTiming, type Timing, timingErrors, timingOf, triggerOf } from './timing';
import { type Entry, entryOf, isSame, read } from './values';
import { instantOf, wallClock } from './zones';

export interface Draft {
  name: string;
  follow: 'pinned' | 'latest';
  parameters: Record<string, Entry>;
  timing: Timing;
  pool: string;
  kernel: string;
  timeoutMinutes: string;
  cellTimeoutMinutes: string;
  retries: string;
  /** The classes of failure after which a retry is worth it. */
  retryOn: NonNullable<RunDraft['retry_on']>;
  retryDelayMinutes: string;
  expireHours: string;
  retryOnWorkerLoss: boolean;
  priority: string;
  catchUp: NonNullable<ScheduleDraft['catch_up']>;
  overlap: NonNullable<ScheduleDraft['overlap']>;
  startAt: string;
  endAt: string;
  holidays: string;
  excludeDates: string;
  onExcluded: NonNullable<ScheduleDraft['on_excluded']>;
  jitterMinutes: string;
  maxRuns: string;
  pauseAfter: string;
  description: string;
  tags: string;
  runbookUrl: string;
  paused: boolean;
}

export type Errors = Record<string, string>;

const DEFAULT_TIMEOUT_MINUTES = 240;
const LONGEST_MINUTES = 10_080;

export function nameOf(path: string): string {
  return path
    .replace(/^.*\//, '')
    .replace(/\.ipynb$/, '')
    .replace(/[-_]+/g, ' ')
    .trim();
}

export function newDraft(path: string, declared: ParameterList, zone?: string): Draft {
  return {
    name: nameOf(path),
    follow: 'pinned',
    parameters: entriesOf(declared, {}),
    timing: newTiming(zone),
    pool: 'default',
    kernel: '',
    timeoutMinutes: String(DEFAULT_TIMEOUT_MINUTES),
    cellTimeoutMinutes: '',
    retries: '0',
    retryOn: ['code', 'kernel_died'],
    retryDelayMinutes: '1',
    expireHours: '24',
    retryOnWorkerLoss: false,
    priority: '50',
    catchUp: 'latest',
    overlap: 'skip',
    startAt: '',
    endAt: '',
    holidays: '',
    excludeDates: '',
    onExcluded: 'skip',
    jitterMinutes: '0',
    maxRuns: '',
    pauseAfter: '',
    description: '',
    tags: '',
    runbookUrl: '',
    paused: false
  };
}

/** The draft of a schedule as it is now, for editing. */
export function draftOf(schedule: ScheduleView, declared: ParameterList): Draft {
  const timing = timingOf(schedule.trigger);
  const local = (at: string | null) => (at ? wallClock(new Date(at), timing.zone) : '');
  return {
    ...newDraft(schedule.notebook.path, declared),
    name: schedule.name,
    follow: schedule.follows_latest ? 'latest' : 'pinned',
    parameters: entriesOf(declared, schedule.parameters),
    timing,
    pool: schedule.pool,
    kernel: schedule.kernel ?? '',
    timeoutMinutes: minutes(schedule.timeout_seconds),
    cellTimeoutMinutes: minutes(schedule.cell_timeout_seconds),
    retries: String(schedule.retries),
    retryOn: schedule.retry_on as Draft['retryOn'],
    retryDelayMinutes: minutes(schedule.retry_delay_seconds),
    expireHours: hours(schedule.expire_after_seconds),
    retryOnWorkerLoss: schedule.retry_on_worker_loss,
    priority: String(schedule.priority),
    catchUp: schedule.catch_up as Draft['catchUp'],
    overlap: schedule.overlap as Draft['overlap'],
    startAt: local(schedule.start_at),
    endAt: local(schedule.end_at),
    holidays: schedule.holidays ?? '',
    excludeDates: schedule.exclude_dates.join(', '),
    onExcluded: schedule.on_excluded as Draft['onExcluded'],
    jitterMinutes: minutes(schedule.jitter_seconds) || '0',
    maxRuns: schedule.max_runs === null ? '' : String(schedule.max_runs),
    pauseAfter: schedule.pause_after_failures === null ? '' : String(schedule.pause_after_failures),
    description: schedule.description,
    tags: schedule.tags.join(', '),
    runbookUrl: schedule.runbook_url ?? '',
    paused: schedule.state === 'paused'
  };
}

/** What a calendar's rule changes of a draft. */
export function ruleOf(read: RRuleView, draft: Draft): Partial<Draft> {
  const timing = timingOf(read.trigger);
  const local = (at: string | null) => (at ? wallClock(new Date(at), timing.zone) : '');
  const { finishBy, margin } = draft.timing;
  return {
    timing: { ...timing, finishBy, margin },
    startAt: local(read.start_at),
    endAt: local(read.end_at),
    maxRuns: read.max_runs === null ? '' : String(read.max_runs),
    excludeDates: read.exclude_dates.join(', ')
  };
}

function minutes(seconds: number | null): string {
  return seconds ? String(Math.round((seconds / 60) * 1000) / 1000) : '';
}

function hours(seconds: number | null): string {
  return seconds ? String(Math.round((seconds / 3600) * 10_000) / 10_000) : '';
}

/** What each field shows: the given value, or the notebook's own default. */
export function entriesOf(
  declared: ParameterList,
  given: Record<string, unknown>
): Record<string, Entry> {
  const entries: Record<string, Entry> = {};
  for (const parameter of editable(declared)) {
    const value = parameter.name in given ? given[parameter.name] : parameter.default;
    entries[parameter.name] = entryOf(parameter, value);
  }
  return entries;
}

export function editable(declared: ParameterList): Parameter[] {
  return declared.items.filter(parameter => parameter.editable);
}

/** What a person has changed in a form: parts of it, and of the parameters those that differ now. */
export type Changes = Partial<Draft>;

export function changesWith(changes: Changes, part: Changes, before: Draft): Changes {
  const { parameters, ...rest } = part;
  const changed = Object.entries(parameters ?? {}).filter(
    ([name, entry]) => entry !== before.parameters[name]
  );
  return {
    ...changes,
    ...rest,
    parameters: parameters ? Object.fromEntries(changed) : changes.parameters
  };
}

/** *draft* with *changes* of another version's form; parameters that are declared no more are let go. */
export function changedDraft(draft: Draft, changes: Changes): Draft {
  const known = Object.entries(changes.parameters ?? {}).filter(
    ([name]) => name in draft.parameters
  );
  return {
    ...draft,
    ...changes,
    parameters: { ...draft.parameters, ...Object.fromEntries(known) }
  };
}

/** The parameters that differ from the notebook's defaults, or were *given* before, and what is wrong. */
export function parametersOf(
  declared: ParameterList,
  entries: Draft['parameters'],
  given: Record<string, unknown>,
  words: Words
): { values: Record<string, Json>; errors: Errors } {
  const values: Record<string, Json> = {};
  const errors: Errors = {};
  for (const parameter of editable(declared)) {
    const entry = entries[parameter.name] ?? entryOf(parameter, parameter.default);
    const found = read(parameter, entry, words);
    if (found.error !== undefined) {
      errors[`parameters.${parameter.name}`] = found.error;
    } else if (
      parameter.required ||
      parameter.name in given ||
      !isSame(found.value, parameter.default)
    ) {
      values[parameter.name] = found.value;
    }
  }
  return { values, errors };
}

function limitErrors(draft: Draft, { __ }: Words): Errors {
  const errors: Errors = {};
  const inMinutes = (text: string) => Number(text) > 0 && Number(text) <= LONGEST_MINUTES;
  if (!inMinutes(draft.timeoutMinutes)) {
    errors.timeout_seconds = __('Enter minutes, from 1 to 10,080 (a week).');
  }
  if (draft.cellTimeoutMinutes.trim() && !inMinutes(draft.cellTimeoutMinutes)) {
    errors.cell_timeout_seconds = __('Enter minutes, from 1 to 10,080 (a week), or nothing.');
  }
  if (!/^(10|\d)$/.test(draft.retries.trim())) {
    errors.retries = __('Enter a whole number from 0 to 10.');
  }
  if (Number(draft.retries) > 0 && draft.retryOn.length === 0) {
    errors.retry_on = __('Choose at least one kind of failure, or no retries.');
  }
  if (!inSeconds(Number(draft.retryDelayMinutes) * 60, DAY_SECONDS)) {
    errors.retry_delay_seconds = __('Enter minutes, up to 1,440 (a day).');
  }
  if (
    draft.expireHours.trim() &&
    !inSeconds(Number(draft.expireHours) * 3600, LONGEST_MINUTES * 60)
  ) {
    errors.expire_after_seconds = __('Enter hours, up to 168 (a week), or nothing.');
  }
  if (!/^(100|\d{1,2})$/.test(draft.priority.trim())) {
    errors.priority = __('Enter a whole number from 0 to 100.');
  }
  return errors;
}

const DAY_SECONDS = 86_400;

function inSeconds(seconds: number, most: number): boolean {
  return seconds >= 1 && seconds <= most;
}

function windowErrors(draft: Draft, { __ }: Words): Errors {
  const errors: Errors = {};
  if (draft.startAt && draft.endAt && draft.startAt >= draft.endAt) {
    errors.end_at = __('The end must be later than the start.');
  }
  if (draft.runbookUrl.trim() && !/^https?:\/\/[^\s/]+/.test(draft.runbookUrl.trim())) {
    errors.runbook_url = __('Enter an address that begins with http:// or https://.');
  }
  return errors;
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const DAY_MINUTES = 1440;

/** Days off are checked by the server too, which knows the calendars. */
function daysErrors(draft: Draft, { __ }: Words): Errors {
  const errors: Errors = {};
  if (draft.holidays.trim() && !/^[A-Z0-9]{2,4}(-[A-Z0-9]{1,3})?$/.test(draft.holidays.trim())) {
    errors.holidays = __('Enter a country such as DE, a part of one such as DE-BE, or a market.');
  }
  if (tagsOf(draft.excludeDates).some(day => !DATE.test(day))) {
    errors.exclude_dates = __('Enter dates such as 2026-12-24, separated by commas.');
  }
  const jitter = Number(draft.jitterMinutes || '0');
  if (!(jitter >= 0 && jitter <= DAY_MINUTES)) {
    errors.jitter_seconds = __('Enter minutes, from 0 to 1,440 (a day).');
  }
  if (draft.maxRuns.trim() && !/^[1-9]\d{0,5}$/.test(draft.maxRuns.trim())) {
    errors.max_runs = __('Enter a whole number of 1 or more, or nothing.');
  }
  if (draft.pauseAfter.trim() && !/^(1000|[1-9]\d{0,2})$/.test(draft.pauseAfter.trim())) {
    errors.pause_after_failures = __('Enter a whole number from 1 to 1,000, or nothing.');
  }
  return errors;
}

export interface Given {
  path: string;
  sha256: string;
  declared: ParameterList;
  schedule?: ScheduleView;
}

/** Every fault that can be seen without the server; a run by hand needs no name and no trigger. */
export function errorsOf(draft: Draft, given: Given, words: Words, only?: 'run'): Errors {
  const parameters = parametersOf(given.declared, draft.parameters, {}, words).errors;
  const limits = limitErrors(draft, words);
  if (only === 'run') {
    return { ...parameters, ...limits };
  }
  const name: Errors = draft.name.trim() ? {} : { name: words.__('Give the schedule a name.') };
  return {
    ...name,
    ...parameters,
    ...timingErrors(draft.timing, words),
    ...limits,
    ...windowErrors(draft, words),
    ...daysErrors(draft, words)
  };
}

function seconds(text: string, unit = 60): number | null {
  return text.trim() ? Math.max(1, Math.round(Number(text) * unit)) : null;
}

function tagsOf(text: string): string[] {
  return [
    ...new Set(
      text
        .split(',')
        .map(tag => tag.trim())
        .filter(Boolean)
    )
  ];
}

export function runDraftOf(draft: Draft, given: Given, words: Words): RunDraft {
  return {
    notebook: given.sha256,
    parameters: parametersOf(given.declared, draft.parameters, givenBefore(given), words).values,
    kernel: draft.kernel || null,
    pool: draft.pool,
    priority: Number(draft.priority),
    timeout_seconds: seconds(draft.timeoutMinutes) ?? undefined,
    cell_timeout_seconds: seconds(draft.cellTimeoutMinutes),
    retries: Number(draft.retries),
    retry_on: draft.retryOn,
    retry_delay_seconds: seconds(draft.retryDelayMinutes) ?? undefined,
    expire_after_seconds: seconds(draft.expireHours, 3600),
    retry_on_worker_loss: draft.retryOnWorkerLoss,
    tags: tagsOf(draft.tags)
  };
}

/** A run that shows whether the schedule would work: what it would run, once, and marked as a test. */
export function testDraftOf(draft: Draft, given: Given, words: Words): RunDraft {
  const run = runDraftOf(draft, given, words);
  const note = words.__('Test run for “%1”', draft.name.trim() || nameOf(given.path));
  return { ...run, note, retries: 0, tags: [...new Set([...(run.tags ?? []), 'test'])] };
}

function givenBefore(given: Given): Record<string, unknown> {
  return given.schedule?.parameters ?? {};
}

/** The days off, as they are previewed and kept; none for what is not about the days of a clock. */
export function daysOffOf(
  draft: Draft
): Pick<ScheduleDraft, 'holidays' | 'exclude_dates' | 'on_excluded'> {
  const counts = isTimed(draft.timing.preset);
  return {
    holidays: (counts && draft.holidays.trim()) || null,
    exclude_dates: counts ? tagsOf(draft.excludeDates) : [],
    on_excluded: counts ? draft.onExcluded : 'skip'
  };
}

/** Whether runs may start a little later than at their times, which is no good where the end counts. */
export function hasJitter({ timing }: Draft): boolean {
  return isTimed(timing.preset) && !timing.finishBy;
}

function whole(text: string): number | null {
  return text.trim() ? Number(text) : null;
}

export function scheduleDraftOf(draft: Draft, given: Given, words: Words): ScheduleDraft {
  const instant = (local: string) =>
    local ? (instantOf(local, draft.timing.zone)?.toISOString() ?? null) : null;
  return {
    ...runDraftOf(draft, given, words),
    name: draft.name.trim(),
    notebook: draft.follow === 'latest' ? given.path : given.sha256,
    trigger: triggerOf(draft.timing) ?? { kind: 'manual' },
    start_at: instant(draft.startAt),
    end_at: instant(draft.endAt),
    ...daysOffOf(draft),
    jitter_seconds: hasJitter(draft) ? Math.round(Number(draft.jitterMinutes || '0') * 60) : 0,
    max_runs: whole(draft.maxRuns),
    pause_after_failures: whole(draft.pauseAfter),
    catch_up: draft.catchUp,
    overlap: draft.overlap,
    description: draft.description,
    runbook_url: draft.runbookUrl.trim() || null,
    paused: draft.paused
  };
}

/** Only what was changed: an edit must not undo what somebody else changed meanwhile. */
export function patchOf(draft: Draft, given: Given, before: Draft, words: Words): SchedulePatch {
  const wanted = scheduleDraftOf(draft, given, words) as Record<string, unknown>;
  const had = scheduleDraftOf(before, given, words) as Record<string, unknown>;
  const changed = Object.keys(wanted).filter(
    field => field !== 'paused' && !isSame(wanted[field], had[field])
  );
  return Object.fromEntries(changed.map(field => [field, wanted[field]]));
}
