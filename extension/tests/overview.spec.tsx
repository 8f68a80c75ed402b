import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { Api } from '../src/api';
import { ENGLISH, type OverviewView } from '../src/tokens';
import { DurationsByDay, OutcomesByDay, percentWords } from '../src/views/charts/DaysChart';
import { Overview } from '../src/views/lists/Overview';
import { verdictOf } from '../src/views/lists/verdict';
import { type Places, PlacesContext } from '../src/views/parts/places';
import { anOverview, aPool, aRun, FakeTransport, problem } from './fakes';

function show(overview: OverviewView) {
  const places: Places = { open: jest.fn(), href: place => `/${place.kind}` };
  render(
    <PlacesContext.Provider value={places}>
      <Overview overview={overview} />
    </PlacesContext.Provider>
  );
  return { places, user: userEvent.setup() };
}

const FAILING: OverviewView['failing'][number] = {
  schedule_id: 's1',
  schedule_name: 'Ledger',
  in_a_row: 3,
  since: '2026-11-21T06:31:00Z',
  run_id: 'r9',
  state: 'failed',
  class: 'code',
  reason: 'Cell 9 raised ValueError: no rows.',
  finished_at: '2026-11-23T06:31:00Z'
};
const HOUR = '2026-11-23T06:00:00Z';
const NEXT = {
  id: 's2',
  name: 'Evening',
  notebook_path: 'e.ipynb',
  words: 'Every day at 18:00',
  next_fire_at: '2026-11-23T17:00:00Z',
  broken_reason: null
};
const DAY = { day: '2026-11-23', succeeded: 9, red: 1, other: 2, mean_seconds: 72 };

describe('the verdict', () => {
  const of = (part: Partial<OverviewView>) => verdictOf(anOverview(part), ENGLISH);

  it('says that everything is all right, and of how many runs', () => {
    const hours = [{ hour: HOUR, state: 'succeeded' as const, runs: 4 }];

    expect(of({ ended_by_hour: hours })).toEqual({
      tone: 'good',
      title: 'Everything is all right',
      text: 'All 4 runs of the last 24 hours succeeded.'
    });
  });

  it('counts what fails, is broken, is late and has no worker', () => {
    const late = { run_id: 'r', schedule_id: null, name: 'x', due_at: HOUR, why: null };
    const pools = [aPool({ workers: 0, queued: 1 })];
    const found = of({ failing_count: 2, broken: [NEXT], late: [late], pools });

    expect(found.tone).toBe('bad');
    expect(found.title).toBe(
      '2 schedules fail, 1 schedule is broken, 1 run is late, 1 pool has no worker'
    );
  });

  it('warns where a schedule waits for a worker that does not exist', () => {
    expect(of({ pools: [aPool({ workers: 0 })], next: [NEXT] }).tone).toBe('warn');
    expect(of({ pools: [aPool({ workers: 0 })] }).tone).toBe('good');
    expect(of({ pools: [aPool(), aPool({ name: 'gpu', workers: 0 })], next: [NEXT] }).tone).toBe(
      'good'
    );
  });

  it('does not count cancelled runs against the rest', () => {
    const hours = [
      { hour: HOUR, state: 'succeeded' as const, runs: 2 },
      { hour: HOUR, state: 'lost' as const, runs: 1 },
      { hour: HOUR, state: 'cancelled' as const, runs: 5 }
    ];

    expect(of({ ended_by_hour: hours }).text).toBe('2 of 3 runs of the last 24 hours succeeded.');
  });
});

describe('Overview', () => {
  it('tells of a failing schedule how often, why, and leads to schedule and run', () => {
    show(anOverview({ failing: [FAILING], failing_count: 1 }));

    const row = within(screen.getByRole('list', { name: 'Needs attention' }));
    expect(row.getByText(/3 failures in a row, the first/)).toBeTruthy();
    expect(row.getByText('Cell 9 raised ValueError: no rows.')).toBeTruthy();
    expect(row.getByRole('link', { name: 'Ledger' }).getAttribute('href')).toBe('/schedule');
    expect(row.getByRole('link', { name: 'Failed: Ledger' })).toBeTruthy();
  });

  it('says when there are more than it shows', () => {
    show(anOverview({ failing: [FAILING], failing_count: 30 }));

    expect(screen.getByText('The newest 1 of 30 that fail are shown.')).toBeTruthy();
  });

  it('shows what runs with the cells that are done', () => {
    show(anOverview({ running: [aRun({ state: 'running', cells_done: 2, cells_total: 8 })] }));

    const row = within(screen.getByRole('list', { name: 'Running now' }));
    expect(row.getByText('cell 3 of 8')).toBeTruthy();
    expect(row.getByRole('progressbar', { name: 'Cells done' }).getAttribute('value')).toBe('2');
  });

  it('shows the way where nothing has been done yet', () => {
    show(anOverview({ is_new: true }));

    expect(screen.getByRole('heading', { name: 'Nothing is scheduled yet' })).toBeTruthy();
    expect(screen.getByText('Press Schedule')).toBeTruthy();
  });

  it('tells silent workers from those that are alive', () => {
    show(
      anOverview({ pools: [aPool({ workers: 2, silent_workers: 1, slots: 4, free_slots: 1 })] })
    );

    const pools = within(screen.getByRole('list', { name: 'Pools' }));
    expect(pools.getByText('2 workers alive, 1 silent')).toBeTruthy();
    expect(pools.getByText('1 of 4 slots free')).toBeTruthy();
  });
});

describe('charts by day', () => {
  it('say their figure in words', () => {
    render(<OutcomesByDay days={[DAY, { ...DAY, day: '2026-11-24', red: 0 }]} />);

    const picture = screen.getByRole('img', { name: 'Success rate of the last 2 days: 94.7 %' });
    expect(picture.querySelectorAll('.nightbook-mod-good')).toHaveLength(2);
    expect(picture.querySelectorAll('.nightbook-mod-bad')).toHaveLength(1);
  });

  it('are tables too', async () => {
    render(<DurationsByDay days={[DAY]} />);

    await userEvent.setup().click(screen.getByText('Show as a table'));

    const table = within(await screen.findByRole('table', { name: 'Average duration by day' }));
    expect(table.getByRole('cell', { name: '1 min 12 s' })).toBeTruthy();
  });

  it('say of no run that there was none', () => {
    render(<OutcomesByDay days={[{ ...DAY, succeeded: 0, red: 0, mean_seconds: null }]} />);

    expect(screen.getByRole('img', { name: /no run ended/ })).toBeTruthy();
  });

  it.each([
    [1, '100 %'],
    [0.9999, '99.9 %'],
    [0.5, '50 %'],
    [0, '0 %']
  ])('never calls %p more than it is', (share, told) => {
    expect(percentWords(share)).toBe(told);
  });
});

describe('the days of the reader', () => {
  it('are asked for by the zone, and by UTC where the server does not know it', async () => {
    const transport = new FakeTransport();
    transport.answers['GET /overview'] = ({ query }: { query?: Record<string, unknown> }) =>
      query?.timezone ? problem(422, 'unknown_timezone', 'No.') : anOverview();

    expect(await new Api(transport).overview('Mars/Base')).toEqual(anOverview());
    expect(transport.asked.map(({ query }) => query)).toEqual([{ timezone: 'Mars/Base' }, {}]);
  });
});
