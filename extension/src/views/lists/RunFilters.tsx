/** Filters of runs that the API understands: the usual two in sight, the others a click away. */
import * as React from 'react';

import { RUN_STATES, type RunFilters, type RunState, type RunView } from '../../tokens';
import { Choice } from '../parts/field';
import { Filters, Line, Search } from '../parts/Filters';
import { dayEnd, dayOf, dayStart } from '../parts/days';
import { SavedFilters } from '../parts/savedFilters';
import { stateWords } from '../parts/state';
import { useWords } from '../parts/words';

type Kind = RunView['trigger'];

interface RunFiltersBarProps {
  filters: RunFilters;
  onChange(filters: RunFilters): void;
}

export function RunFiltersBar({ filters, onChange }: RunFiltersBarProps): JSX.Element {
  const words = useWords();
  const { __ } = words;
  const set = (change: RunFilters) => onChange({ ...filters, ...change });
  const { schedule_id: schedule, ...others } = filters;
  const active = Object.values(others).some(Boolean);
  const states: [RunState | '', string][] = [
    ['', __('Any state')],
    ...RUN_STATES.map((state): [RunState, string] => [state, stateWords(state, words)])
  ];
  const kinds: [Kind | '', string][] = [
    ['', __('Any cause')],
    ['scheduled', __('A schedule')],
    ['manual', __('A person')],
    ['rerun', __('A re-run')],
    ['backfill', __('A backfill')]
  ];
  return (
    <>
      <Filters active={active} onClear={() => onChange(schedule ? { schedule_id: schedule } : {})}>
        <Search
          label={__('Search runs')}
          value={filters.q ?? ''}
          onChange={text => set({ q: text || undefined })}
        />
        <Choice
          label={__('State')}
          value={filters.state ?? ''}
          options={states}
          onChange={state => set({ state: state || undefined })}
        />
        <details className="nightbook-MoreFilters">
          <summary>{__('More filters')}</summary>
          <div className="nightbook-MoreFilters-fields">
            <Choice
              label={__('Cause')}
              value={filters.trigger ?? ''}
              options={kinds}
              onChange={trigger => set({ trigger: trigger || undefined })}
            />
            <Line
              label={__('Notebook path')}
              value={filters.notebook ?? ''}
              onChange={notebook => set({ notebook: notebook || undefined })}
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
            <Line
              label={__('Pool')}
              value={filters.pool ?? ''}
              onChange={pool => set({ pool: pool || undefined })}
            />
            <Line
              label={__('Made from')}
              kind="date"
              value={dayOf(filters.since)}
              onChange={day => set({ since: dayStart(day) })}
            />
            <Line
              label={__('Made until')}
              kind="date"
              value={dayOf(filters.until, -1)}
              onChange={day => set({ until: dayEnd(day) })}
            />
          </div>
        </details>
      </Filters>
      <SavedFilters list="runs" filters={filters} active={active} onChoose={onChange} />
    </>
  );
}
