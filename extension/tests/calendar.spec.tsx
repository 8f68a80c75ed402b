import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { Api } from '../src/api';
import { Model } from '../src/model';
import { pathOf, routeOf } from '../src/page/routes';
import type { CalendarView, TimelineView } from '../src/tokens';
import { marksOf, monthFrom, shareOf, spanOf, stepFrom, weeksOf } from '../src/views/calendar/span';
import { dayOf } from '../src/views/parts/days';
import { type Place, PlacesContext } from '../src/views/parts/places';
import { CalendarScreen } from '../src/views/screens/CalendarScreen';
import { ModelContext } from '../src/views/screens/state';
import { FakeTransport } from './fakes';

const DAY = '2026-11-23';
const local = (hour: number, minute = 0) => new Date(2026, 10, 23, hour, minute).toISOString();

const CALENDAR: CalendarView = {
  schema_version: 1,
  timezone: 'UTC',
  days: [
    { day: DAY, succeeded: 3, red: 1, other: 2, coming: 12, has_more_coming: false },
    { day: '2026-11-24', succeeded: 0, red: 0, other: 0, coming: 300, has_more_coming: true }
  ]
};

const TIMELINE: TimelineView = {
  schema_version: 1,
  now: local(12),
  more_lanes: 0,
  runs_until: null,
  lanes: [
    {
      schedule_id: 's1',
      name: 'Sales',
      runs: [
        {
          run_id: 'r1',
          state: 'failed',
          fire_at: local(6),
          started_at: local(6),
          finished_at: local(9)
        },
        {
          run_id: 'r2',
          state: 'skipped',
          fire_at: local(10),
          started_at: null,
          finished_at: local(11)
        }
      ],
      coming: [{ at: local(18), starts_at: local(17, 30) }],
      has_more_coming: true
    },
    { schedule_id: null, name: 'by hand.ipynb', runs: [], coming: [], has_more_coming: false }
  ]
};

function show(timeline: Partial<TimelineView> = {}, day: string | undefined = DAY) {
  const transport = new FakeTransport();
  transport.answers['GET /calendar'] = CALENDAR;
  transport.answers['GET /timeline'] = { ...TIMELINE, ...timeline };
  const model = new Model(new Api(transport), { streaming: false });
  const opened: Place[] = [];
  render(
    <ModelContext.Provider value={model}>
      <PlacesContext.Provider value={{ open: place => opened.push(place) }}>
        <CalendarScreen day={day} />
      </PlacesContext.Provider>
    </ModelContext.Provider>
  );
  return { transport, opened, user: userEvent.setup() };
}

describe('CalendarScreen', () => {
  it('says of each day what ended and what is to come', async () => {
    show();

    const today = await screen.findByRole('button', {
      name: /23.*: 1 failed, 3 succeeded, 2 cancelled or left out, 12 to come/
    });
    expect(today.getAttribute('aria-pressed')).toBe('true');
    expect(screen.getByRole('button', { name: /24.*more than 300 to come/ })).toBeTruthy();
  });

  it('draws a run from its start to its end, and what did not run at its moment', async () => {
    const { opened, user } = show();

    const bar = await screen.findByRole('button', { name: /Sales, Failed/ });
    const place = bar.parentElement!.style;

    expect([parseFloat(place.left), parseFloat(place.width)]).toEqual([25, 12.5]);
    const mark = screen.getByRole('button', { name: /Sales, Skipped/ }).parentElement!;
    expect(parseFloat(mark.style.left)).toBeCloseTo(1000 / 24);
    expect(mark.className).toContain('nightbook-mod-mark');
    await user.click(bar);
    expect(opened).toEqual([{ kind: 'run', id: 'r1' }]);
  });

  it('shows a coming run where it starts, and that there are more', async () => {
    show();

    const ring = await screen.findByRole('img', { name: /Starts .*17:30|Starts .*05:30/ });

    expect(parseFloat(ring.style.left)).toBeCloseTo(1750 / 24);
    expect(screen.getByTitle('More often than is shown')).toBeTruthy();
  });

  it('leads along a lane with the arrow keys', async () => {
    const { user } = show();
    (await screen.findByRole('button', { name: /Sales, Failed/ })).focus();

    await user.keyboard('{ArrowRight}');

    expect(document.activeElement).toBe(screen.getByRole('button', { name: /Sales, Skipped/ }));
  });

  it('leads from day to day with the arrow keys, and shows the chosen one', async () => {
    const { transport, user } = show();
    (await screen.findByRole('button', { name: /23.*1 failed/ })).focus();

    await user.keyboard('{ArrowRight}{Enter}');

    expect(await screen.findByRole('heading', { name: /Nov 24|24 Nov/ })).toBeTruthy();
    const { start, end } = spanOf('2026-11-24', 'day', 0);
    const asked = transport.asked.filter(({ path }) => path === '/timeline');
    expect(asked[asked.length - 1].query).toEqual({ from: start, to: end });
  });

  it('says the same as a table, in the order of time', async () => {
    const { user } = show();

    await user.click(await screen.findByText('Show as a table'));

    const rows = within(screen.getByRole('table', { name: 'Runs and fire times' }));
    const [, ...lines] = rows.getAllByRole('row').map(row => row.textContent ?? '');
    expect(lines.map(line => /Failed|Skipped|to come/.exec(line)?.[0])).toEqual([
      'Failed',
      'Skipped',
      'to come'
    ]);
  });

  it('says what of a busy day is not there', async () => {
    show({ more_lanes: 3, runs_until: local(9) });

    expect((await screen.findByText(/3 more lanes/)).textContent).toContain('fewer hours');
  });

  it('says where nothing was and nothing is to come', async () => {
    show({ lanes: [] });

    expect(await screen.findByText('Nothing ran, and nothing is to come')).toBeTruthy();
  });
});

describe('span', () => {
  it('holds the whole of a day, however long it is', () => {
    for (let back = 0; back < 366; back++) {
      const day = dayOf(local(12), -back);
      const { start, end } = spanOf(day, 'day', 7);
      expect(dayOf(start)).toBe(day);
      expect(dayOf(new Date(new Date(end).getTime() - 1).toISOString())).toBe(day);
      expect(dayOf(end)).toBe(dayOf(start, 1));
    }
  });

  it.each([
    ['6', 7, local(6), local(12)],
    ['1', 7, local(7), local(8)]
  ] as const)('holds %s hours', (zoom, hour, start, end) => {
    expect(spanOf(DAY, zoom, hour)).toEqual({ start, end });
  });

  it('steps over midnight', () => {
    expect(stepFrom(DAY, '6', 20, 1)).toEqual({ day: '2026-11-24', hour: 2 });
    expect(stepFrom(DAY, '1', 0, -1)).toEqual({ day: '2026-11-22', hour: 23 });
    expect(stepFrom('2026-03-01', 'day', 5, -1)).toEqual({ day: '2026-02-28', hour: 5 });
  });

  it('marks the hours by the clock on the wall', () => {
    const hours = marksOf(DAY, 'day', spanOf(DAY, 'day', 0)).map(mark => mark.getHours());

    expect(hours).toEqual([0, 3, 6, 9, 12, 15, 18, 21]);
    expect(marksOf(DAY, '1', spanOf(DAY, '1', 7)).map(mark => mark.getMinutes())).toEqual([
      0, 15, 30, 45
    ]);
  });

  it('cuts what reaches beyond it', () => {
    const span = spanOf(DAY, 'day', 0);

    expect([shareOf(local(-5), span), shareOf(local(6), span), shareOf(local(30), span)]).toEqual([
      0, 0.25, 1
    ]);
  });

  it('puts a month into weeks from Monday to Sunday', () => {
    const weeks = weeksOf('2026-11');

    expect([weeks.length, weeks[0][0], weeks[5][6]]).toEqual([6, '2026-10-26', '2026-12-06']);
    expect(weeksOf('2027-02').flat()).toHaveLength(28);
    expect([monthFrom('2026-12', 1), monthFrom('2026-01', -1)]).toEqual(['2027-01', '2025-12']);
  });
});

describe('the address of the calendar', () => {
  it.each<Place>([{ kind: 'calendar' }, { kind: 'calendar', day: DAY }])('leads to %j', place => {
    const [path, search] = pathOf(place).split('?');
    expect(routeOf(path, search && `?${search}`)).toEqual(place);
  });

  it('forgets what is no day', () => {
    expect(routeOf('/calendar', '?day=yesterday')).toEqual({ kind: 'calendar' });
  });
});
