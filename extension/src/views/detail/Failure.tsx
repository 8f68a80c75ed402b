/** Why a run did not succeed, in one line, and the ways on from there. */
import * as React from 'react';

import type { CellView, RunView } from '../../tokens';
import { Action, Confirm } from '../parts/actions';
import { Icon } from '../parts/icons';
import { secondsBetween, spanWords } from '../parts/moments';
import { classWords, whyLine } from '../parts/state';
import { useWords } from '../parts/words';

export interface FailureProps {
  run: RunView;
  cells: readonly CellView[];
  onShowCell(index: number): void;
  /** Runs everything again with the same pins, so as to get back to the cell that failed. */
  onRepair?(index: number): Promise<unknown>;
  /** Shows what differs from the last run of the schedule that succeeded. */
  onCompareGood?(): Promise<unknown>;
  /** Opens a copy of the notebook at the cell that failed, with its parameters and its kernel. */
  onDebug?(): void | Promise<unknown>;
}

export function Failure(props: FailureProps): JSX.Element {
  const { run, cells, onShowCell, onRepair, onCompareGood, onDebug } = props;
  const words = useWords();
  const { __ } = words;
  const { failed_cell: failed } = run;
  const why = whyLine(run, words);
  return (
    <section className="nightbook-Failure" aria-label={__('Why it failed')}>
      <Icon name="warn" />
      <div className="nightbook-Failure-words" role="status">
        <p className="nightbook-Failure-why">{why || __('No reason was given.')}</p>
        {run.class && run.reason && (
          <p className="nightbook-faint">{classWords(run.class, words)}</p>
        )}
      </div>
      <div className="nightbook-Failure-ways">
        {failed !== null && (
          <Action
            label={__('Show cell %1', failed + 1)}
            icon="right"
            tone="accept"
            onAct={() => onShowCell(failed)}
          />
        )}
        {failed !== null && onRepair && (
          <Confirm
            label={__('Run again from cell %1', failed + 1)}
            icon="again"
            question={repairWords(failed, cells, __, seconds => spanWords(seconds, words))}
            yes={__('Run again')}
            no={__('Leave it')}
            onConfirm={() => onRepair(failed)}
          />
        )}
        {onCompareGood && (
          <Action
            label={__('What changed?')}
            title={__('Compare with the last run of this schedule that succeeded')}
            icon="compare"
            onAct={onCompareGood}
          />
        )}
        {onDebug && (
          <Action
            label={__('Debug here')}
            title={__('Open a copy with the parameters and the kernel of this run')}
            icon="book"
            onAct={onDebug}
          />
        )}
      </div>
    </section>
  );
}

/** What "from the failed cell" honestly means: nothing of the ended kernel's memory is left. */
function repairWords(
  failed: number,
  cells: readonly CellView[],
  __: (sentence: string, ...values: (string | number)[]) => string,
  span: (seconds: number) => string
): string {
  const before = cells.filter(({ index, type }) => type === 'code' && index < failed);
  if (before.length === 0) {
    return __(
      'It failed in its first cell, so a new run begins there. Same version and parameters.'
    );
  }
  const took = before.reduce(
    (sum, { started_at: start, finished_at: end }) =>
      sum + (start && end ? secondsBetween(start, end) : 0),
    0
  );
  return __(
    'The kernel’s memory is gone, so a new run first executes the cells before cell %1 again (they took %2), then goes on. Same version and parameters.',
    failed + 1,
    span(took)
  );
}
