import { render, screen, within } from '@testing-library/react';
import * as React from 'react';

import type { LastRunView } from '../src/tokens';
import { RecentRuns } from '../src/views/charts/RecentRuns';

const run = (id: string, part: Partial<LastRunView> = {}): LastRunView => ({
  id,
  state: 'succeeded',
  fire_at: null,
  finished_at: '2026-11-23T06:31:00Z',
  seconds: 60,
  ...part
});

const bars = (container: HTMLElement) =>
  [...container.querySelectorAll<SVGRectElement>('.nightbook-Recent-bar')].map(bar => ({
    x: Number(bar.getAttribute('x')),
    height: Number(bar.getAttribute('height'))
  }));

describe('The newest runs of a schedule', () => {
  it('say in words how many ended how, and what the last end took', () => {
    render(
      <RecentRuns
        runs={[
          run('r3', { state: 'running', finished_at: null, seconds: null }),
          run('r2', { state: 'failed', seconds: 12 }),
          run('r1')
        ]}
      />
    );

    const name = screen.getByRole('img').getAttribute('aria-label');
    expect(name).toBe(
      'The newest 3 runs: Succeeded 1, Failed 1, Running 1; the last one took 12 s'
    );
  });

  it('stand with the newest at the right, as high as they took', () => {
    const { container } = render(
      <RecentRuns runs={[run('r2', { seconds: 120 }), run('r1', { seconds: 60 })]} />
    );

    const [older, newer] = bars(container);
    expect(newer.x).toBeGreaterThan(older.x);
    expect(newer.height).toBe(2 * older.height);
  });

  it('mark red ends by more than colour', () => {
    const { container } = render(<RecentRuns runs={[run('r2', { state: 'lost' }), run('r1')]} />);

    expect(container.querySelectorAll('.nightbook-Recent-mark')).toHaveLength(1);
    expect(within(container).getByText('Lost, 1 min 00 s')).toBeTruthy();
  });

  it('show bars of runs that took no time, or have not ended', () => {
    const { container } = render(
      <RecentRuns
        runs={[run('r2', { state: 'queued', seconds: null }), run('r1', { seconds: 0 })]}
      />
    );

    expect(bars(container).every(({ height }) => height > 0)).toBe(true);
  });

  it('are nothing where nothing ran', () => {
    const { container } = render(<RecentRuns runs={[]} />);

    expect(container.innerHTML).toBe('');
  });
});
