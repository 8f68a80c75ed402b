/** The lists and the landing page, fed by the model. */
import * as React from 'react';

import { type Order, type Source, sources } from '../../model';
import type { Page as PageOf, RunFilters, ScheduleFilters } from '../../tokens';
import { NotebooksList } from '../lists/NotebooksList';
import { Overview } from '../lists/Overview';
import { RunFiltersBar } from '../lists/RunFilters';
import { RunsGrid } from '../lists/RunsGrid';
import { RunsList } from '../lists/RunsList';
import { ScheduleFiltersBar } from '../lists/ScheduleFilters';
import { SchedulesGrid } from '../lists/SchedulesGrid';
import { Loaded } from '../parts/notices';
import { Page } from '../parts/Page';
import { useWords } from '../parts/words';
import { useKept, useModel, useResource, useRetry } from './state';

/** A page of a list that is scrolled: the most rows that one request may ask for. */
const PAGE = 200;

export function OverviewScreen(): JSX.Element {
  const overview = useResource(sources.overview);
  return (
    <Loaded resource={overview} onRetry={useRetry()} rows={6}>
      {value => <Overview overview={value} />}
    </Loaded>
  );
}

/** What a long list needs of its source: more rows, fresh ones where it is looked at, a turned order. */
function useLongList<Row>(source: Source<PageOf<Row>>) {
  const model = useModel();
  return {
    onMore: () => model.more(source, PAGE),
    onLook: (from: number, to: number) => model.look(source, { from, to })
  };
}

function useOrder() {
  const [order, setOrder] = React.useState<Order>('newest');
  const onTurn = () => setOrder(order === 'newest' ? 'oldest' : 'newest');
  return { order, isUp: order === 'oldest', onTurn };
}

export function SchedulesScreen({ actions }: { actions?: React.ReactNode }): JSX.Element {
  const { __ } = useWords();
  const [filters, setFilters] = React.useState<ScheduleFilters>({});
  const { order, ...turning } = useOrder();
  const source = sources.schedules(filters, order);
  const schedules = useKept(source);
  const reading = useLongList(source);
  return (
    <Page title={__('Schedules')} actions={actions}>
      <ScheduleFiltersBar filters={filters} onChange={setFilters} />
      <Loaded resource={schedules} onRetry={useRetry()}>
        {({ items, next_cursor }) => (
          <SchedulesGrid
            rows={items}
            more={next_cursor !== null}
            filtered={Object.values(filters).some(Boolean)}
            {...turning}
            {...reading}
          />
        )}
      </Loaded>
    </Page>
  );
}

/** All runs, with filters. */
export function RunsScreen(): JSX.Element {
  const { __ } = useWords();
  const [filters, setFilters] = React.useState<RunFilters>({});
  const { order, ...turning } = useOrder();
  const source = sources.runs(filters, order);
  const runs = useKept(source);
  const reading = useLongList(source);
  return (
    <Page title={__('Runs')}>
      <RunFiltersBar filters={filters} onChange={setFilters} />
      <Loaded resource={runs} onRetry={useRetry()}>
        {({ items, next_cursor }) => (
          <RunsGrid
            rows={items}
            more={next_cursor !== null}
            filtered={Object.values(filters).some(Boolean)}
            {...turning}
            {...reading}
          />
        )}
      </Loaded>
    </Page>
  );
}

/** The runs of one thing, for a card that has its own title. */
export function RunsOf({ only }: { only: RunFilters }): JSX.Element {
  const model = useModel();
  const source = sources.runs(only);
  const runs = useKept(source);
  return (
    <Loaded resource={runs} onRetry={useRetry()}>
      {({ items, next_cursor }) => (
        <RunsList runs={items} more={next_cursor !== null} onMore={() => model.more(source)} />
      )}
    </Loaded>
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
