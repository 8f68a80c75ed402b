/** How a run stands against former ones: what is left of it, and which of its cells are slow. Pure. */
import type { LiveCell, LivePicture } from '../../model';
import type { CellView, UsualView } from '../../tokens';
import { secondsBetween } from '../parts/moments';

/** A cell is called slow from twice its usual time on, if that is a second more at least. */
const SLOW_FACTOR = 2;
const SLOW_SECONDS = 1;

export interface PacedCell {
  cell: CellView;
  live: LiveCell | undefined;
  state: CellView['state'];
  /** So far, where it runs; null where it has not begun. */
  seconds: number | null;
  usual: number | null;
  /** How many times its usual time it took; null where that is nothing to speak of. */
  slow: number | null;
}

export interface Pace {
  cells: PacedCell[];
  done: number;
  /** What the cells ahead usually take, with the rest of the running one; null without a history. */
  left: number | null;
}

/** The feed is ahead of the list, until the list says how the cell ended. */
function stateOf(cell: CellView, live: LiveCell | undefined): CellView['state'] {
  return live && (cell.state === 'pending' || cell.state === 'running') ? live.state : cell.state;
}

function secondsOf(
  cell: CellView,
  live: LiveCell | undefined,
  state: CellView['state'],
  now: number
): number | null {
  const start = cell.started_at ?? live?.startedAt;
  return start
    ? secondsBetween(start, cell.finished_at ?? (state === 'running' ? now : start))
    : null;
}

function slowness(seconds: number | null, usual: number | null): number | null {
  if (seconds === null || usual === null || seconds - usual < SLOW_SECONDS) {
    return null;
  }
  const factor = seconds / Math.max(usual, 0.1);
  return factor >= SLOW_FACTOR ? factor : null;
}

export function paceOf(
  cells: readonly CellView[],
  picture: LivePicture,
  usual: UsualView | null,
  now: number
): Pace {
  const medians = new Map(usual?.cells.map(({ index, seconds }) => [index, seconds]));
  const paced = cells
    .filter(({ type }) => type === 'code')
    .map(cell => {
      const live = picture.cells[cell.index];
      const state = stateOf(cell, live);
      const seconds = secondsOf(cell, live, state, now);
      const median = medians.get(cell.index) ?? null;
      return { cell, live, state, seconds, usual: median, slow: slowness(seconds, median) };
    });
  const ahead = paced.filter(({ state }) => state === 'pending' || state === 'running');
  const isKnown = medians.size > 0 && ahead.every(({ usual: median }) => median !== null);
  return {
    cells: paced,
    done: paced.filter(({ state }) => state === 'succeeded' || state === 'failed').length,
    left: isKnown
      ? ahead.reduce((sum, one) => sum + Math.max(0, (one.usual ?? 0) - (one.seconds ?? 0)), 0)
      : null
  };
}
