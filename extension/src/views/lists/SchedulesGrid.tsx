/** All schedules: rows beyond number, and acts on the selected ones. */
import * as React from 'react';

import { newKey } from '../../api';
import type { ScheduleView } from '../../tokens';
import { RecentRuns } from '../charts/RecentRuns';
import { Grid, type GridColumn } from '../parts/Grid';
import { Moment } from '../parts/moments';
import { usePlaces } from '../parts/places';
import { ScheduleChip } from '../parts/state';
import { useWords } from '../parts/words';
import { useModel } from '../screens/state';
import { BulkBar } from './BulkBar';
import type { BulkAct } from './bulk';
import { LastRun, NoSchedules, ScheduleName } from './SchedulesList';
import { type LongListProps, useSelection } from './selection';

export function SchedulesGrid(props: LongListProps<ScheduleView>): JSX.Element {
  const { rows, filtered, isUp, onTurn } = props;
  const { __ } = useWords();
  const places = usePlaces();
  const { selected, chosen, setSelected } = useSelection(rows);
  const acts = useScheduleActs();
  if (rows.length === 0 && chosen.length === 0) {
    return <NoSchedules filtered={filtered} />;
  }
  const columns: GridColumn<ScheduleView>[] = [
    { title: __('State'), width: '8rem', cell: ({ state }) => <ScheduleChip state={state} /> },
    {
      title: __('Schedule'),
      width: 'minmax(11rem, 3fr)',
      cell: schedule => <ScheduleName schedule={schedule} />
    },
    { title: __('When'), width: 'minmax(8rem, 2fr)', minor: true, cell: ({ words }) => words },
    {
      title: __('Next'),
      width: 'minmax(7rem, 1fr)',
      cell: ({ next_fire_at: next }) => <Moment at={next} />
    },
    { title: __('Last run'), width: '9rem', cell: schedule => <LastRun schedule={schedule} /> },
    {
      title: __('Newest runs'),
      width: '7.5rem',
      minor: true,
      cell: ({ newest_runs: newest }) => <RecentRuns runs={newest} />
    },
    {
      title: __('Made'),
      width: 'minmax(7rem, 1fr)',
      minor: true,
      order: { isUp, onTurn },
      cell: ({ created_at: made }) => <Moment at={made} />
    }
  ];
  return (
    <>
      <BulkBar
        rows={chosen}
        acts={acts}
        nameOf={({ name }) => name}
        placeOf={id => ({ kind: 'schedule', id })}
        onClear={() => setSelected(new Set())}
        onDone={() => setSelected(new Set())}
      />
      <Grid
        label={__('Schedules')}
        columns={columns}
        rows={rows}
        more={props.more}
        selected={selected}
        nameOf={({ name }) => name}
        onSelect={setSelected}
        onOpen={({ id }) => places.open({ kind: 'schedule', id })}
        onMore={props.onMore}
        onLook={props.onLook}
      />
    </>
  );
}

function useScheduleActs(): BulkAct<ScheduleView>[] {
  const { __, _n } = useWords();
  const model = useModel();
  return [
    {
      key: 'pause',
      label: __('Pause'),
      fits: ({ state }) => state === 'active',
      question: count => _n('Pause %1 schedule?', 'Pause %1 schedules?', count),
      run: ({ id }) => model.act(api => api.pauseSchedule(id, null))
    },
    {
      key: 'resume',
      label: __('Resume'),
      fits: ({ state }) => state === 'paused',
      question: count => _n('Resume %1 schedule?', 'Resume %1 schedules?', count),
      run: ({ id }) => model.act(api => api.resumeSchedule(id))
    },
    {
      key: 'run',
      label: __('Run now'),
      fits: () => true,
      question: count => _n('Run %1 schedule now?', 'Run %1 schedules now?', count),
      run: ({ id }) => model.act(api => api.runSchedule(id, {}, newKey()))
    },
    {
      key: 'delete',
      label: __('Delete'),
      fits: () => true,
      question: count =>
        _n('Delete %1 schedule? Its runs stay.', 'Delete %1 schedules? Their runs stay.', count),
      run: ({ id }) => model.act(api => api.deleteSchedule(id))
    }
  ];
}
