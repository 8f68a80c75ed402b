/** With which run to compare: the likely ones first, by what they are to this one. */
import * as React from 'react';

import type { RunView } from '../../tokens';
import { Action } from '../parts/actions';
import { Moment, Span } from '../parts/moments';
import { Card } from '../parts/Page';
import { PlaceLink } from '../parts/places';
import { RunChip } from '../parts/state';
import { useWords } from '../parts/words';

const MOST = 10;

interface CompareWithProps {
  run: RunView;
  /** Runs of the same schedule or notebook, the newest first. */
  others: readonly RunView[];
  onCancel(): void;
}

export function CompareWith({ run, others, onCancel }: CompareWithProps): JSX.Element {
  const { __ } = useWords();
  const candidates = candidatesOf(run, others);
  const names = {
    parent: __('the run that this one repeats'),
    good: __('the last good run before it'),
    previous: __('the run before it'),
    other: ''
  };
  return (
    <Card title={__('Compare with')} aside={<Action label={__('Close')} onAct={onCancel} />}>
      {candidates.length === 0 && <p>{__('There is no other run that started yet.')}</p>}
      <ul className="nightbook-Compare-with">
        {candidates.map(({ id, role, other }) => (
          <li key={id}>
            {other && <RunChip run={other} />}
            {/* The older one stands on the left. */}
            <PlaceLink to={{ kind: 'comparison', run: id, other: run.id }}>
              {other ? <Moment at={other.started_at} /> : names[role]}
            </PlaceLink>
            {other && <Span start={other.started_at} end={other.finished_at} />}
            {other && names[role] && <span className="nightbook-faint">{names[role]}</span>}
          </li>
        ))}
      </ul>
    </Card>
  );
}

export interface Candidate {
  id: string;
  role: 'parent' | 'good' | 'previous' | 'other';
  /** Null where the run is known by its id only. */
  other: RunView | null;
}

/** What one would compare a run with, each once: its parent, the last good one, the one before, others. */
export function candidatesOf(run: RunView, others: readonly RunView[]): Candidate[] {
  const started = others.filter(other => other.id !== run.id && other.started_at);
  const before = started.filter(other => other.created_at < run.created_at);
  const good = before.find(({ state }) => state === 'succeeded');
  const found: Candidate[] = [];
  const add = (role: Candidate['role'], id: string | null | undefined, other: RunView | null) => {
    if (id && !found.some(one => one.id === id)) {
      found.push({ id, role, other });
    }
  };
  const parent = run.rerun_of;
  add('parent', parent, started.find(({ id }) => id === parent) ?? null);
  add('good', good?.id, good ?? null);
  add('previous', before[0]?.id, before[0] ?? null);
  started.slice(0, MOST).forEach(other => add('other', other.id, other));
  return found;
}
