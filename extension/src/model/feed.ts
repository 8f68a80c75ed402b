/** The event stream, reduced to what the model needs: which concept became stale. */
import type { Api } from '../api';
import type { EventView, ServerSentEvent } from '../tokens';
import { Stream } from './stream';

/** Events come in bursts; one refresh answers all of a burst. */
const GATHER_MILLISECONDS = 200;

export class Feed {
  constructor(api: Api, onStale: (concept: string) => void) {
    this._onStale = onStale;
    this._stream = new Stream(
      options => api.events(options),
      event => this._take(event)
    );
  }

  open(): void {
    this._stream.open();
  }

  close(): void {
    this._stream.close();
    clearTimeout(this._timer);
    this._timer = undefined;
    this._stale.clear();
  }

  private _take(event: ServerSentEvent): boolean {
    if (event.event === 'event') {
      this._stale.add(conceptOf(event.text));
      this._timer ??= setTimeout(() => this._tell(), GATHER_MILLISECONDS);
    }
    return false;
  }

  private _tell(): void {
    this._timer = undefined;
    const stale = [...this._stale];
    this._stale.clear();
    stale.forEach(this._onStale);
  }

  private readonly _onStale: (concept: string) => void;
  private readonly _stream: Stream;
  private readonly _stale = new Set<string>();
  private _timer: ReturnType<typeof setTimeout> | undefined;
}

function conceptOf(text: string): string {
  try {
    return (JSON.parse(text) as EventView).object_type;
  } catch {
    return 'run';
  }
}
