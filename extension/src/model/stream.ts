/**
 * A stream that is read to its end, and opened again after a pause where it was cut.
 *
 * It is closed while the page is hidden: a browser allows few connections to one origin.
 */
import type { ServerSentEvent, StreamOptions } from '../tokens';

const SHORTEST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

type Opened = (options: StreamOptions) => AsyncGenerator<ServerSentEvent>;

export class Stream {
  /** *take* is told of each event and answers whether the stream has said all it will say. */
  constructor(
    private readonly _open: Opened,
    private readonly _take: (event: ServerSentEvent) => boolean
  ) {}

  open(): void {
    if (this._isOpen || this._isDone) {
      return;
    }
    this._isOpen = true;
    document.addEventListener('visibilitychange', this._onVisibility);
    this._onVisibility();
  }

  close(): void {
    this._isOpen = false;
    document.removeEventListener('visibilitychange', this._onVisibility);
    this._cut();
  }

  private readonly _onVisibility = (): void => {
    if (document.visibilityState === 'hidden') {
      this._cut();
    } else if (!this._abort) {
      void this._read();
    }
  };

  private _cut(): void {
    clearTimeout(this._timer);
    this._abort?.abort();
    this._abort = null;
  }

  private async _read(): Promise<void> {
    const abort = new AbortController();
    this._abort = abort;
    try {
      for await (const event of this._open({ signal: abort.signal, lastEventId: this._lastId })) {
        if (abort.signal.aborted) {
          return;
        }
        this._pause = SHORTEST_PAUSE;
        this._lastId = event.id || this._lastId;
        if (this._take(event)) {
          this._isDone = true;
          this.close();
          return;
        }
      }
    } catch {
      // A cut stream is opened again below; what was missed is asked for by its last id.
    }
    if (!abort.signal.aborted && this._isOpen) {
      this._timer = setTimeout(() => void this._read(), this._pause);
      this._pause = Math.min(this._pause * 2, LONGEST_PAUSE);
    }
  }

  private _abort: AbortController | null = null;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _lastId: string | undefined;
  private _pause = SHORTEST_PAUSE;
  private _isOpen = false;
  private _isDone = false;
}
