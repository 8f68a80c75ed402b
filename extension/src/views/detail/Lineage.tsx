/** The runs that a run comes from, and those that were made from it. */
import * as React from 'react';

import type { RunView } from '../../tokens';
import { Moment } from '../parts/moments';
import { Card } from '../parts/Page';
import { PlaceLink } from '../parts/places';
import { RunChip } from '../parts/state';
import { useWords } from '../parts/words';

interface LineageProps {
  run: RunView;
  parent: RunView | null;
  /** What was run again from it. */
  again: readonly RunView[];
}

export function Lineage({ run, parent, again }: LineageProps): JSX.Element | null {
  const { __ } = useWords();
  if (!parent && again.length === 0 && !run.caused_by) {
    return null;
  }
  return (
    <Card title={__('Related runs')}>
      <ul className="nightbook-Rows" aria-label={__('Related runs')}>
        {run.caused_by && (
          <li className="nightbook-Row">
            <span className="nightbook-Row-main">
              <PlaceLink to={{ kind: 'run', id: run.caused_by }}>{__('Set off by')}</PlaceLink>
            </span>
          </li>
        )}
        {parent && <Relative other={parent} run={run} title={__('Re-run of')} />}
        {again.map(child => (
          <Relative key={child.id} other={child} run={run} title={__('Run again as')} />
        ))}
      </ul>
    </Card>
  );
}

interface RelativeProps {
  title: string;
  run: RunView;
  other: RunView;
}

function Relative({ title, run, other }: RelativeProps): JSX.Element {
  const { __ } = useWords();
  const when = <Moment at={other.started_at ?? other.created_at} />;
  const isOlder = other.id < run.id;
  const pair = isOlder ? { run: other.id, other: run.id } : { run: run.id, other: other.id };
  return (
    <li className="nightbook-Row">
      <span className="nightbook-Row-main">
        <span>
          {title}{' '}
          <PlaceLink to={{ kind: 'run', id: other.id }}>
            {__('the run of')} {when}
          </PlaceLink>
        </span>
        <span className="nightbook-faint">
          {[other.triggered_by, other.note].filter(Boolean).join(': ')}
        </span>
      </span>
      {other.started_at && run.started_at && (
        <PlaceLink to={{ kind: 'comparison', ...pair }}>{__('Compare')}</PlaceLink>
      )}
      <RunChip run={other} />
    </li>
  );
}
