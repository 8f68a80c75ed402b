/** Runs of one thing, the newest first. */
import * as React from 'react';

import type { RunView } from '../../tokens';
import { MoreButton } from '../parts/actions';
import { Moment, Span } from '../parts/moments';
import { Empty } from '../parts/notices';
import { PlaceLink } from '../parts/places';
import { RunChip, whyLine } from '../parts/state';
import { type Column, Table } from '../parts/Table';
import { useWords } from '../parts/words';

interface RunsListProps {
  runs: readonly RunView[];
  more: boolean;
  filtered?: boolean;
  onMore(): void | Promise<unknown>;
}

export function RunsList({ runs, more, filtered, onMore }: RunsListProps): JSX.Element {
  if (runs.length === 0) {
    return <NoRuns filtered={filtered} />;
  }
  return (
    <>
      <RunsTable runs={runs} />
      {more && <MoreButton shown={runs.length} onMore={onMore} />}
    </>
  );
}

export function NoRuns({ filtered }: { filtered?: boolean }): JSX.Element {
  const { __ } = useWords();
  return filtered ? (
    <Empty icon="search" title={__('No run fits these filters')} />
  ) : (
    <Empty icon="play" title={__('No runs yet')}>
      {__('A run appears here when a schedule fires, or when you run a notebook by hand.')}
    </Empty>
  );
}

export function RunsTable({ runs }: { runs: readonly RunView[] }): JSX.Element {
  const { __ } = useWords();
  const columns: Column<RunView>[] = [
    { title: __('State'), cell: run => <RunChip run={run} /> },
    { title: __('Notebook'), cell: run => <RunName run={run} /> },
    { title: __('Started by'), minor: true, cell: run => <Origin run={run} /> },
    {
      title: __('Started'),
      cell: run => <Moment at={run.started_at ?? run.created_at} />
    },
    {
      title: __('Took'),
      align: 'end',
      cell: run => <Span start={run.started_at} end={run.finished_at} />
    }
  ];
  return <Table label={__('Runs')} columns={columns} rows={runs} keyOf={run => run.id} />;
}

export function RunName({ run }: { run: RunView }): JSX.Element {
  const words = useWords();
  const why = whyLine(run, words);
  return (
    <div className="nightbook-Name">
      <PlaceLink to={{ kind: 'run', id: run.id }}>{run.notebook.path}</PlaceLink>
      {run.state === 'running' && run.cells_total !== null && (
        <span className="nightbook-Name-line">
          {words.__(
            'cell %1 of %2',
            Math.min((run.cells_done ?? 0) + 1, run.cells_total),
            run.cells_total
          )}
        </span>
      )}
      {run.state !== 'running' && why && <span className="nightbook-Name-line">{why}</span>}
    </div>
  );
}

export function Origin({ run }: { run: RunView }): JSX.Element {
  const { __ } = useWords();
  if (run.schedule_id && run.schedule_name) {
    return (
      <PlaceLink to={{ kind: 'schedule', id: run.schedule_id }}>{run.schedule_name}</PlaceLink>
    );
  }
  if (run.rerun_of) {
    return <span>{__('Re-run by %1', run.triggered_by)}</span>;
  }
  return <span>{run.triggered_by}</span>;
}
