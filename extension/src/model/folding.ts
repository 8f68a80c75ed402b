/**
 * The journal of a running attempt, folded into what a reader sees: outputs by cell, as they come.
 *
 * Pure: a record and a picture in, the next picture out. Kinds that are not known are passed over.
 */
import type { JournalRecord, NotebookOutput } from '../tokens';

export interface LiveOutput extends NotebookOutput {
  display_id?: string | null;
  /** What was cut, where this output is the note that says so. */
  cut?: string;
}

export interface LiveCell {
  index: number;
  state: 'running' | 'succeeded' | 'failed';
  outputs: readonly LiveOutput[];
  clearNext: boolean;
  startedAt: string | null;
}

export interface LivePicture {
  cells: Readonly<Record<number, LiveCell>>;
  current: number | null;
  notes: readonly string[];
  /** When the attempt began, in ms since 1970: records count from then. */
  beganAt: number | null;
  ended: boolean;
}

export const NOTHING_YET: LivePicture = {
  cells: {},
  current: null,
  notes: [],
  beganAt: null,
  ended: false
};

/** Keeps the last part of a very long stream, so that a chatty cell does not fill the reader's memory. */
const KEPT_CHARACTERS = 200_000;

export function fold(picture: LivePicture, record: JournalRecord): LivePicture {
  switch (record.k) {
    case 'begin':
      return { ...NOTHING_YET, beganAt: record.at ? Date.parse(record.at) : null };
    case 'cell':
      return {
        ...withCell(picture, record, cell => startOf(cell, record, picture.beganAt)),
        current: record.i ?? null
      };
    case 'text':
      return withCell(picture, record, cell => appendText(cell, record));
    case 'out':
      return withCell(picture, record, cell => appendOutput(cell, record));
    case 'update':
      return updated(picture, record);
    case 'clear':
      return withCell(picture, record, cell =>
        record.wait ? { ...cell, clearNext: true } : { ...cell, outputs: [], clearNext: false }
      );
    case 'cut':
      return withCell(picture, record, cell => noteCut(cell, record));
    case 'done':
      return { ...withCell(picture, record, cell => endOf(cell, record)), current: null };
    case 'note':
      return { ...picture, notes: [...picture.notes, record.s ?? ''] };
    case 'end':
      return { ...picture, ended: true, current: null };
    default:
      return picture;
  }
}

function withCell(
  picture: LivePicture,
  record: JournalRecord,
  change: (cell: LiveCell, record: JournalRecord) => LiveCell
): LivePicture {
  const index = record.i;
  if (typeof index !== 'number') {
    return picture;
  }
  const known = picture.cells[index] ?? {
    index,
    state: 'running' as const,
    outputs: [],
    clearNext: false,
    startedAt: null
  };
  return { ...picture, cells: { ...picture.cells, [index]: change(known, record) } };
}

function startOf(cell: LiveCell, record: JournalRecord, beganAt: number | null): LiveCell {
  const at = new Date((beganAt ?? NaN) + record.t);
  const startedAt = Number.isNaN(at.getTime()) ? null : at.toISOString();
  return { ...cell, state: 'running', outputs: [], clearNext: false, startedAt };
}

function endOf(cell: LiveCell, record: JournalRecord): LiveCell {
  // An error alone fails no cell: it may be expected, or an exit with success.
  return { ...cell, state: record.status === 'failed' ? 'failed' : 'succeeded' };
}

function appendText(cell: LiveCell, record: JournalRecord): LiveCell {
  const name = record.name ?? 'stdout';
  const outputs = cell.clearNext ? [] : cell.outputs;
  const last = outputs[outputs.length - 1];
  if (last?.output_type === 'stream' && last.name === name && !last.cut) {
    const text = (String(last.text ?? '') + (record.s ?? '')).slice(-KEPT_CHARACTERS);
    return { ...cell, clearNext: false, outputs: [...outputs.slice(0, -1), { ...last, text }] };
  }
  const fresh: LiveOutput = { output_type: 'stream', name, text: record.s ?? '' };
  return { ...cell, clearNext: false, outputs: [...outputs, fresh] };
}

function appendOutput(cell: LiveCell, record: JournalRecord): LiveCell {
  if (!record.o) {
    return cell;
  }
  const outputs = cell.clearNext ? [] : cell.outputs;
  const fresh: LiveOutput = { ...record.o, display_id: record.display_id ?? null };
  return { ...cell, clearNext: false, outputs: [...outputs, fresh] };
}

/** A cap acted: its note stands where that first happened, with the newest sums, as in the executed copy. */
function noteCut(cell: LiveCell, record: JournalRecord): LiveCell {
  const cut = record.what ?? 'output';
  const note: LiveOutput = { output_type: 'stream', name: 'stderr', text: wordsOfCut(record), cut };
  if (cell.outputs.some(output => output.cut === cut) && !cell.clearNext) {
    return { ...cell, outputs: cell.outputs.map(old => (old.cut === cut ? note : old)) };
  }
  const outputs = cell.clearNext ? [] : cell.outputs;
  return { ...cell, clearNext: false, outputs: [...outputs, note] };
}

function wordsOfCut({ what, kept = 0, dropped = 0, why }: JournalRecord): string {
  const counted = (bytes: number) => bytes.toLocaleString('en');
  const reason = why ? ` (${why})` : '';
  return `[nightbook] ${what} was cut: ${counted(kept)} bytes kept, ${counted(dropped)} dropped${reason}.\n`;
}

/** A display may be changed by a later cell, so all cells are looked at. */
function updated(picture: LivePicture, record: JournalRecord): LivePicture {
  const { display_id: id, o } = record;
  if (!id || !o) {
    return picture;
  }
  const cells: Record<number, LiveCell> = {};
  for (const cell of Object.values(picture.cells)) {
    const outputs = cell.outputs.map(old =>
      old.display_id === id ? { ...old, data: o.data ?? old.data } : old
    );
    cells[cell.index] = { ...cell, outputs };
  }
  return { ...picture, cells };
}
