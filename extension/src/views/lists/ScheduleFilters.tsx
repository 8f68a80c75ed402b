/** Filters of schedules that the API understands. */
import * as React from 'react';

import type { ScheduleFilters } from '../../tokens';
import { Choice } from '../parts/field';
import { Filters, Line, Search } from '../parts/Filters';
import { SavedFilters } from '../parts/savedFilters';
import { useWords } from '../parts/words';

interface ScheduleFiltersBarProps {
  filters: ScheduleFilters;
  onChange(filters: ScheduleFilters): void;
}

export function ScheduleFiltersBar({ filters, onChange }: ScheduleFiltersBarProps): JSX.Element {
  const { __ } = useWords();
  const set = (change: ScheduleFilters) => onChange({ ...filters, ...change });
  const active = Object.values(filters).some(Boolean);
  return (
    <>
      <Filters active={active} onClear={() => onChange({})}>
        <Search
          label={__('Search schedules')}
          value={filters.q ?? ''}
          onChange={text => set({ q: text || undefined })}
        />
        <Choice
          label={__('State')}
          value={filters.state ?? ''}
          options={[
            ['', __('Any state')],
            ['active', __('Active')],
            ['paused', __('Paused')]
          ]}
          onChange={state => set({ state: state || undefined })}
        />
        <Line
          label={__('Owner')}
          value={filters.owner ?? ''}
          onChange={owner => set({ owner: owner || undefined })}
        />
        <Line
          label={__('Tag')}
          value={filters.tag ?? ''}
          onChange={tag => set({ tag: tag || undefined })}
        />
      </Filters>
      <SavedFilters list="schedules" filters={filters} active={active} onChoose={onChange} />
    </>
  );
}
