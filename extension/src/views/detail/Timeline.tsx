/** The cells of a run: which are done, how long each took, what the running ones print. */
import * as React from 'react';

import type { LiveCell, LivePicture } from '../../model';
import type { CellView } from '../../tokens';
import { Icon } from '../parts/icons';
import { secondsBetween, spanWords, useNow } from '../parts/moments';
import { Empty } from '../parts/notices';
import { CellMark } from '../parts/state';
import { useWords } from '../parts/words';
import { Outputs } from './Outputs';

interface TimelineProps {
  cells: readonly CellView[];
  live: LivePicture;
  /** Whether the run still moves. */
  running: boolean;
}

export function Timeline({ cells, live, running }: TimelineProps): JSX.Element {
  const { __ } = useWords();
  const now = useNow(running);
  const code = cells.filter(({ type }) => type === 'code');
  if (code.length === 0) {
    return (
      <Empty
        icon="clock"
        title={running ? __('The first cell has not begun') : __('No cell ran')}
      />
    );
  }
  // Cells are named by their place in the notebook, as in its rendered copy and in the reason.
  const timed = code.map(cell => ({ cell, seconds: secondsOf(cell, live.cells[cell.index], now) }));
  const longest = Math.max(1, ...timed.map(({ seconds }) => seconds ?? 0));
  return (
    <ol className="nightbook-Timeline" aria-label={__('Cells')}>
      {timed.map(({ cell, seconds }) => (
        <CellRow
          key={cell.index}
          cell={cell}
          live={live.cells[cell.index]}
          seconds={seconds}
          share={(seconds ?? 0) / longest}
        />
      ))}
    </ol>
  );
}

function secondsOf(cell: CellView, live: LiveCell | undefined, now: number): number | null {
  const start = cell.started_at ?? live?.startedAt;
  if (!start) {
    return null;
  }
  return secondsBetween(
    start,
    cell.finished_at ?? (stateOf(cell, live) === 'running' ? now : start)
  );
}

/** The feed is ahead of the list, until the list says how the cell ended. */
function stateOf(cell: CellView, live: LiveCell | undefined): CellView['state'] {
  return live && (cell.state === 'pending' || cell.state === 'running') ? live.state : cell.state;
}

interface CellRowProps {
  cell: CellView;
  live: LiveCell | undefined;
  seconds: number | null;
  share: number;
}

function CellRow({ cell, live, seconds, share }: CellRowProps): JSX.Element {
  const words = useWords();
  const { __ } = words;
  const state = stateOf(cell, live);
  const isNoteworthy = state === 'running' || state === 'failed';
  const [open, setOpen] = React.useState<boolean | null>(null);
  const shown = open ?? isNoteworthy;
  const title = firstLine(cell.source) || __('Cell %1', cell.index + 1);
  const outputs = live?.outputs ?? [];
  return (
    <li className={`nightbook-Cell nightbook-mod-${state}`}>
      <button
        type="button"
        className="nightbook-Cell-head"
        aria-expanded={shown}
        onClick={() => setOpen(!shown)}
      >
        <Icon name={shown ? 'down' : 'right'} />
        <span className="nightbook-Cell-index">{cell.index + 1}</span>
        <CellMark state={state} />
        <code className="nightbook-Cell-title">{title}</code>
        <Bar share={share} />
        <span className="nightbook-Time nightbook-Cell-span">
          {seconds === null ? '' : spanWords(seconds, words)}
        </span>
      </button>
      {shown && (
        <div className="nightbook-Cell-body">
          {cell.source && <pre className="nightbook-Source">{cell.source}</pre>}
          {outputs.length > 0 && <Outputs outputs={outputs} />}
          {cell.error && !outputs.some(output => output.output_type === 'error') && (
            <pre className="nightbook-Output nightbook-mod-bad">{cell.error}</pre>
          )}
        </div>
      )}
    </li>
  );
}

function firstLine(source: string | null): string {
  return (source ?? '').split('\n').find(line => line.trim()) ?? '';
}

/** The share of the longest cell; a picture of what the number beside it says. */
function Bar({ share }: { share: number }): JSX.Element {
  return (
    <svg
      className="nightbook-Bar"
      viewBox="0 0 100 4"
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <rect className="nightbook-Bar-all" width="100" height="4" rx="2" />
      <rect
        className="nightbook-Bar-part"
        width={share > 0 ? Math.max(2, share * 100) : 0}
        height="4"
        rx="2"
      />
    </svg>
  );
}
