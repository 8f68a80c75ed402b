/** A state as icon, words and colour together, so that no one of them has to be seen. */
import * as React from 'react';

import type { CellView, FailureClass, RunState, RunView, Words } from '../../tokens';
import { Icon, type IconName } from './icons';
import { useWords } from './words';

export type Tone = 'good' | 'bad' | 'busy' | 'calm' | 'warn';

interface Look {
  icon: IconName;
  tone: Tone;
}

const LOOKS: Record<RunState, Look> = {
  queued: { icon: 'clock', tone: 'calm' },
  running: { icon: 'spinner', tone: 'busy' },
  succeeded: { icon: 'check', tone: 'good' },
  failed: { icon: 'cross', tone: 'bad' },
  timed_out: { icon: 'expired', tone: 'bad' },
  cancelled: { icon: 'stop', tone: 'calm' },
  lost: { icon: 'lost', tone: 'bad' },
  skipped: { icon: 'skip', tone: 'calm' },
  expired: { icon: 'expired', tone: 'warn' }
};

export function toneOf(state: RunState): Tone {
  return LOOKS[state]?.tone ?? 'calm';
}

export function stateWords(state: RunState, { __ }: Words): string {
  switch (state) {
    case 'queued':
      return __('Queued');
    case 'running':
      return __('Running');
    case 'succeeded':
      return __('Succeeded');
    case 'failed':
      return __('Failed');
    case 'timed_out':
      return __('Timed out');
    case 'cancelled':
      return __('Cancelled');
    case 'lost':
      return __('Lost');
    case 'skipped':
      return __('Skipped');
    case 'expired':
      return __('Expired');
  }
}

export function classWords(failure: FailureClass, { __ }: Words): string {
  switch (failure) {
    case 'code':
      return __('A cell raised an error');
    case 'parameters':
      return __('The parameters do not fit the notebook');
    case 'environment':
      return __('The environment is not what the notebook needs');
    case 'kernel_died':
      return __('The kernel died');
    case 'out_of_memory':
      return __('The run used more memory than it may');
    case 'timeout':
      return __('A time limit was reached');
    case 'worker_lost':
      return __('The worker fell silent');
    case 'storage':
      return __('The results could not be stored');
    case 'platform':
      return __('Nightbook itself failed');
  }
}

/** One line on why a run ended as it did, or what it waits for; empty where there is nothing to say. */
export function whyLine(run: RunView, words: Words): string {
  if (run.state === 'queued') {
    return run.waiting_for ?? '';
  }
  return run.reason ?? (run.class ? classWords(run.class, words) : '');
}

export function Chip({ icon, tone, children }: Look & { children: React.ReactNode }): JSX.Element {
  return (
    <span className={`nightbook-Chip nightbook-mod-${tone}`}>
      <Icon name={icon} />
      <span>{children}</span>
    </span>
  );
}

export function StateChip({ state }: { state: RunState }): JSX.Element {
  const words = useWords();
  const look = LOOKS[state] ?? LOOKS.queued;
  return <Chip {...look}>{stateWords(state, words)}</Chip>;
}

/** The chip of a run, which may be queued for a cancel that is under way. */
export function RunChip({ run }: { run: RunView }): JSX.Element {
  const { __ } = useWords();
  if (run.state === 'running' && run.cancelling_since) {
    return (
      <Chip icon="spinner" tone="warn">
        {__('Cancelling')}
      </Chip>
    );
  }
  return <StateChip state={run.state} />;
}

export function ScheduleChip({ state }: { state: 'active' | 'paused' }): JSX.Element {
  const { __ } = useWords();
  return state === 'active' ? (
    <Chip icon="calendar" tone="good">
      {__('Active')}
    </Chip>
  ) : (
    <Chip icon="pause" tone="warn">
      {__('Paused')}
    </Chip>
  );
}

const CELL_LOOKS: Record<CellView['state'], Look> = {
  pending: { icon: 'clock', tone: 'calm' },
  running: { icon: 'spinner', tone: 'busy' },
  succeeded: { icon: 'check', tone: 'good' },
  failed: { icon: 'cross', tone: 'bad' },
  not_run: { icon: 'skip', tone: 'calm' }
};

export function CellMark({ state }: { state: CellView['state'] }): JSX.Element {
  const { __ } = useWords();
  const words = {
    pending: __('Not yet'),
    running: __('Running'),
    succeeded: __('Succeeded'),
    failed: __('Failed'),
    not_run: __('Not run')
  }[state];
  const { icon, tone } = CELL_LOOKS[state];
  return (
    <span className={`nightbook-CellMark nightbook-mod-${tone}`}>
      <Icon name={icon} />
      <span className="nightbook-hidden">{words}</span>
    </span>
  );
}
