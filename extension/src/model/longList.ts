/**
 * A list that may be endless: its pages are read as they are looked at, and read again where they are.
 *
 * An answer is the truth about one stretch of the order, from its cursor to its last row. So a change costs
 * one request for the top and one for what is in view, however many rows were read before.
 */
import type { Page, Query } from '../tokens';

export type Order = 'newest' | 'oldest';

/** The rows in view, by their places in the list. */
export interface Stretch {
  from: number;
  to: number;
}

type Ask<Row> = (query: Query) => Promise<Page<Row>>;

interface Piece<Row> {
  cursor: string | null;
  rows: Row[];
  end: string | null;
  isStale: boolean;
}

/** The most rows that one request may ask for. */
const MOST = 200;

export class LongList<Row extends { id: string }> {
  constructor(private readonly _order: Order = 'newest') {}

  /** More rows if *shown* grew since the last call; else the rows at the top and in view once more. */
  async load(shown: number, inView: Stretch, ask: Ask<Row>): Promise<Page<Row>> {
    if (shown > this._asked) {
      const first = this._asked;
      this._asked = shown;
      await this._readOn(shown - first, ask);
    } else {
      await this._readAgain(inView, ask);
    }
    return this._page();
  }

  /** Whether rows of the stretch were passed over when the list was last read again. */
  isStale(inView: Stretch): boolean {
    return this._within(inView).some(piece => piece.isStale);
  }

  private _page(): Page<Row> {
    const items = this._pieces.flatMap(({ rows }) => rows);
    return { items, next_cursor: this._pieces[this._pieces.length - 1]?.end ?? null };
  }

  private async _readOn(count: number, ask: Ask<Row>): Promise<void> {
    const last = this._pieces[this._pieces.length - 1];
    if (last && last.end === null) {
      await this._readPiece(last, ask);
      return;
    }
    const cursor = last?.end ?? null;
    const limit = Math.min(MOST, count);
    const { items, next_cursor: end } = await ask({ limit, cursor: cursor ?? undefined });
    this._pieces.push({ cursor, rows: items, end: end ?? null, isStale: false });
  }

  private async _readAgain(inView: Stretch, ask: Ask<Row>): Promise<void> {
    const wanted = new Set([this._pieces[0], ...this._within(inView)]);
    const last = this._pieces[this._pieces.length - 1];
    if (last?.end === null) {
      wanted.add(last); // Where the list ended it may have grown.
    }
    this._pieces.forEach(piece => (piece.isStale = !wanted.has(piece)));
    for (const piece of wanted) {
      // An answer may have ended the list, or begun it anew.
      if (piece && this._pieces.includes(piece)) {
        await this._readPiece(piece, ask);
      }
    }
    if (this._pieces.length === 0) {
      await this._readOn(this._asked, ask);
    }
  }

  private async _readPiece(piece: Piece<Row>, ask: Ask<Row>): Promise<void> {
    const limit = Math.min(MOST, Math.max(piece.rows.length, 50));
    const answer = await ask({ limit, cursor: piece.cursor ?? undefined });
    const place = this._pieces.indexOf(piece);
    const end = answer.next_cursor ?? null;
    if (end === null) {
      this._pieces.splice(place, Infinity, { ...piece, rows: answer.items, end, isStale: false });
      return;
    }
    const lastRead = answer.items[answer.items.length - 1].id;
    if (piece.rows.length > 0 && this._isBefore(lastRead, piece.rows[0].id)) {
      // More came at the top than one answer holds: what was read below no longer joins on.
      this._pieces = [{ cursor: piece.cursor, rows: answer.items, end, isStale: false }];
      return;
    }
    const next = this._pieces[place + 1];
    const later = new Set(next?.rows.map(({ id }) => id));
    const read = answer.items.filter(({ id }) => !later.has(id));
    const beyond = piece.rows.filter(({ id }) => this._isBefore(lastRead, id));
    piece.rows = [...read, ...beyond];
    if (!next && beyond.length === 0) {
      piece.end = end;
    }
    piece.isStale = false;
  }

  private _within({ from, to }: Stretch): Piece<Row>[] {
    let start = 0;
    return this._pieces.filter(({ rows }) => {
      const isIn = start < to && start + rows.length > from;
      start += rows.length;
      return isIn;
    });
  }

  /** Ids are made in the order of time, and the API orders by them. */
  private _isBefore(one: string, other: string): boolean {
    return this._order === 'newest' ? one > other : one < other;
  }

  private _pieces: Piece<Row>[] = [];
  private _asked = 0;
}
