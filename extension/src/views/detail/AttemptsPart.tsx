/** The tries of a run: how each ended, what it took of its worker, and how its kernel came. */
import * as React from 'react';

import type { AttemptView } from '../../tokens';
import { Moment, sizeWords, Span, spanWords } from '../parts/moments';
import { Empty } from '../parts/notices';
import { classWords, StateChip } from '../parts/state';
import { type Column, Table } from '../parts/Table';
import { useWords } from '../parts/words';

export function AttemptsPart({ attempts }: { attempts: readonly AttemptView[] }): JSX.Element {
  const words = useWords();
  const { __ } = words;
  if (attempts.length === 0) {
    return <Empty icon="clock" title={__('No worker has claimed this run yet')} />;
  }
  const why = ({ class: failure, reason }: AttemptView) =>
    [failure && classWords(failure, words), reason].filter(Boolean).join(': ');
  const columns: Column<AttemptView>[] = [
    { title: __('Attempt'), cell: attempt => attempts.indexOf(attempt) + 1 },
    { title: __('Ending'), cell: ({ state }) => <AttemptChip state={state} /> },
    { title: __('Worker'), cell: ({ worker }) => worker ?? '–' },
    { title: __('Started'), cell: ({ started_at }) => <Moment at={started_at} /> },
    {
      title: __('Took'),
      align: 'end',
      cell: ({ started_at: start, finished_at: end }) => <Span start={start} end={end} />
    },
    {
      title: __('Processor time'),
      align: 'end',
      cell: ({ cpu_seconds: seconds }) => (seconds === null ? '–' : spanWords(seconds, words))
    },
    {
      title: __('Peak memory'),
      align: 'end',
      cell: ({ peak_memory_bytes: bytes }) => (bytes === null ? '–' : sizeWords(bytes))
    },
    { title: __('Kernel'), cell: attempt => <KernelStart attempt={attempt} /> }
  ];
  return (
    <>
      <Table
        label={__('Attempts')}
        columns={columns}
        rows={attempts}
        keyOf={({ fence }) => String(fence)}
      />
      <dl className="nightbook-Whys">
        {attempts.map(
          (attempt, place) =>
            why(attempt) && (
              <div key={attempt.fence}>
                <dt>{__('Attempt %1', place + 1)}</dt>
                <dd>{why(attempt)}</dd>
              </div>
            )
        )}
      </dl>
    </>
  );
}

function AttemptChip({ state }: { state: AttemptView['state'] }): JSX.Element {
  const { __ } = useWords();
  return state === 'handed_back' ? <span>{__('Handed back')}</span> : <StateChip state={state} />;
}

function KernelStart({ attempt }: { attempt: AttemptView }): JSX.Element {
  const { __ } = useWords();
  const { kernel_start: start, kernel_start_reason: reason } = attempt;
  if (start === null) {
    return <span>–</span>;
  }
  const told = {
    pool: __('waited ready'),
    forked: __('forked'),
    ordinary: __('started the ordinary way')
  }[start];
  return (
    <span className="nightbook-KernelStart">
      {told}
      {reason && <span className="nightbook-faint">{reason}</span>}
    </span>
  );
}
