/** That an open notebook changed since its schedule was made: what changed, and the way to take it over. */
import * as React from 'react';

import type { NamedDiff, NotebookDiff, Words } from '../../tokens';
import { Cells, Named } from '../compare/RunCompare';
import { Action, Confirm } from '../parts/actions';
import { Icon } from '../parts/icons';
import { PlaceLink } from '../parts/places';
import { useWords } from '../parts/words';

const names = (items: readonly NamedDiff[]) =>
  items
    .filter(({ change }) => change !== 'same')
    .map(({ name }) => name)
    .join(', ');

/** What changed, in a line. */
export function changeWords(diff: NotebookDiff, { __, _n }: Words): string {
  const count = (change: string) => diff.cells.filter(cell => cell.change === change).length;
  const [changed, added, removed] = ['changed', 'added', 'removed'].map(count);
  const [parameters, files] = [names(diff.parameters), names(diff.files)];
  return [
    changed && _n('%1 cell changed', '%1 cells changed', changed),
    added && _n('%1 cell added', '%1 cells added', added),
    removed && _n('%1 cell removed', '%1 cells removed', removed),
    parameters && __('parameters: %1', parameters),
    files && __('files: %1', files),
    diff.kernel.change !== 'same' && __('another kernel')
  ]
    .filter(Boolean)
    .join(' · ');
}

/** For a list: one line that leads to the review. */
export function ChangedBadge({ id, diff }: { id: string; diff: NotebookDiff }): JSX.Element {
  const words = useWords();
  return (
    <span className="nightbook-Changed-badge">
      <Icon name="warn" />
      <span>
        {words.__('The notebook changed since this schedule was made.')}{' '}
        <span className="nightbook-Changed-what">{changeWords(diff, words)}</span>{' '}
        <PlaceLink to={{ kind: 'schedule', id, review: true }}>
          {words.__('Review and update')}
        </PlaceLink>
      </span>
    </span>
  );
}

interface NotebookChangesProps {
  diff: NotebookDiff;
  /** Whether the changes are shown at once. */
  isOpen?: boolean;
  onUpdate(): Promise<unknown>;
}

export function NotebookChanges({
  diff,
  isOpen: isOpenAtFirst = false,
  onUpdate
}: NotebookChangesProps): JSX.Element {
  const words = useWords();
  const { __ } = words;
  const [isOpen, setOpen] = React.useState(isOpenAtFirst);
  return (
    <section className="nightbook-Changed" aria-label={__('Changes of the notebook')}>
      <div className="nightbook-Notice nightbook-mod-warn" role="status">
        <Icon name="warn" />
        <p>
          {__('The notebook changed since this schedule was made.')}{' '}
          <span className="nightbook-Changed-what">{changeWords(diff, words)}</span>
        </p>
        <Action
          label={isOpen ? __('Hide changes') : __('Review changes')}
          icon={isOpen ? 'up' : 'down'}
          onAct={() => setOpen(!isOpen)}
        />
        <Confirm
          label={__('Update schedule to this notebook')}
          question={__('From now on it runs the notebook as it is saved here.')}
          yes={__('Update')}
          no={__('Not now')}
          onConfirm={onUpdate}
        />
      </div>
      {isOpen && <Changes diff={diff} />}
    </section>
  );
}

function Changes({ diff }: { diff: NotebookDiff }): JSX.Element {
  const { __ } = useWords();
  const sides = { left: __('In the schedule'), right: __('In the notebook') };
  const short = (value: unknown) => (typeof value === 'string' ? value.slice(0, 12) : value);
  const files = diff.files.map(file => ({
    ...file,
    left: short(file.left),
    right: short(file.right)
  }));
  return (
    <>
      <Named title={__('Parameters')} items={diff.parameters} sides={sides} />
      {diff.cells.some(({ change }) => change !== 'same') && (
        <Cells cells={diff.cells} sides={sides} />
      )}
      <Named title={__('Files')} items={files} sides={sides} />
      <Named title={__('Kernel')} items={[diff.kernel]} sides={sides} />
    </>
  );
}
