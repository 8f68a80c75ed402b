import { act, render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { Api } from '../src/api';
import { Model } from '../src/model';
import type { RunView } from '../src/tokens';
import { dayEnd, dayOf, dayStart } from '../src/views/parts/days';
import { type Place, PlacesContext } from '../src/views/parts/places';
import { RunsScreen, SchedulesScreen } from '../src/views/screens/ListScreens';
import { ModelContext } from '../src/views/screens/state';
import { aRun, aSchedule, FakeTransport, problem } from './fakes';

const models: Model[] = [];

afterEach(() => {
  models.splice(0).forEach(model => model.dispose());
  localStorage.clear();
});

async function shown(screenOf: JSX.Element, transport: FakeTransport): Promise<jest.Mock> {
  const model = new Model(new Api(transport), { streaming: false, pollSeconds: 3600 });
  models.push(model);
  const open = jest.fn<void, [Place]>();
  render(
    <ModelContext.Provider value={model}>
      <PlacesContext.Provider value={{ open }}>{screenOf}</PlacesContext.Provider>
    </ModelContext.Provider>
  );
  await screen.findByRole('grid');
  await waitFor(() => expect(rowsShown().length).toBeGreaterThan(0));
  return open;
}

/** A server with so many runs, the newest first. */
function runsOf(count: number, change: (n: number) => Partial<RunView> = () => ({})) {
  const transport = new FakeTransport();
  const all = Array.from({ length: count }, (_, n) =>
    aRun({ id: `r${String(999_999 - n)}`, ...change(n) })
  );
  transport.answers['GET /runs'] = ({ query = {} }: { query?: Record<string, unknown> }) => {
    const start = query.cursor ? Number(query.cursor) : 0;
    const end = start + Number(query.limit);
    return { items: all.slice(start, end), next_cursor: end < count ? String(end) : null };
  };
  return transport;
}

const rowsShown = () => screen.getAllByRole('row').slice(1);

describe('A long list', () => {
  it('holds only the rows in view in the document', async () => {
    await shown(<RunsScreen />, runsOf(5000));

    expect(rowsShown().length).toBeGreaterThan(5);
    expect(rowsShown().length).toBeLessThan(60);
    expect(screen.getByRole('grid', { name: 'Runs' }).getAttribute('aria-rowcount')).toBe('-1');
  });

  it('reads on before its end is reached', async () => {
    const transport = runsOf(5000);
    await shown(<RunsScreen />, transport);

    await waitFor(() => expect(transport.count('GET', '/runs')).toBeGreaterThan(1));
  });

  it('is moved through, selected and opened by keys', async () => {
    const user = userEvent.setup();
    const open = await shown(<RunsScreen />, runsOf(30));
    act(() => rowsShown()[0].focus());

    await user.keyboard('jj x');
    await user.keyboard('{ArrowUp}x');
    await user.keyboard('{Enter}');

    expect(rowsShown()[1].getAttribute('aria-selected')).toBe('true');
    expect(open).toHaveBeenCalledWith({ kind: 'run', id: 'r999998' });
    await user.keyboard('{Escape}');
    expect(screen.queryByText(/selected/)).toBeNull();
  });

  it('turns its order at its head', async () => {
    const user = userEvent.setup();
    const transport = runsOf(3);
    await shown(<RunsScreen />, transport);

    await user.click(screen.getByRole('button', { name: /Made/ }));

    await waitFor(() =>
      expect(transport.asked[transport.asked.length - 1].query?.sort).toBe('created_at')
    );
    const head = screen.getByRole('columnheader', { name: /Made/ });
    await waitFor(() => expect(head.getAttribute('aria-sort')).toBe('ascending'));
  });
});

describe('The list of schedules', () => {
  it('shows state, words and the next fire time', async () => {
    const transport = new FakeTransport();
    const items = [
      aSchedule(),
      aSchedule({ id: 's2', name: 'Ledger', state: 'paused', next_fire_at: null })
    ];
    transport.answers['GET /schedules'] = { items, next_cursor: null };
    await shown(<SchedulesScreen />, transport);

    const [first, second] = rowsShown();
    expect(within(first).getByText('Active')).toBeTruthy();
    expect(within(first).getByTitle(/2026-11-24 06:30:00 UTC/)).toBeTruthy();
    expect(within(second).getByText('Paused')).toBeTruthy();
  });
});

describe('An act on many rows', () => {
  it('asks with the count of those that it fits', async () => {
    const user = userEvent.setup();
    const transport = runsOf(4, n => ({ state: n < 2 ? 'running' : 'succeeded' }));
    await shown(<RunsScreen />, transport);

    await user.click(screen.getByRole('checkbox', { name: 'Select all that are shown' }));
    await user.click(screen.getByRole('button', { name: 'Cancel (2)' }));

    expect(screen.getByRole('group', { name: 'Cancel 2 runs?' })).toBeTruthy();
    expect(transport.asked.filter(({ method }) => method === 'POST')).toEqual([]);
  });

  it('names each refusal with its reason', async () => {
    const user = userEvent.setup();
    const transport = new FakeTransport();
    const schedules = ['a', 'b', 'c'].map(id => aSchedule({ id, name: `Report ${id}` }));
    transport.answers['GET /schedules'] = { items: schedules, next_cursor: null };
    transport.answers['POST /schedules/a/pause'] = aSchedule();
    transport.answers['POST /schedules/b/pause'] = problem(403, 'forbidden', 'Not your schedule.');
    transport.answers['POST /schedules/c/pause'] = aSchedule();
    await shown(<SchedulesScreen />, transport);

    await user.click(screen.getByRole('checkbox', { name: 'Select all that are shown' }));
    await user.click(screen.getByRole('button', { name: 'Pause' }));
    const asked = screen.getByRole('group', { name: 'Pause 3 schedules?' });
    await user.click(within(asked).getByRole('button', { name: 'Pause' }));

    const told = await screen.findByRole('alert');
    expect(told.textContent).toContain('2 done. 1 was refused:');
    expect(told.textContent).toContain('Report b: Not your schedule.');
    expect(transport.count('POST', '/schedules/c/pause')).toBe(1);
  });
});

describe('Filters', () => {
  it('are kept by name in this browser', async () => {
    const user = userEvent.setup();
    const transport = runsOf(3);
    await shown(<RunsScreen />, transport);
    await user.selectOptions(screen.getByRole('combobox', { name: 'State' }), 'failed');
    await user.click(await screen.findByRole('button', { name: 'Save this filter' }));
    await user.type(screen.getByRole('textbox', { name: 'Name of the filter' }), 'Red ones{Enter}');
    await user.click(screen.getByRole('button', { name: 'Clear filters' }));

    await user.click(screen.getByRole('button', { name: 'Red ones' }));

    expect(screen.getByRole('combobox', { name: 'State' })).toHaveProperty('value', 'failed');
  });

  it('take whole days of the reader', () => {
    const start = new Date(2026, 2, 29).toISOString();

    expect(dayStart('2026-03-29')).toBe(start);
    expect(dayEnd('2026-03-28')).toBe(start);
    expect(dayOf(dayEnd('2026-03-28'), -1)).toBe('2026-03-28');
    expect(dayStart('')).toBeUndefined();
  });
});
