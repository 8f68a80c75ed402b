/**
 * The journal of a running attempt, folded into what a reader sees: outputs by cell, as they come.
 *
 * Pure: a record and a picture in, the next picture out. Kinds that are not known are passed over.
 */
import type { JournalRecord, NotebookOutput } from '../tokens';

export interface LiveOutput extends NotebookOutput {
  display_id?: string | null;
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
  ended: boolean;
}

export const NOTHING_YET: LivePicture = { cells: {}, current: null, notes: [], ended: false };

/** Keeps the last part of a very long stream, so that a chatty cell does not fill the reader's memory. */
const KEPT_CHARACTERS = 200_000;

export function fold(picture: LivePicture, record: JournalRecord): LivePicture {
  switch (record.k) {
    case 'begin':
      return NOTHING_YET;
    case 'cell':
      return { ...withCell(picture, record, startOf), current: record.i ?? null };
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
    case 'done':
      return { ...withCell(picture, record, cell => endOf(cell, record)), current: null };
    case 'note':
      return { ...picture, notes: [...picture.notes, String(record.words ?? '')] };
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

function startOf(cell: LiveCell, record: JournalRecord): LiveCell {
  return { ...cell, state: 'running', outputs: [], clearNext: false, startedAt: record.at ?? null };
}

function endOf(cell: LiveCell, record: JournalRecord): LiveCell {
  const hasFailed = record.error != null || record.status === 'failed';
  return { ...cell, state: hasFailed ? 'failed' : 'succeeded' };
}

function appendText(cell: LiveCell, record: JournalRecord): LiveCell {
  const name = record.name ?? 'stdout';
  const outputs = cell.clearNext ? [] : cell.outputs;
  const last = outputs[outputs.length - 1];
  if (last?.output_type === 'stream' && last.name === name) {
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
