/** One run as it happens: its journal records folded into a picture, its moves told on. */
import type { Api } from '../api';
import type { JournalRecord, ServerSentEvent } from '../tokens';
import { fold, type LivePicture, NOTHING_YET } from './folding';
import { Stream } from './stream';

/** A burst of records is drawn once; a burst of finished cells asks for the timeline once. */
const DRAW_MILLISECONDS = 50;
const MOVE_MILLISECONDS = 400;

interface Listeners {
  changed(): void;
  moved(): void;
}

export class LiveRun {
  constructor(api: Api, runId: string, listeners: Listeners) {
    this._listeners = listeners;
    this._stream = new Stream(
      options => api.live(runId, options),
      event => this._take(event)
    );
  }

  followers = 0;
  picture: LivePicture = NOTHING_YET;

  open(): void {
    this._stream.open();
  }

  dispose(): void {
    this._stream.close();
    clearTimeout(this._drawing);
    clearTimeout(this._moving);
  }

  private _take(event: ServerSentEvent): boolean {
    if (event.event === 'record') {
      this._fold(event.text);
    } else if (event.event === 'run' || event.event === 'end') {
      this._move();
    }
    return event.event === 'end';
  }

  private _fold(text: string): void {
    let record: JournalRecord;
    try {
      record = JSON.parse(text) as JournalRecord;
    } catch {
      return; // A torn line is completed by the next attempt to read it.
    }
    this.picture = fold(this.picture, record);
    if (record.k === 'cell' || record.k === 'done') {
      this._move();
    }
    this._drawing ??= setTimeout(() => {
      this._drawing = undefined;
      this._listeners.changed();
    }, DRAW_MILLISECONDS);
  }

  private _move(): void {
    this._moving ??= setTimeout(() => {
      this._moving = undefined;
      this._listeners.moved();
    }, MOVE_MILLISECONDS);
  }

  private readonly _listeners: Listeners;
  private readonly _stream: Stream;
  private _drawing: ReturnType<typeof setTimeout> | undefined;
  private _moving: ReturnType<typeof setTimeout> | undefined;
}
