/**
 * The routes of the API, one function each, over whatever Transport a shell brings.
 *
 * Every refusal becomes an `ApiError` that carries the problem document; silence becomes `Unreachable`.
 */
import type * as wire from './tokens';

export class ApiError extends Error {
  constructor(readonly problem: wire.Problem) {
    super(problem.detail || problem.title);
    this.name = 'ApiError';
  }

  get status(): number {
    return this.problem.status;
  }

  get code(): string {
    return this.problem.code;
  }

  /** Errors by the dotted path of their field; the first one of a field wins. */
  get byField(): Record<string, string> {
    const found: Record<string, string> = {};
    for (const { field, message } of this.problem.errors ?? []) {
      found[field] ??= message;
    }
    return found;
  }
}

/** Nobody answered: the network or the server is away. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super('Nightbook cannot be reached.');
    this.name = 'Unreachable';
    this.reason = cause;
  }
  readonly reason: unknown;
}

/** A schedule with the ETag that an edit has to name. */
export interface Tagged<Item> {
  value: Item;
  etag: string | null;
}

export interface SavedFile {
  bytes: Blob;
  name: string;
}

/** The name in a Content-Disposition; browsers take out of it what no file may be called. */
function fileName(told: string): string | undefined {
  const exact = /filename\*=UTF-8''([^;\s]+)/i.exec(told)?.[1];
  return exact ? decodeURIComponent(exact) : /filename="([^"]+)"/i.exec(told)?.[1];
}

const PROBLEM = /^application\/(problem\+)?json/;

/** What an answer with an error status says; of an answer that is not ours, what can be guessed. */
export async function problemOf(response: Response): Promise<wire.Problem> {
  const fallback: wire.Problem = {
    type: 'about:blank',
    title: response.statusText || `HTTP ${response.status}`,
    status: response.status,
    detail: response.status === 404 ? 'Nightbook is not installed on this server.' : '',
    code: 'not_json',
    instance: null,
    errors: []
  };
  if (!PROBLEM.test(response.headers.get('Content-Type') ?? '')) {
    return fallback;
  }
  try {
    const told = (await response.json()) as Partial<wire.Problem>;
    return { ...fallback, detail: '', ...told, status: response.status };
  } catch {
    return fallback;
  }
}

function segment(text: string): string {
  return encodeURIComponent(text);
}

/** A path with slashes, each of its parts encoded. */
function segments(path: string): string {
  return path.split('/').map(segment).join('/');
}

/**
 * A key that makes a repeated request the same request. Not `randomUUID`: browsers keep that for
 * secure contexts, and a JupyterLab on a plain address of the local network is none.
 */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
}

export class Api {
  constructor(readonly transport: wire.Transport) {}

  // ---- callers
  me(): Promise<wire.CallerView> {
    return this.get('/me');
  }
  logIn(draft: wire.SessionDraft): Promise<wire.CallerView> {
    return this.post('/sessions', draft);
  }
  async logOut(): Promise<void> {
    await this.answer('DELETE', '/sessions/current');
  }

  // ---- notebooks
  notebooks(query: wire.Query = {}): Promise<wire.Page<wire.NotebookView>> {
    return this.get('/notebooks', query);
  }
  versions(path: string, query: wire.Query = {}): Promise<wire.Page<wire.VersionView>> {
    return this.get(`/notebooks/${segments(path)}/versions`, query);
  }
  version(sha256: string): Promise<wire.VersionView> {
    return this.get(`/versions/${segment(sha256)}`);
  }
  parameters(sha256: string): Promise<wire.ParameterList> {
    return this.get(`/versions/${segment(sha256)}/parameters`);
  }
  async check(
    sha256: string,
    query: { kernel?: string; pool?: string } = {}
  ): Promise<wire.Finding[]> {
    return (await this.get<{ items: wire.Finding[] }>(`/versions/${segment(sha256)}/check`, query))
      .items;
  }
  upload(draft: wire.NotebookUpload): Promise<wire.VersionView> {
    return this.post('/notebooks', draft);
  }

  // ---- schedules
  schedules(query: wire.ScheduleFilters & wire.Query = {}): Promise<wire.Page<wire.ScheduleView>> {
    return this.get('/schedules', query);
  }
  async schedule(id: string): Promise<Tagged<wire.ScheduleView>> {
    return tagged(await this.answer('GET', `/schedules/${segment(id)}`));
  }
  createSchedule(draft: wire.ScheduleDraft, key?: string): Promise<wire.ScheduleView> {
    return this.post('/schedules', draft, key);
  }
  async editSchedule(
    id: string,
    patch: wire.SchedulePatch,
    etag: string | null
  ): Promise<Tagged<wire.ScheduleView>> {
    const headers: Record<string, string> = etag ? { 'If-Match': etag } : {};
    return tagged(
      await this.answer('PATCH', `/schedules/${segment(id)}`, { body: patch, headers })
    );
  }
  async deleteSchedule(id: string): Promise<void> {
    await this.answer('DELETE', `/schedules/${segment(id)}`);
  }
  /** Opens the hook of an event schedule, or changes its secret, which only this answer shows. */
  makeHook(id: string): Promise<wire.HookView> {
    return this.post(`/schedules/${segment(id)}/hook`, {});
  }
  async closeHook(id: string): Promise<void> {
    await this.answer('DELETE', `/schedules/${segment(id)}/hook`);
  }
  pauseSchedule(id: string, reason: string | null): Promise<wire.ScheduleView> {
    return this.post(`/schedules/${segment(id)}/pause`, { reason });
  }
  resumeSchedule(id: string, reason: string | null = null): Promise<wire.ScheduleView> {
    return this.post(`/schedules/${segment(id)}/resume`, { reason });
  }
  runSchedule(id: string, draft: wire.RunNowDraft = {}, key?: string): Promise<wire.RunView> {
    return this.post(`/schedules/${segment(id)}/run`, draft, key);
  }
  preview(draft: wire.PreviewDraft, signal?: AbortSignal): Promise<wire.PreviewView> {
    return this.post('/schedules/preview', draft, undefined, signal);
  }
  readRRule(draft: wire.RRuleDraft, signal?: AbortSignal): Promise<wire.RRuleView> {
    return this.post('/schedules/from-rrule', draft, undefined, signal);
  }
  previewSchedule(id: string, count: number): Promise<wire.PreviewView> {
    return this.post(`/schedules/${segment(id)}/preview`, { count });
  }
  occurrences(id: string, query: wire.Query = {}): Promise<wire.Page<wire.OccurrenceView>> {
    return this.get(`/schedules/${segment(id)}/occurrences`, query);
  }
  latest(id: string): Promise<wire.RunView> {
    return this.get(`/schedules/${segment(id)}/latest`);
  }
  latestGood(id: string): Promise<wire.RunView> {
    return this.get(`/schedules/${segment(id)}/latest-successful`);
  }

  // ---- runs
  runs(query: wire.RunQuery = {}): Promise<wire.Page<wire.RunView>> {
    return this.get('/runs', query);
  }
  run(id: string): Promise<wire.RunView> {
    return this.get(`/runs/${segment(id)}`);
  }
  startRun(draft: wire.RunDraft, key?: string): Promise<wire.RunView> {
    return this.post('/runs', draft, key);
  }
  rerun(id: string, draft: wire.RerunDraft, key?: string): Promise<wire.RunView> {
    return this.post(`/runs/${segment(id)}/rerun`, draft, key);
  }
  cancelRun(id: string, reason: string | null = null): Promise<wire.RunView> {
    return this.post(`/runs/${segment(id)}/cancel`, { reason });
  }
  noteRun(id: string, note: string): Promise<wire.RunView> {
    return this.post(`/runs/${segment(id)}/note`, { note });
  }
  diff(id: string, other: string): Promise<wire.RunDiff> {
    return this.get(`/runs/${segment(id)}/diff/${segment(other)}`);
  }
  async cells(id: string): Promise<wire.CellView[]> {
    return (await this.get<{ items: wire.CellView[] }>(`/runs/${segment(id)}/cells`)).items;
  }
  /** What one cell showed; *index* counts as in `cells`. */
  async cellOutputs(id: string, index: number): Promise<wire.NotebookOutput[]> {
    const path = `/runs/${segment(id)}/cells/${index}`;
    return (await this.get<{ outputs: wire.NotebookOutput[] }>(path)).outputs;
  }
  /** The executed copy of a run that has ended. */
  executed(id: string): Promise<wire.NotebookFile> {
    return this.get(`/runs/${segment(id)}/notebook`);
  }
  manifest(id: string): Promise<wire.Manifest> {
    return this.get(`/runs/${segment(id)}/manifest`);
  }
  /** The bytes of an artifact; with *most*, as many from its start as the server likes, but no fewer. */
  async artifactBytes(id: string, name: string, most?: number): Promise<Blob> {
    const headers: Record<string, string> = most ? { Range: `bytes=0-${most - 1}` } : {};
    const path = `/runs/${segment(id)}/artifacts/${segments(name)}`;
    return (await this.known(() => this.transport.bytes(path, { headers }))).blob();
  }
  async log(id: string): Promise<string> {
    return (await this.answer('GET', `/runs/${segment(id)}/log`)).text();
  }
  async artifacts(id: string): Promise<wire.ArtifactView[]> {
    return (await this.get<{ items: wire.ArtifactView[] }>(`/runs/${segment(id)}/artifacts`)).items;
  }

  async exports(): Promise<wire.ExportFormatView[]> {
    return (await this.get<{ items: wire.ExportFormatView[] }>('/exports')).items;
  }
  /** The executed copy as a file, with the name that the server gives it. */
  async export(id: string, format: wire.ExportFormat, code: boolean): Promise<SavedFile> {
    const path = `/runs/${segment(id)}/export/${format}`;
    const query = { code: code ? 'shown' : 'hidden' };
    const response = await this.known(() => this.transport.bytes(path, { query }));
    const name = fileName(response.headers.get('Content-Disposition') ?? '');
    return { bytes: await response.blob(), name: name ?? `${id}.${format}` };
  }

  // ---- pools, overview
  async pools(): Promise<wire.PoolView[]> {
    return (await this.get<{ items: wire.PoolView[] }>('/pools')).items;
  }
  async workers(): Promise<wire.WorkerView[]> {
    return (await this.get<{ items: wire.WorkerView[] }>('/workers')).items;
  }
  async kernels(): Promise<wire.KernelView[]> {
    return (await this.get<{ items: wire.KernelView[] }>('/kernels')).items;
  }
  /** How everything stands; days are those of *timezone*, or of UTC where the server does not know it. */
  overview(timezone = 'UTC'): Promise<wire.OverviewView> {
    return this.byDays('/overview', timezone);
  }
  /** What ran and will run between two instants, at most three days apart. */
  timeline(start: string, end: string): Promise<wire.TimelineView> {
    return this.get('/timeline', { from: start, to: end });
  }
  /** Counts for each day from *first* to *last*, as those of *timezone* if the server knows it. */
  calendar(first: string, last: string, timezone: string): Promise<wire.CalendarView> {
    return this.byDays('/calendar', timezone, { from: first, to: last });
  }
  private async byDays<Value>(
    path: string,
    timezone: string,
    query: wire.Query = {}
  ): Promise<Value> {
    try {
      return await this.get(path, { ...query, timezone });
    } catch (error) {
      if (error instanceof ApiError && error.code === 'unknown_timezone') {
        return this.get(path, query);
      }
      throw error;
    }
  }
  stats(schedule: string): Promise<wire.StatsView> {
    return this.get('/stats', { schedule_id: schedule });
  }
  usual(run: string): Promise<wire.UsualView> {
    return this.get(`/runs/${segment(run)}/usual`);
  }

  // ---- streams
  events(options: wire.StreamOptions): AsyncGenerator<wire.ServerSentEvent> {
    return this.streamed('/events/stream', options);
  }
  live(id: string, options: wire.StreamOptions): AsyncGenerator<wire.ServerSentEvent> {
    return this.streamed(`/runs/${segment(id)}/live`, options);
  }

  private async get<Answer>(path: string, query: wire.Query = {}): Promise<Answer> {
    return (await this.answer('GET', path, { query })).json() as Promise<Answer>;
  }

  private async post<Answer>(
    path: string,
    body: unknown,
    key?: string,
    signal?: AbortSignal
  ): Promise<Answer> {
    const headers: Record<string, string> = key ? { 'Idempotency-Key': key } : {};
    return (await this.answer('POST', path, { body, headers, signal })).json() as Promise<Answer>;
  }

  private async answer(
    method: string,
    path: string,
    options: wire.RequestOptions = {}
  ): Promise<Response> {
    return this.known(() => this.transport.request(method, path, options));
  }

  private async known(ask: () => Promise<Response>): Promise<Response> {
    const response = await reached(ask);
    if (!response.ok) {
      throw new ApiError(await problemOf(response));
    }
    return response;
  }

  private async *streamed(
    path: string,
    options: wire.StreamOptions
  ): AsyncGenerator<wire.ServerSentEvent> {
    const response = await reached(() => this.transport.stream(path, options));
    if (!response.ok || !response.body) {
      throw new ApiError(await problemOf(response));
    }
    yield* serverSentEvents(response.body);
  }
}

async function reached(ask: () => Promise<Response>): Promise<Response> {
  try {
    return await ask();
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'AbortError') {
      throw cause;
    }
    throw new Unreachable(cause);
  }
}

async function tagged<Item>(response: Response): Promise<Tagged<Item>> {
  return { value: (await response.json()) as Item, etag: response.headers.get('ETag') };
}

/** The events of a body of type text/event-stream, as they become whole. */
export async function* serverSentEvents(
  body: ReadableStream<Uint8Array>
): AsyncGenerator<wire.ServerSentEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let id = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return;
      }
      // A carriage return at the end of a piece may be the first half of a line break.
      rest = (rest + decoder.decode(value, { stream: true })).replace(/\r\n/g, '\n');
      const blocks = rest.split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const event = eventOf(block, id);
        if (event) {
          id = event.id;
          yield event;
        }
      }
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

function eventOf(block: string, lastId: string): wire.ServerSentEvent | null {
  const event: wire.ServerSentEvent = { event: 'message', id: lastId, text: '' };
  const lines: string[] = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') {
      lines.push(value);
    } else if (field === 'event') {
      event.event = value;
    } else if (field === 'id') {
      event.id = value;
    }
  }
  event.text = lines.join('\n');
  return lines.length > 0 ? event : null;
}

/** The refusal that a view can show, of whatever was thrown. */
export function refusalOf(error: unknown): wire.Refusal {
  if (error instanceof ApiError) {
    return { message: error.message, byField: error.byField };
  }
  return { message: error instanceof Error ? error.message : String(error), byField: {} };
}
