/** The landing page: what needs attention first, then what runs, what comes next, and where. */
import * as React from 'react';

import type { OverviewView, PoolView, RunView, ScheduleView } from '../../tokens';
import { Icon } from '../parts/icons';
import { Moment, Span } from '../parts/moments';
import { Card, Page } from '../parts/Page';
import { PlaceLink } from '../parts/places';
import { RunChip, StateChip } from '../parts/state';
import { useWords } from '../parts/words';
import { HoursChart } from './HoursChart';

export function Overview({ overview }: { overview: OverviewView }): JSX.Element {
  const { __ } = useWords();
  return (
    <Page title={__('Overview')}>
      <Attention red={overview.red} />
      <div className="nightbook-Columns">
        <Card
          title={__('Running now')}
          aside={<PlaceLink to={{ kind: 'runs' }}>{__('All runs')}</PlaceLink>}
        >
          <Running running={overview.running} />
        </Card>
        <Card
          title={__('Next')}
          aside={<PlaceLink to={{ kind: 'schedules' }}>{__('All schedules')}</PlaceLink>}
        >
          <Next next={overview.next} />
        </Card>
      </div>
      <Card title={__('Last 24 hours')}>
        <HoursChart hours={overview.ended_by_hour} />
      </Card>
      <Card title={__('Pools')}>
        <Pools pools={overview.pools} />
      </Card>
    </Page>
  );
}

function Attention({ red }: { red: readonly ScheduleView[] }): JSX.Element {
  const { __ } = useWords();
  if (red.length === 0) {
    return (
      <p className="nightbook-AllWell">
        <Icon name="check" /> {__('Nothing needs your attention.')}
      </p>
    );
  }
  return (
    <Card title={__('Needs attention')}>
      <ul className="nightbook-Rows">
        {red.map(schedule => (
          <li key={schedule.id} className="nightbook-Row nightbook-mod-bad">
            <span className="nightbook-Row-main">
              <PlaceLink to={{ kind: 'schedule', id: schedule.id }}>{schedule.name}</PlaceLink>
              <span className="nightbook-faint">
                {schedule.broken_reason ?? schedule.notebook.path}
              </span>
            </span>
            {schedule.last_run && (
              <>
                <Moment at={schedule.last_run.finished_at} />
                <PlaceLink
                  to={{ kind: 'run', id: schedule.last_run.id }}
                  className="nightbook-mod-quiet"
                >
                  <StateChip state={schedule.last_run.state} />
                </PlaceLink>
              </>
            )}
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Running({ running }: { running: readonly RunView[] }): JSX.Element {
  const { __ } = useWords();
  if (running.length === 0) {
    return <p className="nightbook-faint">{__('Nothing runs right now.')}</p>;
  }
  return (
    <ul className="nightbook-Rows">
      {running.map(run => (
        <li key={run.id} className="nightbook-Row">
          <span className="nightbook-Row-main">
            <PlaceLink to={{ kind: 'run', id: run.id }}>
              {run.schedule_name ?? run.notebook.path}
            </PlaceLink>
            {run.cells_total !== null && (
              <span className="nightbook-faint">
                {__(
                  'cell %1 of %2',
                  Math.min((run.cells_done ?? 0) + 1, run.cells_total),
                  run.cells_total
                )}
              </span>
            )}
          </span>
          <Span start={run.started_at} end={run.finished_at} />
          <RunChip run={run} />
        </li>
      ))}
    </ul>
  );
}

function Next({ next }: { next: readonly ScheduleView[] }): JSX.Element {
  const { __ } = useWords();
  if (next.length === 0) {
    return <p className="nightbook-faint">{__('Nothing is planned.')}</p>;
  }
  return (
    <ul className="nightbook-Rows">
      {next.map(schedule => (
        <li key={schedule.id} className="nightbook-Row">
          <span className="nightbook-Row-main">
            <PlaceLink to={{ kind: 'schedule', id: schedule.id }}>{schedule.name}</PlaceLink>
            <span className="nightbook-faint">{schedule.words}</span>
          </span>
          <Moment at={schedule.next_fire_at} relative />
        </li>
      ))}
    </ul>
  );
}

function Pools({ pools }: { pools: readonly PoolView[] }): JSX.Element {
  const { __, _n } = useWords();
  if (pools.length === 0) {
    return (
      <p className="nightbook-faint">
        {__('No pool yet. A pool appears when its first worker registers.')}
      </p>
    );
  }
  return (
    <ul className="nightbook-Pools">
      {pools.map(pool => (
        <li key={pool.name} className="nightbook-Pool">
          <strong>{pool.name}</strong>
          <span className={pool.workers === 0 ? 'nightbook-mod-warn' : undefined}>
            {pool.workers === 0 ? __('no worker') : _n('%1 worker', '%1 workers', pool.workers)}
          </span>
          <span>{__('%1 of %2 slots free', pool.free_slots, pool.slots)}</span>
          <span>{__('%1 running, %2 queued', pool.running, pool.queued)}</span>
          {pool.oldest_queued_at && (
            <span className="nightbook-faint">
              {__('oldest waiting')} <Moment at={pool.oldest_queued_at} relative />
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}
