/** The pools: who is alive, what is free, what waits. */
import * as React from 'react';

import type { PoolView } from '../../tokens';
import { Icon } from '../parts/icons';
import { Moment } from '../parts/moments';
import { useWords } from '../parts/words';

export function Fleet({ pools }: { pools: readonly PoolView[] }): JSX.Element {
  const { __ } = useWords();
  if (pools.length === 0) {
    return (
      <p className="nightbook-faint">
        {__('No pool yet. A pool appears when its first worker registers.')}
      </p>
    );
  }
  return (
    <ul className="nightbook-Pools" aria-label={__('Pools')}>
      {pools.map(pool => (
        <PoolCard key={pool.name} pool={pool} />
      ))}
    </ul>
  );
}

function PoolCard({ pool }: { pool: PoolView }): JSX.Element {
  const { __, _n } = useWords();
  const { name, workers, silent_workers: silent, slots, free_slots: free } = pool;
  const isWell = workers > 0 && silent === 0;
  return (
    <li className="nightbook-Pool">
      <strong className={isWell ? 'nightbook-mod-good' : 'nightbook-mod-warn'}>
        <Icon name={isWell ? 'check' : 'warn'} /> {name}
      </strong>
      <span>
        {workers === 0
          ? __('no worker is alive')
          : _n('%1 worker alive', '%1 workers alive', workers)}
        {silent > 0 && `, ${__('%1 silent', silent)}`}
      </span>
      <Slots used={slots - free} all={slots} />
      <span>{__('%1 running, %2 queued', pool.running, pool.queued)}</span>
      {pool.oldest_queued_at && (
        <span className="nightbook-faint">
          {__('oldest waiting since')} <Moment at={pool.oldest_queued_at} relative />
        </span>
      )}
    </li>
  );
}

function Slots({ used, all }: { used: number; all: number }): JSX.Element | null {
  const { __ } = useWords();
  if (all === 0) {
    return null;
  }
  return (
    <span className="nightbook-Slots">
      <meter aria-label={__('Slots in use')} min={0} max={all} value={used} />
      {__('%1 of %2 slots free', all - used, all)}
    </span>
  );
}
