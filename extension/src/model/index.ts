/**
 * The state that both faces show. A view watches sources; the model loads them, keeps them fresh by
 * the event stream and, where that is cut, by polling, and tells all changes by one signal.
 *
 * While the page is hidden nothing is asked and no stream is open. `dispose` ends all that was started.
 */
import { Poll } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import { type Api, ApiError, Unreachable } from '../api';
import type { CallerView } from '../tokens';
import { Feed } from './feed';
import type { LivePicture } from './folding';
import { NOTHING_YET } from './folding';
import { LiveRun } from './live';
import type { Stretch } from './longList';
import { type Source, STEP } from './sources';

export * as sources from './sources';
export type { Source } from './sources';
export type { Order, Stretch } from './longList';
export type { LiveCell, LiveOutput, LivePicture } from './folding';

/** What is known of a source. An old value stays while a newer one is loaded or cannot be had. */
export interface Resource<Value> {
  value: Value | null;
  error: Error | null;
  loading: boolean;
}

export type Connection = 'starting' | 'online' | 'offline' | 'signed_out';

interface Entry {
  source: Source<unknown>;
  resource: Resource<unknown>;
  watchers: number;
  shown: number;
  inView: Stretch;
  inFlight: Promise<void> | null;
  again: boolean;
}

export interface ModelOptions {
  pollSeconds?: number;
  streaming?: boolean;
}

const NOT_LOADED: Resource<never> = { value: null, error: null, loading: true };

/** What never changes once it was read. */
const IMMUTABLE = /^(version|usual):/;

export class Model {
  constructor(
    readonly api: Api,
    options: ModelOptions = {}
  ) {
    const seconds = options.pollSeconds ?? 10;
    this._poll = new Poll({
      auto: false,
      factory: () => this.refresh(),
      frequency: { interval: seconds * 1000, backoff: true, max: 60_000 },
      standby: 'when-hidden',
      name: 'nightbook:model'
    });
    this._feed = new Feed(api, concept => this._onEvent(concept));
    this._streaming = options.streaming ?? true;
  }

  /** Told after every change of anything that `read`, `live` or a property below gives. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get connection(): Connection {
    return this._connection;
  }

  get caller(): CallerView | null {
    return this._caller;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Asks who is calling, then keeps everything watched fresh. */
  async start(): Promise<void> {
    await this._identify();
    if (!this._isDisposed && this._connection !== 'signed_out') {
      void this._poll.start();
      if (this._streaming) {
        this._feed.open();
      }
    }
  }

  /** Logs in by a one-time code or a token, and starts anew. */
  async logIn(by: { code: string } | { token: string }): Promise<void> {
    this._caller = await this.api.logIn(by);
    await this.start();
  }

  async logOut(): Promise<void> {
    await this.api.logOut();
    this._signOut();
  }

  /** For `useSyncExternalStore`: calls *listener* after each change, until the answer is called. */
  readonly subscribe = (listener: () => void): (() => void) => {
    const slot = () => listener();
    this._changed.connect(slot);
    return () => void this._changed.disconnect(slot);
  };

  /** Keeps *source* loaded and fresh until the answer is called. */
  watch<Value>(source: Source<Value>): () => void {
    const entry = this._entry(source);
    entry.watchers += 1;
    if (entry.watchers === 1 && (entry.resource.value === null || !IMMUTABLE.test(source.key))) {
      void this._load(entry);
    }
    return () => {
      entry.watchers -= 1;
    };
  }

  read<Value>(source: Source<Value>): Resource<Value> {
    return (this._entries.get(source.key)?.resource ?? NOT_LOADED) as Resource<Value>;
  }

  /** Shows *count* rows more of a list. */
  more<Value>(source: Source<Value>, count = STEP): Promise<void> {
    const entry = this._entry(source);
    entry.shown += count;
    return this._load(entry);
  }

  /** Says which rows of a list are looked at: these are kept fresh. */
  look<Value>(source: Source<Value>, inView: Stretch): void {
    const entry = this._entry(source);
    entry.inView = inView;
    if (entry.source.isStale?.(inView)) {
      void this._load(entry);
    }
  }

  /** Loads what is watched again; with *concepts*, only what begins with one of them. */
  async refresh(...concepts: string[]): Promise<void> {
    const stale = [...this._entries.values()].filter(
      ({ watchers, source }) =>
        watchers > 0 &&
        !IMMUTABLE.test(source.key) &&
        (concepts.length === 0 || concepts.some(concept => source.key.startsWith(concept)))
    );
    await Promise.all(stale.map(entry => this._load(entry)));
    this._forget();
    if (this._connection === 'offline' && stale.length === 0) {
      await this._identify();
    }
    if (this._connection === 'offline') {
      throw new Unreachable(null); // The poll backs off by this.
    }
  }

  /** Runs an act against the API, then shows its effect everywhere. */
  async act<Answer>(work: (api: Api) => Promise<Answer>): Promise<Answer> {
    const answer = await work(this.api);
    this.refresh().catch(() => undefined);
    return answer;
  }

  /** Follows the outputs of a run as they come, until the answer is called. */
  follow(runId: string): () => void {
    let live = this._live.get(runId);
    if (!live) {
      live = new LiveRun(this.api, runId, {
        changed: () => this._changed.emit(),
        moved: () => void this.refresh('run', 'overview').catch(() => undefined)
      });
      this._live.set(runId, live);
    }
    live.followers += 1;
    live.open();
    const followed = live;
    return () => {
      followed.followers -= 1;
      if (followed.followers === 0) {
        followed.dispose();
        this._live.delete(runId);
      }
    };
  }

  live(runId: string): LivePicture {
    return this._live.get(runId)?.picture ?? NOTHING_YET;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._poll.dispose();
    this._feed.close();
    this._live.forEach(live => live.dispose());
    this._live.clear();
    this._entries.clear();
    Signal.clearData(this);
  }

  private _entry(source: Source<unknown>): Entry {
    let entry = this._entries.get(source.key);
    if (!entry) {
      entry = {
        source,
        resource: NOT_LOADED,
        watchers: 0,
        shown: STEP,
        inView: { from: 0, to: STEP },
        inFlight: null,
        again: false
      };
      this._entries.set(source.key, entry);
    }
    return entry;
  }

  /** While a source is being loaded, further wishes for it become one more load after this one. */
  private _load(entry: Entry): Promise<void> {
    entry.again = entry.inFlight !== null;
    entry.inFlight ??= this._loadUntilFresh(entry);
    return entry.inFlight;
  }

  private async _loadUntilFresh(entry: Entry): Promise<void> {
    do {
      entry.again = false;
      await this._loadOnce(entry);
    } while (entry.again && !this._isDisposed);
    entry.inFlight = null;
  }

  private async _loadOnce(entry: Entry): Promise<void> {
    try {
      const value = await entry.source.load(this.api, entry.shown, entry.inView);
      this._settle(entry, { value, error: null, loading: false });
      this._connect('online');
    } catch (error) {
      const { value } = entry.resource;
      this._settle(entry, { value, error: error as Error, loading: false });
      this._meet(error);
    }
  }

  private _settle(entry: Entry, resource: Resource<unknown>): void {
    if (!this._isDisposed) {
      entry.resource = resource;
      this._changed.emit();
    }
  }

  /** What nobody watches is dropped, so that a long day of browsing does not fill memory. */
  private _forget(): void {
    for (const [key, entry] of this._entries) {
      if (entry.watchers === 0 && !IMMUTABLE.test(key)) {
        this._entries.delete(key);
      }
    }
  }

  private async _identify(): Promise<void> {
    try {
      this._caller = await this.api.me();
      this._connection = 'online';
      this._changed.emit();
    } catch (error) {
      this._meet(error);
    }
  }

  private _meet(error: unknown): void {
    if (error instanceof Unreachable || (error instanceof ApiError && error.status === 502)) {
      this._connect('offline');
    } else if (error instanceof ApiError && error.status === 401) {
      this._signOut();
    }
  }

  /** The next caller must not see what this one saw. */
  private _signOut(): void {
    this._feed.close();
    void this._poll.stop();
    this._caller = null;
    this._entries.forEach(entry => (entry.resource = NOT_LOADED));
    this._connect('signed_out');
  }

  private _connect(connection: Connection): void {
    if (connection !== this._connection && !this._isDisposed) {
      this._connection = connection;
      this._changed.emit();
    }
  }

  private _onEvent(concept: string): void {
    const also = concept === 'run' ? ['run', 'schedule', 'overview'] : [concept, 'overview'];
    this.refresh(...also).catch(() => undefined);
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _entries = new Map<string, Entry>();
  private readonly _live = new Map<string, LiveRun>();
  private readonly _poll: Poll;
  private readonly _feed: Feed;
  private readonly _streaming: boolean;
  private _caller: CallerView | null = null;
  private _connection: Connection = 'starting';
  private _isDisposed = false;
}
