/** All runs: filters, rows beyond number, acts on the selected ones. */
import * as React from 'react';

import { newKey } from '../../api';
import { isFinal, type RunView } from '../../tokens';
import { Grid, type GridColumn } from '../parts/Grid';
import { Moment, Span } from '../parts/moments';
import { usePlaces } from '../parts/places';
import { RunChip } from '../parts/state';
import { useWords } from '../parts/words';
import { useModel } from '../screens/state';
import { BulkBar } from './BulkBar';
import type { BulkAct } from './bulk';
import { NoRuns, Origin, RunName } from './RunsList';
import { type LongListProps, useSelection } from './selection';

export function RunsGrid(props: LongListProps<RunView>): JSX.Element {
  const { rows, filtered, isUp, onTurn } = props;
  const { __ } = useWords();
  const places = usePlaces();
  const { selected, chosen, setSelected } = useSelection(rows);
  const acts = useRunActs();
  if (rows.length === 0 && chosen.length === 0) {
    return <NoRuns filtered={filtered} />;
  }
  const columns: GridColumn<RunView>[] = [
    { title: __('State'), width: '9rem', cell: run => <RunChip run={run} /> },
    { title: __('Notebook'), width: 'minmax(10rem, 3fr)', cell: run => <RunName run={run} /> },
    {
      title: __('Started by'),
      width: 'minmax(7rem, 2fr)',
      minor: true,
      cell: run => <Origin run={run} />
    },
    {
      title: __('Made'),
      width: 'minmax(7rem, 1fr)',
      order: { isUp, onTurn },
      cell: run => <Moment at={run.created_at} />
    },
    {
      title: __('Took'),
      width: '6rem',
      cell: run => <Span start={run.started_at} end={run.finished_at} />
    }
  ];
  return (
    <>
      <BulkBar
        rows={chosen}
        acts={acts}
        nameOf={run => run.notebook.path}
        placeOf={id => ({ kind: 'run', id })}
        onClear={() => setSelected(new Set())}
        onDone={() => setSelected(new Set())}
      />
      <Grid
        label={__('Runs')}
        columns={columns}
        rows={rows}
        more={props.more}
        selected={selected}
        nameOf={run => run.notebook.path}
        onSelect={setSelected}
        onOpen={({ id }) => places.open({ kind: 'run', id })}
        onMore={props.onMore}
        onLook={props.onLook}
      />
    </>
  );
}

function useRunActs(): BulkAct<RunView>[] {
  const { __, _n } = useWords();
  const model = useModel();
  return [
    {
      key: 'cancel',
      label: __('Cancel'),
      fits: ({ state }) => !isFinal(state),
      question: count => _n('Cancel %1 run?', 'Cancel %1 runs?', count),
      run: ({ id }) => model.act(api => api.cancelRun(id))
    },
    {
      key: 'rerun',
      label: __('Re-run'),
      fits: ({ state }) => isFinal(state),
      question: count => _n('Run %1 run again?', 'Run %1 runs again?', count),
      run: ({ id }) => model.act(api => api.rerun(id, {}, newKey()))
    }
  ];
}
