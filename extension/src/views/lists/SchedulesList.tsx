/** Schedules: whether each is well, when it fires next, how its last run ended. */
import * as React from 'react';

import type { ScheduleFilters, ScheduleView } from '../../tokens';
import { MoreButton } from '../parts/actions';
import { Choice } from '../parts/field';
import { Filters, Search } from '../parts/Filters';
import { Icon } from '../parts/icons';
import { Moment } from '../parts/moments';
import { Empty } from '../parts/notices';
import { PlaceLink } from '../parts/places';
import { ScheduleChip, StateChip } from '../parts/state';
import { type Column, Table } from '../parts/Table';
import { useWords } from '../parts/words';

interface SchedulesListProps {
  schedules: readonly ScheduleView[];
  more: boolean;
  filtered?: boolean;
  onMore(): void | Promise<unknown>;
}

export function SchedulesList(props: SchedulesListProps): JSX.Element {
  const { schedules, more, filtered, onMore } = props;
  const { __ } = useWords();
  if (schedules.length === 0) {
    return filtered ? (
      <Empty icon="search" title={__('No schedule fits these filters')} />
    ) : (
      <Empty icon="calendar" title={__('No schedules yet')}>
        {__('Open a notebook and choose Schedule, or pick one of the uploaded notebooks.')}
      </Empty>
    );
  }
  return (
    <>
      <SchedulesTable schedules={schedules} />
      {more && <MoreButton shown={schedules.length} onMore={onMore} />}
    </>
  );
}

export function SchedulesTable({ schedules }: { schedules: readonly ScheduleView[] }): JSX.Element {
  const { __ } = useWords();
  const columns: Column<ScheduleView>[] = [
    { title: __('State'), cell: schedule => <ScheduleChip state={schedule.state} /> },
    { title: __('Schedule'), cell: schedule => <ScheduleName schedule={schedule} /> },
    { title: __('When'), minor: true, cell: schedule => schedule.words },
    { title: __('Next'), cell: ({ next_fire_at: next }) => <Moment at={next} /> },
    { title: __('Last run'), cell: schedule => <LastRun schedule={schedule} /> },
    { title: __('Owner'), minor: true, cell: schedule => schedule.owner }
  ];
  return (
    <Table
      label={__('Schedules')}
      columns={columns}
      rows={schedules}
      keyOf={schedule => schedule.id}
    />
  );
}

function ScheduleName({ schedule }: { schedule: ScheduleView }): JSX.Element {
  return (
    <div className="nightbook-Name">
      <PlaceLink to={{ kind: 'schedule', id: schedule.id }}>{schedule.name}</PlaceLink>
      <span className="nightbook-Name-line">{schedule.notebook.path}</span>
      {schedule.broken_reason && (
        <span className="nightbook-Name-line nightbook-mod-bad">
          <Icon name="warn" /> {schedule.broken_reason}
        </span>
      )}
      <Tags tags={schedule.tags} />
    </div>
  );
}

export function Tags({ tags }: { tags: readonly string[] }): JSX.Element | null {
  return tags.length === 0 ? null : (
    <span className="nightbook-Tags">
      {tags.map(tag => (
        <span key={tag} className="nightbook-Tag">
          {tag}
        </span>
      ))}
    </span>
  );
}

function LastRun({ schedule }: { schedule: ScheduleView }): JSX.Element {
  const { __ } = useWords();
  const last = schedule.last_run;
  if (!last) {
    return <span className="nightbook-faint">{__('None yet')}</span>;
  }
  return (
    <PlaceLink to={{ kind: 'run', id: last.id }} className="nightbook-mod-quiet">
      <StateChip state={last.state} />
    </PlaceLink>
  );
}

interface ScheduleFiltersBarProps {
  filters: ScheduleFilters;
  onChange(filters: ScheduleFilters): void;
}

export function ScheduleFiltersBar({ filters, onChange }: ScheduleFiltersBarProps): JSX.Element {
  const { __ } = useWords();
  return (
    <Filters active={Boolean(filters.q || filters.state)} onClear={() => onChange({})}>
      <Search
        label={__('Search schedules')}
        value={filters.q ?? ''}
        onChange={text => onChange({ ...filters, q: text || undefined })}
      />
      <Choice
        label={__('State')}
        value={filters.state ?? ''}
        options={[
          ['', __('Any state')],
          ['active', __('Active')],
          ['paused', __('Paused')]
        ]}
        onChange={value => onChange({ ...filters, state: value || undefined })}
      />
    </Filters>
  );
}
