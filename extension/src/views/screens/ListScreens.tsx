/** The lists and the landing page, fed by the model. */
import * as React from 'react';

import { sources } from '../../model';
import type { RunFilters, ScheduleFilters } from '../../tokens';
import { NotebooksList } from '../lists/NotebooksList';
import { Overview } from '../lists/Overview';
import { RunFiltersBar, RunsList } from '../lists/RunsList';
import { ScheduleFiltersBar, SchedulesList } from '../lists/SchedulesList';
import { Loaded } from '../parts/notices';
import { Page } from '../parts/Page';
import { useWords } from '../parts/words';
import { useKept, useModel, useResource, useRetry } from './state';

export function OverviewScreen(): JSX.Element {
  const overview = useResource(sources.overview);
  return (
    <Loaded resource={overview} onRetry={useRetry()} rows={6}>
      {value => <Overview overview={value} />}
    </Loaded>
  );
}

export function SchedulesScreen({ actions }: { actions?: React.ReactNode }): JSX.Element {
  const { __ } = useWords();
  const model = useModel();
  const [filters, setFilters] = React.useState<ScheduleFilters>({});
  const source = sources.schedules(filters);
  const schedules = useKept(source);
  return (
    <Page title={__('Schedules')} actions={actions}>
      <ScheduleFiltersBar filters={filters} onChange={setFilters} />
      <Loaded resource={schedules} onRetry={useRetry()}>
        {({ items, next_cursor }) => (
          <SchedulesList
            schedules={items}
            more={next_cursor !== null}
            filtered={Object.values(filters).some(Boolean)}
            onMore={() => model.more(source)}
          />
        )}
      </Loaded>
    </Page>
  );
}

/** Runs; with *notebook* or *schedule*, only those of one. */
export function RunsScreen({ only = {} }: { only?: RunFilters }): JSX.Element {
  const { __ } = useWords();
  return (
    <Page title={__('Runs')}>
      <FilteredRuns only={only} />
    </Page>
  );
}

/** The list alone, for a panel or a card that has its own title. */
export function FilteredRuns({
  only = {},
  bare = false
}: {
  only?: RunFilters;
  bare?: boolean;
}): JSX.Element {
  const model = useModel();
  const [filters, setFilters] = React.useState<RunFilters>({});
  const source = sources.runs({ ...filters, ...only });
  const runs = useKept(source);
  return (
    <>
      {!bare && <RunFiltersBar filters={filters} onChange={setFilters} />}
      <Loaded resource={runs} onRetry={useRetry()}>
        {({ items, next_cursor }) => (
          <RunsList
            runs={items}
            more={next_cursor !== null}
            filtered={Object.values(filters).some(Boolean)}
            onMore={() => model.more(source)}
          />
        )}
      </Loaded>
    </>
  );
}

export function NotebooksScreen(): JSX.Element {
  const { __ } = useWords();
  const model = useModel();
  const source = sources.notebooks();
  const notebooks = useResource(source);
  return (
    <Page title={__('Notebooks')}>
      <Loaded resource={notebooks} onRetry={useRetry()}>
        {({ items, next_cursor }) => (
          <NotebooksList
            notebooks={items}
            more={next_cursor !== null}
            onMore={() => model.more(source)}
          />
        )}
      </Loaded>
    </Page>
  );
}
