/** The notebook as it fills in: every cell in its place, with what it has printed so far. */
import * as React from 'react';

import type { LivePicture } from '../../model';
import type { CellView } from '../../tokens';
import { Icon } from '../parts/icons';
import { Empty, Loading } from '../parts/notices';
import { CellMark } from '../parts/state';
import { useWords } from '../parts/words';
import { Outputs } from './Outputs';

interface LiveNotebookProps {
  /** Null while they are being read. */
  cells: readonly CellView[] | null;
  live: LivePicture;
}

export function LiveNotebook({ cells, live }: LiveNotebookProps): JSX.Element {
  const { __ } = useWords();
  const [isFollowing, setFollowing] = React.useState(true);
  const page = React.useRef<HTMLOListElement>(null);
  const { current } = live;
  React.useEffect(() => {
    if (isFollowing && current !== null) {
      page.current
        ?.querySelector(`[data-cell="${current}"]`)
        ?.scrollIntoView?.({ block: 'nearest' });
    }
  }, [isFollowing, current]);
  if (!cells) {
    return <Loading />;
  }
  if (cells.length === 0) {
    return (
      <Empty icon="clock" title={__('The notebook is about to begin')}>
        {__('What it prints is shown here as it comes.')}
      </Empty>
    );
  }
  return (
    <div className="nightbook-Live">
      <label className="nightbook-Switch">
        <input
          type="checkbox"
          role="switch"
          checked={isFollowing}
          onChange={event => setFollowing(event.target.checked)}
        />
        <span>{__('Follow the running cell')}</span>
      </label>
      <ol ref={page} className="nightbook-Live-page" aria-label={__('The notebook so far')}>
        {cells.map(cell => (
          <LiveCellView key={cell.index} cell={cell} live={live} />
        ))}
      </ol>
      {live.notes.map((note, place) => (
        <p key={place} className="nightbook-faint">
          {note}
        </p>
      ))}
    </div>
  );
}

function LiveCellView({ cell, live }: { cell: CellView; live: LivePicture }): JSX.Element {
  const { __ } = useWords();
  const now = live.cells[cell.index];
  const state = now?.state ?? cell.state;
  if (cell.type !== 'code') {
    return (
      <li className="nightbook-Live-text" data-cell={cell.index}>
        <Prose text={cell.source ?? ''} />
      </li>
    );
  }
  return (
    <li className={`nightbook-Live-cell nightbook-mod-${state}`} data-cell={cell.index}>
      <span className="nightbook-Live-mark">
        <CellMark state={state} /> {cell.index + 1}
      </span>
      <div className="nightbook-Live-body">
        {cell.source && <pre className="nightbook-Source">{cell.source}</pre>}
        {now && <Outputs outputs={now.outputs} growing={state === 'running'} />}
        {state === 'running' && (!now || now.outputs.length === 0) && (
          <p className="nightbook-faint">
            <Icon name="spinner" /> {__('nothing printed yet')}
          </p>
        )}
      </div>
    </li>
  );
}

/** The text of a cell, its headings marked; the executed copy shows it as it is meant. */
function Prose({ text }: { text: string }): JSX.Element {
  const lines = text.split('\n');
  return (
    <>
      {lines.map((line, place) => {
        const heading = /^#{1,6}\s+(.*)$/.exec(line);
        return heading ? (
          <strong key={place} className="nightbook-Live-heading">
            {heading[1]}
          </strong>
        ) : (
          <span key={place}>{line}</span>
        );
      })}
    </>
  );
}
