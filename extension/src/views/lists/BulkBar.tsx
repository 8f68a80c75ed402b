/** What can be done with the selected rows, and what became of it. */
import * as React from 'react';

import { Action, Confirm } from '../parts/actions';
import { Icon } from '../parts/icons';
import { type Place, PlaceLink } from '../parts/places';
import { useWords } from '../parts/words';
import { actOnAll, type BulkAct, type BulkResult } from './bulk';

interface BulkBarProps<Row> {
  rows: readonly Row[];
  acts: readonly BulkAct<Row>[];
  nameOf(row: Row): string;
  placeOf(id: string): Place;
  onClear(): void;
  /** Told when an act on all has ended, whatever became of it. */
  onDone(): void;
}

export function BulkBar<Row extends { id: string }>(props: BulkBarProps<Row>): JSX.Element | null {
  const { rows, acts, nameOf, onClear, onDone } = props;
  const { __, _n } = useWords();
  const [done, setDone] = React.useState<number | null>(null);
  const [result, setResult] = React.useState<BulkResult | null>(null);
  const act = async (chosen: BulkAct<Row>) => {
    setResult(null);
    setDone(0);
    setResult(await actOnAll(rows.filter(chosen.fits), nameOf, chosen.run, setDone));
    setDone(null);
    onDone();
  };
  if (rows.length === 0 && !result) {
    return null;
  }
  return (
    <section className="nightbook-Bulk" aria-label={__('Selected rows')}>
      {rows.length > 0 && (
        <div className="nightbook-Bulk-acts">
          <strong role="status">{_n('%1 selected', '%1 selected', rows.length)}</strong>
          {acts.map(one => (
            <BulkButton key={one.key} act={one} rows={rows} onAct={() => act(one)} />
          ))}
          <Action label={__('Select none')} onAct={onClear} />
        </div>
      )}
      {done !== null && (
        <p role="status">
          <Icon name="spinner" /> {__('%1 done', done)}
        </p>
      )}
      {result && <Outcome {...result} placeOf={props.placeOf} onClose={() => setResult(null)} />}
    </section>
  );
}

interface BulkButtonProps<Row> {
  act: BulkAct<Row>;
  rows: readonly Row[];
  onAct(): Promise<void>;
}

function BulkButton<Row>({ act, rows, onAct }: BulkButtonProps<Row>): JSX.Element {
  const { __ } = useWords();
  const count = rows.filter(act.fits).length;
  const label = count === rows.length ? act.label : __('%1 (%2)', act.label, count);
  return count === 0 ? (
    <Action label={act.label} disabled onAct={() => undefined} />
  ) : (
    <Confirm
      label={label}
      question={act.question(count)}
      yes={act.label}
      no={__('Do nothing')}
      onConfirm={onAct}
    />
  );
}

interface OutcomeProps extends BulkResult {
  placeOf(id: string): Place;
  onClose(): void;
}

function Outcome({ done, failures, placeOf, onClose }: OutcomeProps): JSX.Element {
  const { __, _n } = useWords();
  const tone = failures.length > 0 ? 'bad' : 'calm';
  return (
    <div
      className={`nightbook-Notice nightbook-mod-${tone}`}
      role={failures.length > 0 ? 'alert' : 'status'}
    >
      <Icon name={failures.length > 0 ? 'warn' : 'check'} />
      <div>
        <p>
          {__('%1 done.', done)}{' '}
          {failures.length > 0 && _n('%1 was refused:', '%1 were refused:', failures.length)}
        </p>
        {failures.length > 0 && (
          <ul className="nightbook-Bulk-failures">
            {failures.map(({ id, name, message }) => (
              <li key={id}>
                <PlaceLink to={placeOf(id)}>{name}</PlaceLink>: {message}
              </li>
            ))}
          </ul>
        )}
      </div>
      <Action label={__('Close')} onAct={onClose} />
    </div>
  );
}
