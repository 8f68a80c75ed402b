/** A server that answers from a table, and views with sensible values. */
import type {
  OverviewView,
  PoolView,
  Parameter,
  ParameterList,
  RequestOptions,
  RunView,
  ScheduleView,
  StreamOptions,
  Transport
} from '../src/tokens';

export interface Asked extends RequestOptions {
  method: string;
  path: string;
}

type Answer = unknown | ((asked: Asked) => unknown);

/** Not a DOM `Response`, which jsdom lacks; the part of it that the API reads. */
export function response(
  body: unknown,
  status = 200,
  headers: Record<string, string> = {}
): Response {
  const isText = typeof body === 'string';
  const all = new Map(
    Object.entries({ 'content-type': isText ? 'text/plain' : 'application/json', ...headers }).map(
      ([name, value]) => [name.toLowerCase(), value]
    )
  );
  return {
    ok: status < 400,
    status,
    statusText: '',
    headers: { get: (name: string) => all.get(name.toLowerCase()) ?? null },
    json: async () => (isText ? JSON.parse(body) : body),
    text: async () => (isText ? body : JSON.stringify(body)),
    blob: async () => new Blob([isText ? body : JSON.stringify(body)]),
    body: null
  } as unknown as Response;
}

export function problem(
  status: number,
  code: string,
  detail: string,
  errors: { field: string; message: string }[] = []
): Response {
  const body = {
    type: 'about:blank',
    title: 'No',
    status,
    code,
    detail,
    errors: errors.map(error => ({ code, ...error }))
  };
  return response(body, status, { 'Content-Type': 'application/problem+json' });
}

export class FakeTransport implements Transport {
  readonly asked: Asked[] = [];
  readonly answers: Record<string, Answer> = {
    'GET /me': { name: 'ana', scopes: [], token_id: 't', csrf_token: 'c' }
  };
  streams: ReadableStream<Uint8Array>[] = [];
  readonly streamed: (StreamOptions & { path: string })[] = [];
  isAway = false;

  async request(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    const asked = { method, path, ...options };
    this.asked.push(asked);
    if (this.isAway) {
      throw new TypeError('Failed to fetch');
    }
    const found = this.answers[`${method} ${path}`];
    const answer = typeof found === 'function' ? await found(asked) : found;
    if (answer === undefined) {
      return problem(404, 'not_found', `Nothing at ${path}.`);
    }
    return typeof (answer as Response).ok === 'boolean' ? (answer as Response) : response(answer);
  }

  bytes(path: string, options: RequestOptions = {}): Promise<Response> {
    return this.request('GET', path, options);
  }

  async stream(path: string, options: StreamOptions = {}): Promise<Response> {
    this.streamed.push({ path, ...options });
    const body = this.streams.shift();
    if (!body) {
      return new Promise(() => undefined);
    }
    return { ...response(''), ok: true, body } as Response;
  }

  count(method: string, path: string): number {
    return this.asked.filter(asked => asked.method === method && asked.path === path).length;
  }
}

/** A body that gives the pieces one by one and then ends. */
export function bodyOf(...pieces: string[]): ReadableStream<Uint8Array> {
  const rest = pieces.map(piece => Uint8Array.from(Buffer.from(piece)));
  const reader = {
    read: async () => {
      const value = rest.shift();
      return value ? { done: false, value } : { done: true, value: undefined };
    },
    cancel: async () => undefined
  };
  return { getReader: () => reader } as unknown as ReadableStream<Uint8Array>;
}

export const SHA = 'a'.repeat(64);

export function aParameter(part: Partial<Parameter> & { name: string }): Parameter {
  return {
    type: 'str',
    default: null,
    help: '',
    required: false,
    nullable: false,
    choices: null,
    editable: true,
    expression: null,
    item_type: null,
    ...part
  };
}

export function declaring(...items: Parameter[]): ParameterList {
  return { schema_version: 1, items, has_parameters_cell: true };
}

export function aRun(part: Partial<RunView> = {}): RunView {
  return {
    schema_version: 1,
    id: 'r1',
    state: 'succeeded',
    class: null,
    reason: null,
    notebook: { path: 'reports/sales.ipynb', sha256: SHA },
    parameters: {},
    kernel: 'python3',
    schedule_id: null,
    schedule_name: null,
    fire_at: null,
    rerun_of: null,
    trigger: 'manual',
    triggered_by: 'ana',
    pool: 'default',
    priority: 50,
    timeout_seconds: 14_400,
    cell_timeout_seconds: null,
    retries: 0,
    retry_on: ['code', 'kernel_died'],
    retry_delay_seconds: 60,
    retry_on_worker_loss: false,
    expire_after_seconds: 86_400,
    concurrency_key: null,
    concurrency_per_key: 1,
    fork_kernel: true,
    caused_by: null,
    group_id: null,
    due_at: null,
    tags: [],
    note: null,
    created_at: '2026-11-23T06:30:00Z',
    queued_at: '2026-11-23T06:30:00Z',
    available_at: null,
    started_at: '2026-11-23T06:30:01Z',
    finished_at: '2026-11-23T06:31:13Z',
    cancelling_since: null,
    cells_done: null,
    cells_total: null,
    failed_cell: null,
    waiting_for: null,
    attempts: [],
    ...part
  };
}

export function aSchedule(part: Partial<ScheduleView> = {}): ScheduleView {
  return {
    schema_version: 1,
    id: 's1',
    name: 'Morning report',
    trigger: {
      kind: 'cron',
      expression: '30 7 * * MON-FRI',
      timezone: 'Europe/Berlin',
      dst_gap: 'run_after',
      dst_fold: 'first',
      finish_by: false,
      margin_seconds: null
    },
    words: 'Every weekday at 07:30',
    notebook: { path: 'reports/sales.ipynb', sha256: SHA },
    follows_latest: false,
    parameters: {},
    kernel: null,
    pool: 'default',
    priority: 50,
    timeout_seconds: 14_400,
    cell_timeout_seconds: null,
    retries: 0,
    retry_on: ['code', 'kernel_died'],
    retry_delay_seconds: 60,
    retry_on_worker_loss: false,
    expire_after_seconds: 86_400,
    concurrency_key: null,
    concurrency_per_key: 1,
    fork_kernel: true,
    tags: [],
    start_at: null,
    end_at: null,
    max_runs: null,
    runs_made: 0,
    jitter_seconds: 0,
    exclude_dates: [],
    holidays: null,
    on_excluded: 'skip',
    catch_up: 'latest',
    catch_up_limit: 50,
    overlap: 'skip',
    concurrency: null,
    pause_after_failures: null,
    due_at: null,
    has_hook: false,
    owner: 'ana',
    description: '',
    runbook_url: null,
    state: 'active',
    paused_reason: null,
    paused_by: null,
    broken_reason: null,
    next_fire_at: '2026-11-24T06:30:00Z',
    last_run: null,
    newest_runs: [],
    created_at: '2026-11-20T06:30:00Z',
    created_by: 'ana',
    updated_at: '2026-11-20T06:30:00Z',
    version: 1,
    ...part
  };
}

export function aPool(part: Partial<PoolView> = {}): PoolView {
  return {
    schema_version: 1,
    version: 1,
    name: 'default',
    description: '',
    concurrency: null,
    lease_seconds: 60,
    max_timeout_seconds: 604_800,
    limits: {} as PoolView['limits'],
    workers: 1,
    silent_workers: 0,
    slots: 2,
    free_slots: 2,
    queued: 0,
    running: 0,
    oldest_queued_at: null,
    ...part
  };
}

/** A day on which all went well. */
export function anOverview(part: Partial<OverviewView> = {}): OverviewView {
  return {
    schema_version: 1,
    is_new: false,
    failing: [],
    failing_count: 0,
    broken: [],
    late: [],
    running: [],
    next: [],
    pools: [aPool()],
    ended_by_hour: [],
    days: [],
    ...part
  };
}
