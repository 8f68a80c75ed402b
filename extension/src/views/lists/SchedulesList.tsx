/** What a list says of a schedule: its name and notebook, its tags, how its last run ended. */
import * as React from 'react';

import type { ScheduleView } from '../../tokens';
import { Icon } from '../parts/icons';
import { Empty } from '../parts/notices';
import { PlaceLink } from '../parts/places';
import { StateChip } from '../parts/state';
import { useWords } from '../parts/words';

export function NoSchedules({ filtered }: { filtered?: boolean }): JSX.Element {
  const { __ } = useWords();
  return filtered ? (
    <Empty icon="search" title={__('No schedule fits these filters')} />
  ) : (
    <Empty icon="calendar" title={__('No schedules yet')}>
      {__('Open a notebook and choose Schedule, or pick one of the uploaded notebooks.')}
    </Empty>
  );
}

export function ScheduleName({ schedule }: { schedule: ScheduleView }): JSX.Element {
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

export function LastRun({ schedule }: { schedule: ScheduleView }): JSX.Element {
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
