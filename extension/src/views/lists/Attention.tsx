/** What needs a person: schedules that fail or are broken, runs that are late, pools without workers. */
import * as React from 'react';

import type { FailingView, GlanceView, LateView, OverviewView, PoolView } from '../../tokens';
import { Icon, type IconName } from '../parts/icons';
import { Moment } from '../parts/moments';
import { Card } from '../parts/Page';
import { type Place, PlaceLink } from '../parts/places';
import { classWords, StateChip, stateWords } from '../parts/state';
import { useWords } from '../parts/words';
import { troubledPools, type Verdict, verdictOf } from './verdict';

const ICONS: Record<Verdict['tone'], IconName> = { good: 'check', bad: 'warn', warn: 'clock' };

/** The answer of five seconds. */
export function VerdictNote({ overview }: { overview: OverviewView }): JSX.Element {
  const words = useWords();
  const { tone, title, text } = verdictOf(overview, words);
  return (
    <div className={`nightbook-Verdict nightbook-mod-${tone}`} role="status">
      <span className="nightbook-Verdict-mark">
        <Icon name={ICONS[tone]} />
      </span>
      <div>
        <p className="nightbook-Verdict-title">{title}</p>
        <p className="nightbook-Verdict-text">{text}</p>
      </div>
    </div>
  );
}

export function Attention({ overview }: { overview: OverviewView }): JSX.Element | null {
  const { __ } = useWords();
  const { failing, failing_count: count, broken, late } = overview;
  const pools = troubledPools(overview);
  if (failing.length + broken.length + late.length + pools.length === 0) {
    return null;
  }
  return (
    <Card title={__('Needs attention')}>
      <ul className="nightbook-Rows" aria-label={__('Needs attention')}>
        {failing.map(one => (
          <Failing key={one.schedule_id} failing={one} />
        ))}
        {broken.map(schedule => (
          <Broken key={schedule.id} schedule={schedule} />
        ))}
        {late.map(one => (
          <Late key={one.run_id ?? one.schedule_id} late={one} />
        ))}
        {pools.map(pool => (
          <Deserted key={pool.name} pool={pool} />
        ))}
      </ul>
      {count > failing.length && (
        <p className="nightbook-faint">
          {__('The newest %1 of %2 that fail are shown.', failing.length, count)}
        </p>
      )}
    </Card>
  );
}

interface TroubleProps {
  icon: IconName;
  tone: 'bad' | 'warn';
  title: React.ReactNode;
  why: string | null;
  children?: React.ReactNode;
}

function Trouble({ icon, tone, title, why, children }: TroubleProps): JSX.Element {
  return (
    <li className={`nightbook-Row nightbook-Trouble nightbook-mod-${tone}`}>
      <Icon name={icon} />
      <span className="nightbook-Row-main">
        {title}
        {why && <span className="nightbook-Trouble-why">{why}</span>}
      </span>
      {children && <span className="nightbook-Trouble-aside">{children}</span>}
    </li>
  );
}

function Failing({ failing }: { failing: FailingView }): JSX.Element {
  const words = useWords();
  const { __ } = words;
  const { class: failure, reason, schedule_id: id, run_id: run, in_a_row: times } = failing;
  return (
    <Trouble
      icon="warn"
      tone="bad"
      title={<PlaceLink to={{ kind: 'schedule', id }}>{failing.schedule_name}</PlaceLink>}
      why={reason ?? (failure && classWords(failure, words))}
    >
      <span className="nightbook-faint">
        {times > 1 ? __('%1 failures in a row, the first', times) : __('failed')}{' '}
        <Moment at={times > 1 ? failing.since : failing.finished_at} relative />
      </span>
      <PlaceLink
        to={{ kind: 'run', id: run }}
        className="nightbook-mod-quiet"
        label={`${stateWords(failing.state, words)}: ${failing.schedule_name}`}
      >
        <StateChip state={failing.state} />
      </PlaceLink>
    </Trouble>
  );
}

function Broken({ schedule }: { schedule: GlanceView }): JSX.Element {
  const { __ } = useWords();
  return (
    <Trouble
      icon="cross"
      tone="bad"
      title={<PlaceLink to={{ kind: 'schedule', id: schedule.id }}>{schedule.name}</PlaceLink>}
      why={schedule.broken_reason}
    >
      <span className="nightbook-faint">{__('fires no more until it is edited')}</span>
    </Trouble>
  );
}

function Late({ late }: { late: LateView }): JSX.Element {
  const { __ } = useWords();
  const place: Place | null = late.run_id
    ? { kind: 'run', id: late.run_id }
    : late.schedule_id
      ? { kind: 'schedule', id: late.schedule_id }
      : null;
  return (
    <Trouble
      icon="clock"
      tone="warn"
      title={place ? <PlaceLink to={place}>{late.name}</PlaceLink> : late.name}
      why={late.why}
    >
      <span className="nightbook-faint">
        {late.run_id ? __('waits since') : __('was due')} <Moment at={late.due_at} relative />
      </span>
    </Trouble>
  );
}

function Deserted({ pool }: { pool: PoolView }): JSX.Element {
  const { __, _n } = useWords();
  return (
    <Trouble
      icon="lost"
      tone="warn"
      title={<strong>{__('Pool %1', pool.name)}</strong>}
      why={
        pool.silent_workers > 0
          ? _n(
              'No worker is alive; %1 fell silent.',
              'No worker is alive; %1 fell silent.',
              pool.silent_workers
            )
          : __('No worker is alive. Start one with “nightbook worker”.')
      }
    >
      {pool.queued > 0 && (
        <span className="nightbook-faint">{_n('%1 run waits', '%1 runs wait', pool.queued)}</span>
      )}
    </Trouble>
  );
}
