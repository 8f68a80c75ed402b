/** How far a run is, and how long it has still to go by what former runs took. */
import * as React from 'react';

import type { LivePicture } from '../../model';
import type { CellView, RunView, UsualView } from '../../tokens';
import { secondsBetween, spanWords, useNow } from '../parts/moments';
import { useWords } from '../parts/words';
import { paceOf } from './pace';

interface ProgressProps {
  run: RunView;
  cells: readonly CellView[];
  live: LivePicture;
  usual: UsualView | null;
}

/** Counted from the cells themselves, which are ahead of the run's own count. */
export function Progress({ run, cells, live, usual }: ProgressProps): JSX.Element | null {
  const words = useWords();
  const { __ } = words;
  const isRunning = run.state === 'running';
  const now = useNow(isRunning);
  const { cells: code, done, left } = paceOf(cells, live, usual, now);
  if (!isRunning || code.length === 0) {
    return null;
  }
  const attempt = run.attempts[run.attempts.length - 1];
  const sofar = attempt ? secondsBetween(attempt.started_at, now) : null;
  return (
    <div className="nightbook-Progress">
      <span role="status">{__('Cell %1 of %2', Math.min(done + 1, code.length), code.length)}</span>
      <progress aria-label={__('Cells done')} max={code.length} value={done} />
      {/* Apart from the status: a clock that is read out each second drowns everything else. */}
      <span className="nightbook-Progress-left nightbook-faint">
        {left !== null && usual && __('about %1 left', spanWords(Math.ceil(left), words))}
        {usual?.seconds != null &&
          sofar !== null &&
          ` · ${__('%1 so far, usually %2', spanWords(Math.floor(sofar), words), spanWords(usual.seconds, words))}`}
      </span>
    </div>
  );
}
