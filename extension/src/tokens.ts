/**
 * The words of both faces: wire shapes under plain names, the Transport, the translator's shape.
 *
 * Shapes come from `wire.ts`, which is generated; nothing else imports it.
 */
import type { components } from './wire';

type Wire = components['schemas'];

/** What is received: the server leaves out no field, so none of them is optional. */
type Got<Shape> = Shape extends object
  ? { [Field in keyof Shape]-?: Got<Exclude<Shape[Field], undefined>> }
  : Shape;

/** What is sent: the named fields must be there, the others have defaults on the server. */
type Sent<Shape, Needed extends keyof Shape> = Pick<Shape, Needed> & Partial<Omit<Shape, Needed>>;

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type CallerView = Got<Wire['CallerView']>;
export type NotebookView = Got<Wire['NotebookView']>;
export type VersionView = Got<Wire['VersionView']>;
export type Finding = Got<Wire['Finding']>;
export type Parameter = Got<Wire['Parameter']>;
export type ParameterList = Got<Wire['ParameterList']>;
export type RunView = Got<Wire['RunView']>;
export type RunState = RunView['state'];
export type FailureClass = NonNullable<RunView['class']>;
export type AttemptView = Got<Wire['AttemptView']>;
export type CellView = Got<Wire['CellView']>;
export type ArtifactView = Got<Wire['ArtifactView']>;
export type ScheduleView = Got<Wire['ScheduleView']>;
export type HookView = Wire['HookView'];
export type OccurrenceView = Got<Wire['OccurrenceView']>;
export type FireTimeView = Got<Wire['FireTimeView']>;
export type PreviewView = Got<Wire['PreviewView']>;
export type BarView = Got<Wire['BarView']>;
export type CalendarView = Got<Wire['CalendarView']>;
export type ComingView = Got<Wire['ComingView']>;
export type LaneView = Got<Wire['LaneView']>;
export type PlanDayView = Got<Wire['PlanDayView']>;
export type TimelineView = Got<Wire['TimelineView']>;
export type RRuleView = Omit<Got<Wire['RRuleView']>, 'trigger'> & { trigger: Trigger };
export type ExportFormatView = Got<Wire['ExportFormatView']>;
export type ExportFormat = ExportFormatView['format'];
export type PoolView = Got<Wire['PoolView']>;
export type KernelView = Got<Wire['KernelView']>;
export type WorkerView = Got<Wire['WorkerView']>;
export type OverviewView = Got<Wire['OverviewView']>;
export type HourView = Got<Wire['HourView']>;
export type DayView = Got<Wire['DayView']>;
export type FailingView = Got<Wire['FailingView']>;
export type LateView = Got<Wire['LateView']>;
export type GlanceView = Got<Wire['GlanceView']>;
export type StatsView = Got<Wire['StatsView']>;
export type PointView = Got<Wire['PointView']>;
export type UsualView = Got<Wire['UsualView']>;
export type RunDiff = Omit<Got<Wire['RunDiff']>, 'cells'> & { cells: CellDiff[] };
export type NotebookDiff = Omit<Got<Wire['NotebookDiff']>, 'cells'> & { cells: CellDiff[] };
export type DiffSide = Got<Wire['DiffSide']>;
export type NamedDiff = Got<Wire['NamedDiff']>;
export type LineDiff = Got<Wire['LineDiff']>;
export type CellSide = Omit<Got<Wire['CellSide']>, 'outputs'> & {
  outputs: NotebookOutput[] | null;
};
export interface ManifestOutput {
  name: string;
  sha256: string;
  size: number;
}

/** The part of a run's manifest that a page shows; the document has more. */
export interface Manifest {
  made_by: 'worker' | 'server';
  notebook: { path?: string | null; sha256?: string | null };
  kernel: Record<string, string | null>;
  environment: { python: string | null } | null;
  packages: Record<string, string> | null;
  git: { commit: string | null; is_dirty: boolean | null } | null;
  worker: string;
  outputs: ManifestOutput[];
}

export type CellDiff = Omit<Got<Wire['CellDiff']>, 'left' | 'right'> & {
  left: CellSide | null;
  right: CellSide | null;
};
export type Change = NamedDiff['change'];
export type EventView = Got<Wire['EventView']>;
export type LastRunView = Got<Wire['LastRunView']>;

export type CronTrigger = Sent<Wire['CronTrigger'], 'kind' | 'expression'>;
export type IntervalTrigger = Sent<Wire['IntervalTrigger'], 'kind' | 'every'>;
export type OnceTrigger = Sent<Wire['OnceTrigger'], 'kind' | 'at'>;
export type AfterTrigger = Sent<Wire['AfterTrigger'], 'kind'>;
export type EventTrigger = Sent<Wire['EventTrigger'], 'kind'>;
export type ManualTrigger = Wire['ManualTrigger'];
export type Trigger =
  CronTrigger | IntervalTrigger | OnceTrigger | AfterTrigger | EventTrigger | ManualTrigger;

export type RunDraft = Sent<Wire['RunDraft'], 'notebook'>;
export type RerunDraft = Partial<Wire['RerunDraft']>;
export type RunNowDraft = Partial<Wire['RunNowDraft']>;
export type SessionDraft = Partial<Wire['SessionDraft']>;
export type NotebookUpload = Sent<Wire['NotebookUpload'], 'path' | 'content'>;
export type ScheduleDraft = Sent<Omit<Wire['ScheduleDraft'], 'trigger'>, 'name' | 'notebook'> & {
  trigger: Trigger;
};
export type SchedulePatch = Partial<Omit<Wire['SchedulePatch'], 'trigger'>> & { trigger?: Trigger };
export type PreviewDraft = {
  trigger: Trigger;
  from?: string | null;
  count?: number;
} & Pick<ScheduleDraft, 'holidays' | 'exclude_dates' | 'on_excluded'>;

export type RRuleDraft = Sent<Wire['RRuleDraft'], 'rrule'>;

/** One wrong field of a refused request. */
export interface ProblemError {
  field: string;
  code: string;
  message: string;
}

/** An RFC 9457 problem document; every refusal is one. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  instance: string | null;
  errors: ProblemError[];
}

/** One page of a list; send `next_cursor` back for the page after it. */
export interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}

export interface RunFilters {
  state?: RunState;
  schedule_id?: string;
  notebook?: string;
  rerun_of?: string;
  owner?: string;
  tag?: string;
  trigger?: RunView['trigger'];
  pool?: string;
  q?: string;
  since?: string;
  until?: string;
}

export interface ScheduleFilters {
  state?: 'active' | 'paused';
  notebook?: string;
  owner?: string;
  tag?: string;
  q?: string;
}

type QueryValue = string | number | boolean | null | undefined;
export type Query = Record<string, QueryValue | readonly string[]>;

/** Which runs are asked for; unlike a filter that a person sets, in several states at once. */
export type RunQuery = Omit<RunFilters, 'state'> & {
  state?: RunState | readonly RunState[];
} & Query;

export interface RequestOptions {
  body?: unknown;
  headers?: Record<string, string>;
  query?: Query;
  signal?: AbortSignal;
}

export interface StreamOptions {
  signal?: AbortSignal;
  lastEventId?: string;
}

/**
 * How a shell reaches the API. Paths begin with `/` and are relative to `/api/v1`.
 *
 * Neither function rejects for an answer with an error status; both do when nobody answers.
 */
export interface Transport {
  request(method: string, path: string, options?: RequestOptions): Promise<Response>;
  /** Asks for bytes that may be anything, and so come by a way of their own in JupyterLab. */
  bytes(path: string, options?: RequestOptions): Promise<Response>;
  stream(path: string, options?: StreamOptions): Promise<Response>;
}

/** One server-sent event. */
export interface ServerSentEvent {
  event: string;
  id: string;
  text: string;
}

/** One line of an attempt's journal; `k` names its kind. Unknown kinds are passed over. */
export interface JournalRecord {
  n: number;
  t: number;
  k: string;
  i?: number;
  s?: string;
  name?: string;
  o?: NotebookOutput;
  display_id?: string | null;
  status?: string;
  at?: string;
  ids?: string[];
  what?: string;
  why?: string;
  kept?: number;
  dropped?: number;
  wait?: boolean;
  error?: { ename: string; evalue: string } | null;
  [field: string]: unknown;
}

/** An output of the notebook format. */
export interface NotebookOutput {
  output_type: string;
  name?: string;
  text?: string | string[];
  data?: Record<string, unknown>;
  ename?: string;
  evalue?: string;
  traceback?: string[];
}

/** A notebook of the notebook format. */
export interface NotebookFile {
  nbformat: number;
  nbformat_minor: number;
  metadata: Record<string, unknown>;
  cells: {
    cell_type: string;
    source: string | string[];
    metadata: Record<string, unknown>;
    outputs?: NotebookOutput[];
    execution_count?: number | null;
    [field: string]: unknown;
  }[];
}

/** Translates a sentence; `%1`, `%2` … stand for the values. */
export interface Words {
  __(sentence: string, ...values: (string | number)[]): string;
  _n(one: string, many: string, count: number, ...values: (string | number)[]): string;
}

function filled(sentence: string, values: (string | number)[]): string {
  return sentence.replace(/%(\d+)/g, (whole, place: string) => {
    const value = values[Number(place) - 1];
    return value === undefined ? whole : String(value);
  });
}

/** English, as written in the source. The placeholders are those of JupyterLab's translator. */
export const ENGLISH: Words = {
  __: (sentence, ...values) => filled(sentence, values),
  _n: (one, many, count, ...values) => filled(count === 1 ? one : many, [count, ...values])
};

export const RUN_STATES: readonly RunState[] = [
  'queued',
  'running',
  'succeeded',
  'failed',
  'timed_out',
  'cancelled',
  'lost',
  'skipped',
  'expired'
];

/** Says whether a run in this state moves no more. */
export function isFinal(state: RunState): boolean {
  return state !== 'queued' && state !== 'running';
}

/** Says whether a run ended in a way that somebody has to look at. */
export function isRed({ state }: { state: RunState }): boolean {
  return state === 'failed' || state === 'timed_out' || state === 'lost';
}

/** Why an act was refused, as a view can show it: one sentence, and errors by field. */
export interface Refusal {
  message: string;
  byField: Record<string, string>;
}
