/** The cells of a run: which are done, how long each took against former runs, and what each printed. */
import * as React from 'react';

import type { LivePicture } from '../../model';
import type { CellView, UsualView } from '../../tokens';
import { Icon } from '../parts/icons';
import { spanWords, useNow } from '../parts/moments';
import { Empty } from '../parts/notices';
import { CellMark } from '../parts/state';
import { useWords } from '../parts/words';
import { Outputs } from './Outputs';
import { type PacedCell, paceOf } from './pace';

interface TimelineProps {
  cells: readonly CellView[];
  live: LivePicture;
  /** Whether the run still moves. */
  running: boolean;
  usual?: UsualView | null;
  /** The place of the cell that is opened and brought before the eye. */
  focus?: number | null;
  /** What a cell printed, of a run that is over. */
  outputsOf?(index: number): React.ReactNode;
  /** Stands below the outputs of the cell that failed. */
  afterFailed?: React.ReactNode;
}

export function Timeline(props: TimelineProps): JSX.Element {
  const { cells, live, running, usual = null, focus = null, outputsOf, afterFailed } = props;
  const { __ } = useWords();
  const now = useNow(running);
  const { cells: paced } = paceOf(cells, live, usual, now);
  if (paced.length === 0) {
    return (
      <Empty
        icon="clock"
        title={running ? __('The first cell has not begun') : __('No cell ran')}
      />
    );
  }
  // Cells are named by their place in the notebook, as in its rendered copy and in the reason.
  const longest = Math.max(
    1,
    ...paced.map(({ seconds, usual }) => Math.max(seconds ?? 0, usual ?? 0))
  );
  return (
    <ol className="nightbook-Timeline" aria-label={__('Cells')}>
      {paced.map(one => (
        <CellRow
          key={one.cell.index}
          paced={one}
          longest={longest}
          isFocused={one.cell.index === focus}
          outputsOf={outputsOf}
          afterFailed={afterFailed}
        />
      ))}
    </ol>
  );
}

interface CellRowProps extends Pick<TimelineProps, 'outputsOf' | 'afterFailed'> {
  paced: PacedCell;
  longest: number;
  isFocused: boolean;
}

function CellRow({ paced, longest, isFocused, ...after }: CellRowProps): JSX.Element {
  const { cell, state, seconds, usual } = paced;
  const { __ } = useWords();
  const isNoteworthy = state === 'running' || state === 'failed';
  const [open, setOpen] = React.useState<boolean | null>(null);
  const head = React.useRef<HTMLButtonElement>(null);
  React.useEffect(() => {
    if (isFocused) {
      setOpen(true);
      head.current?.parentElement?.scrollIntoView?.({ block: 'start' });
      head.current?.focus({ preventScroll: true });
    }
  }, [isFocused]);
  const shown = open ?? isNoteworthy;
  return (
    <li className={`nightbook-Cell nightbook-mod-${state}`} id={`cell-${cell.index + 1}`}>
      <button
        ref={head}
        type="button"
        className="nightbook-Cell-head"
        aria-expanded={shown}
        onClick={() => setOpen(!shown)}
      >
        <Icon name={shown ? 'down' : 'right'} />
        <span className="nightbook-Cell-index">{cell.index + 1}</span>
        <CellMark state={state} />
        <code className="nightbook-Cell-title">
          {firstLine(cell.source) || __('Cell %1', cell.index + 1)}
        </code>
        <Slow slow={paced.slow} />
        <Bar share={(seconds ?? 0) / longest} usual={usual === null ? null : usual / longest} />
        <Seconds paced={paced} />
      </button>
      {shown && <CellBody paced={paced} {...after} />}
    </li>
  );
}

/** Of a cell that takes much more than usual, how many times as long; empty for all others. */
function Slow({ slow }: { slow: number | null }): JSX.Element {
  const { __ } = useWords();
  return (
    <span className="nightbook-Slow">
      {slow !== null && (
        <>
          <Icon name="clock" />
          {__('%1× slower', slow < 10 ? slow.toFixed(1) : Math.round(slow))}
        </>
      )}
    </span>
  );
}

function Seconds({ paced: { seconds, usual } }: { paced: PacedCell }): JSX.Element {
  const words = useWords();
  const title = usual === null ? undefined : words.__('usually %1', spanWords(usual, words));
  return (
    <span className="nightbook-Time nightbook-Cell-span" title={title}>
      {seconds === null ? '' : spanWords(seconds, words)}
    </span>
  );
}

type CellBodyProps = Pick<CellRowProps, 'paced' | 'outputsOf' | 'afterFailed'>;

function CellBody({ paced, outputsOf, afterFailed }: CellBodyProps): JSX.Element {
  const { cell, live, state } = paced;
  const isOver = state === 'succeeded' || state === 'failed';
  const outputs = live?.outputs ?? [];
  const hasError = outputs.some(output => output.output_type === 'error');
  return (
    <div className="nightbook-Cell-body">
      {cell.source && <pre className="nightbook-Source">{cell.source}</pre>}
      {outputs.length > 0 && <Outputs outputs={outputs} growing={state === 'running'} />}
      {!live && isOver && outputsOf ? (
        outputsOf(cell.index)
      ) : cell.error && !hasError ? (
        <pre className="nightbook-Output nightbook-mod-bad">{cell.error}</pre>
      ) : null}
      {state === 'failed' && afterFailed}
    </div>
  );
}

function firstLine(source: string | null): string {
  return (source ?? '').split('\n').find(line => line.trim()) ?? '';
}

/** The share of the longest cell, with a mark at the usual time; a picture of what the number says. */
function Bar({ share, usual }: { share: number; usual: number | null }): JSX.Element {
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
      {usual !== null && (
        <rect className="nightbook-Bar-usual" x={Math.min(99, usual * 100)} width="1" height="4" />
      )}
    </svg>
  );
}
