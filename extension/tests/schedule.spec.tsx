import { render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { Api } from '../src/api';
import { Model } from '../src/model';
import { ENGLISH, type HookView, type StatsView } from '../src/tokens';
import { HookPart } from '../src/views/detail/HookPart';
import { Reader } from '../src/views/detail/Reader';
import { ScheduleDetail } from '../src/views/detail/ScheduleDetail';
import { Standing } from '../src/views/detail/Standing';
import { type Places, PlacesContext } from '../src/views/parts/places';
import { reasonWords } from '../src/views/parts/reasons';
import { TellContext } from '../src/views/parts/tell';
import { ReaderScreen } from '../src/views/screens/ReaderScreen';
import { ModelContext } from '../src/views/screens/state';
import { aRun, aSchedule, FakeTransport, problem } from './fakes';

const PLACES: Places = {
  open: jest.fn(),
  href: place => `/${place.kind}`,
  download: path => `/api/v1${path}`
};

function show(node: React.ReactNode) {
  const tell = jest.fn();
  render(
    <PlacesContext.Provider value={PLACES}>
      <TellContext.Provider value={tell}>{node}</TellContext.Provider>
    </PlacesContext.Provider>
  );
  return { tell, user: userEvent.setup() };
}

const STATS: StatsView = {
  schema_version: 1,
  schedule_id: 's1',
  judged: 4,
  success_rate: 0.75,
  duration_p50_seconds: 72,
  duration_p95_seconds: 90,
  lateness_p95_seconds: 0.4,
  last_success_at: '2026-11-23T06:31:00Z',
  points: [
    { run_id: 'r3', state: 'running', fire_at: null, finished_at: null, seconds: null },
    {
      run_id: 'r2',
      state: 'failed',
      fire_at: null,
      finished_at: '2026-11-23T06:31:00Z',
      seconds: 3
    },
    {
      run_id: 'r1',
      state: 'succeeded',
      fire_at: null,
      finished_at: '2026-11-22T06:31:00Z',
      seconds: 72
    }
  ]
};

describe('Standing', () => {
  it('says success rate, durations and lateness, and of how many runs', () => {
    show(<Standing stats={STATS} />);

    for (const text of ['75 %', 'of 4 runs', '1 min 12 s', '1 min 30 s', '0.4 s']) {
      expect(screen.getByText(text)).toBeTruthy();
    }
  });

  it('draws the ended runs, and lists them as links for who does not see them', async () => {
    const { user } = show(<Standing stats={STATS} />);

    const picture = screen.getByRole('img', {
      name: /newest 2 runs, the oldest first: 1 succeeded/
    });
    expect(picture.querySelectorAll('.nightbook-Chart-bar')).toHaveLength(2);
    await user.click(screen.getByText('Show as a table'));

    const table = within(await screen.findByRole('table', { name: 'The newest runs' }));
    expect(table.getAllByRole('link')).toHaveLength(2);
  });

  it('says that there is nothing to tell yet', () => {
    show(<Standing stats={{ ...STATS, points: [], success_rate: null }} />);

    expect(screen.getByText('Nothing to tell before its first run.')).toBeTruthy();
  });
});

describe('the ledger', () => {
  it('says in words why a fire time did not run, and what made up for it', () => {
    const occurrence = {
      fire_at: '2026-11-23T06:30:00Z',
      state: 'skipped' as const,
      run_id: 'r1',
      reason: 'overlap',
      backfill_run_id: 'r2',
      backfill_state: 'succeeded' as const
    };
    const nothing = jest.fn(async () => undefined);
    show(
      <ScheduleDetail
        schedule={aSchedule()}
        fireTimes={null}
        occurrences={{ items: [occurrence], next_cursor: null }}
        stats={null}
        runs={null}
        newer={null}
        onRun={nothing}
        onPause={nothing}
        onResume={nothing}
        onEdit={nothing}
        onDelete={nothing}
        onMoveOn={nothing}
        onLatestGood={nothing}
        onMoreOccurrences={nothing}
        onMakeHook={async () => null}
        onCloseHook={nothing}
      />
    );

    const ledger = within(screen.getByRole('table', { name: 'Fire times' }));
    expect(ledger.getByText('The previous run was still going.')).toBeTruthy();
    expect(ledger.getByRole('link', { name: /made up for/ })).toBeTruthy();
    expect(ledger.queryByRole('link', { name: 'Open run' })).toBeNull();
  });

  it('shows a reason that it does not know as it is', () => {
    expect(reasonWords('tired', ENGLISH)).toBe('tired');
  });
});

describe('HookPart', () => {
  const trigger = { kind: 'event' as const, parameters: ['region'] };
  const made: HookView = {
    schema_version: 1,
    path: '/api/v1/hooks/s1',
    secret: 'nb_hook_x',
    made_at: '2026-11-23T06:31:00Z'
  };

  it('opens with a secret that is shown with the way to call it', async () => {
    const onMake = jest.fn(async () => made);
    const { user } = show(
      <HookPart schedule={aSchedule({ trigger })} onMake={onMake} onClose={async () => null} />
    );

    await user.click(screen.getByRole('button', { name: 'Open it with a secret' }));

    const call = screen.getByLabelText('How to call it').textContent;
    expect(call).toContain('http://localhost/api/v1/hooks/s1');
    expect(call).toContain('Bearer nb_hook_x');
    expect(call).toContain('{"region":"…"}');
  });

  it('is closed only after a question', async () => {
    const onClose = jest.fn(async () => null);
    const { user } = show(
      <HookPart
        schedule={aSchedule({ trigger, has_hook: true })}
        onMake={async () => null}
        onClose={onClose}
      />
    );

    await user.click(screen.getByRole('button', { name: 'Close' }));
    expect(onClose).not.toHaveBeenCalled();
    await user.click(screen.getByRole('button', { name: 'Close it' }));

    expect(onClose).toHaveBeenCalledTimes(1);
  });
});

describe('Reader', () => {
  const good = aRun({ id: 'r1', schedule_name: 'Morning report', fire_at: '2026-11-22T06:30:00Z' });
  const newest = aRun({ id: 'r2', state: 'failed', fire_at: '2026-11-23T06:30:00Z' });

  it('hides the code, and shows it on wish', async () => {
    const { user } = show(<Reader schedule="s1" good={good} newest={good} artifacts={[]} />);
    const source = () => screen.getByTitle('Morning report').getAttribute('src');
    expect(source()).toBe('/api/v1/schedules/s1/latest-successful/notebook.html?code=hidden');

    await user.click(screen.getByRole('switch', { name: 'Show code' }));

    expect(source()).toContain('code=shown');
    expect(screen.getByTitle('Morning report').getAttribute('sandbox')).toBe('');
  });

  it('says at once that today’s run is red and from when this result is', () => {
    show(<Reader schedule="s1" good={good} newest={newest} artifacts={[]} />);

    const banner = screen.getByRole('alert');
    expect(banner.textContent).toContain('did not succeed (failed). This result is from');
    expect(within(banner).getByRole('link', { name: 'See what happened' })).toBeTruthy();
    expect(within(banner).getByTitle(/2026-11-22 06:30:00 UTC/)).toBeTruthy();
  });

  it('copies the link that stays', async () => {
    const { tell, user } = show(<Reader schedule="s1" good={good} newest={good} artifacts={[]} />);

    await user.click(screen.getByRole('button', { name: 'Copy link' }));

    expect(await navigator.clipboard.readText()).toBe('http://localhost/reader');
    expect(tell).toHaveBeenCalledWith(expect.objectContaining({ tone: 'success' }));
  });

  it('says that no result is there yet, and where it will be', async () => {
    const transport = new FakeTransport();
    transport.answers['GET /schedules/s1/latest-successful'] = problem(404, 'no_run_yet', 'None.');
    transport.answers['GET /schedules/s1/latest'] = problem(404, 'no_run_yet', 'None.');
    const model = new Model(new Api(transport), { streaming: false, pollSeconds: 3600 });
    show(
      <ModelContext.Provider value={model}>
        <ReaderScreen schedule="s1" />
      </ModelContext.Provider>
    );

    await waitFor(() => expect(screen.getByText('There is no result yet')).toBeTruthy());
    model.dispose();
  });
});
