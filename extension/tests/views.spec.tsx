import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { NOTHING_YET } from '../src/model/folding';
import { ENGLISH, type RunView } from '../src/tokens';
import { plainText } from '../src/views/detail/Outputs';
import { RerunForm } from '../src/views/detail/RerunForm';
import { RunDetail, type RunDetailProps } from '../src/views/detail/RunDetail';
import { columnsOf } from '../src/views/charts/HoursChart';
import { RunFiltersBar } from '../src/views/lists/RunFilters';
import { RunsList } from '../src/views/lists/RunsList';
import { LogIn } from '../src/views/LogIn';
import { spanWords } from '../src/views/parts/moments';
import { type Places, PlacesContext } from '../src/views/parts/places';
import { aParameter, aRun, declaring } from './fakes';

function showAt(node: React.ReactNode, places: Partial<Places> = {}) {
  const open = jest.fn();
  render(<PlacesContext.Provider value={{ open, ...places }}>{node}</PlacesContext.Provider>);
  return { open, user: userEvent.setup() };
}

const FAILED = aRun({
  state: 'failed',
  class: 'code',
  failed_cell: 7,
  reason: "Cell 8 raised KeyError: 'tenure'."
});

describe('RunsList', () => {
  it('says state and reason in words', () => {
    showAt(<RunsList runs={[FAILED]} more={false} onMore={jest.fn()} />);

    const row = within(screen.getAllByRole('row')[1]);
    expect(row.getByRole('cell', { name: 'Failed' })).toBeTruthy();
    expect(row.getByText("Cell 8 raised KeyError: 'tenure'.")).toBeTruthy();
    expect(row.getByRole('cell', { name: '1 min 12 s' })).toBeTruthy();
  });

  it('opens a run by its name', async () => {
    const { user, open } = showAt(<RunsList runs={[FAILED]} more={false} onMore={jest.fn()} />);

    await user.click(screen.getByRole('button', { name: 'reports/sales.ipynb' }));

    expect(open).toHaveBeenCalledWith({ kind: 'run', id: 'r1' });
  });

  it('offers more where there is more', async () => {
    const onMore = jest.fn();
    const { user } = showAt(<RunsList runs={[FAILED]} more onMore={onMore} />);

    await user.click(screen.getByRole('button', { name: 'Load more' }));

    expect(onMore).toHaveBeenCalled();
  });

  it('tells an empty list from one that filters made empty', () => {
    showAt(<RunsList runs={[]} more={false} filtered onMore={jest.fn()} />);

    expect(screen.getByText('No run fits these filters')).toBeTruthy();
  });

  it('filters by state and keeps the other filters', async () => {
    const onChange = jest.fn();
    const { user } = showAt(<RunFiltersBar filters={{ q: 'sales' }} onChange={onChange} />);

    await user.selectOptions(screen.getByRole('combobox', { name: 'State' }), 'Failed');

    expect(onChange).toHaveBeenCalledWith({ q: 'sales', state: 'failed' });
  });
});

function detail(run: RunView, part: Partial<RunDetailProps> = {}) {
  return (
    <RunDetail
      run={run}
      cells={[]}
      live={NOTHING_YET}
      artifacts={[]}
      log=""
      rerun={null}
      tab="cells"
      onTab={jest.fn()}
      compare={null}
      onRerun={jest.fn()}
      onCompare={jest.fn()}
      onCancel={jest.fn()}
      onShowCell={jest.fn()}
      {...part}
    />
  );
}

const CELL = { type: 'code', started_at: null, finished_at: null, error: null };

describe('RunDetail', () => {
  it('asks before it cancels, and passes the reason on', async () => {
    const onCancel = jest.fn(async () => undefined);
    const { user } = showAt(detail(aRun({ state: 'running', finished_at: null }), { onCancel }));

    await user.click(screen.getByRole('button', { name: 'Cancel run' }));
    expect(onCancel).not.toHaveBeenCalled();
    await user.type(screen.getByRole('textbox', { name: 'Reason (optional)' }), 'wrong day');
    await user.click(screen.getByRole('button', { name: 'Stop it' }));

    expect(onCancel).toHaveBeenCalledWith('wrong day');
  });

  it('offers no cancel of a run that has ended', () => {
    showAt(detail(FAILED));

    expect(screen.queryByRole('button', { name: 'Cancel run' })).toBeNull();
    expect(screen.getByRole('status').textContent).toContain("KeyError: 'tenure'");
  });

  it('shows cell k of n and what the running cell prints', () => {
    const cells = [
      { ...CELL, index: 0, id: 'a', state: 'succeeded' as const, source: 'import x' },
      { ...CELL, index: 1, id: 'b', state: 'pending' as const, source: 'train()' }
    ];
    const printed = { output_type: 'stream', name: 'stdout', text: 'step 1\n' };
    const live = {
      ...NOTHING_YET,
      cells: {
        1: {
          index: 1,
          state: 'running' as const,
          outputs: [printed],
          clearNext: false,
          startedAt: null
        }
      }
    };
    const run = aRun({ state: 'running', finished_at: null });

    showAt(detail(run, { cells, live }));

    expect(screen.getByText('Cell 2 of 2')).toBeTruthy();
    const running = screen.getByRole('button', { name: /train\(\)/ });
    expect(running.getAttribute('aria-expanded')).toBe('true');
    expect(screen.getByText('step 1')).toBeTruthy();
  });

  it('never says that no cell ran while the cells are being read', () => {
    showAt(detail(FAILED, { cells: null }));

    expect(screen.queryByText('No cell ran')).toBeNull();
    expect(screen.getByText('Loading…')).toBeTruthy();
  });

  it('names no kind of failure where there is none to name', () => {
    showAt(detail(FAILED));

    expect(screen.queryByText('Kind of failure')).toBeNull();
    expect(screen.getByText(/Failed in cell 8 after 1 min 12 s/)).toBeTruthy();
  });

  it('moves between tabs by arrow keys', async () => {
    const onTab = jest.fn();
    const { user } = showAt(detail(aRun(), { onTab }));

    screen.getByRole('tab', { name: 'Cells' }).focus();
    await user.keyboard('{ArrowRight}');

    expect(onTab).toHaveBeenCalledWith('log');
  });

  it('shows markup of an output as text', () => {
    const hostile = {
      output_type: 'display_data',
      data: { 'text/html': '<img src=x onerror=alert(1)>' }
    };
    const live = {
      ...NOTHING_YET,
      cells: {
        0: {
          index: 0,
          state: 'running' as const,
          outputs: [hostile],
          clearNext: false,
          startedAt: null
        }
      }
    };
    const cells = [{ ...CELL, index: 0, id: 'a', state: 'running' as const, source: '' }];

    showAt(detail(aRun({ state: 'running' }), { cells, live }));

    expect(document.querySelector('img')).toBeNull();
    expect(screen.getByText('text/html: shown in the executed notebook.')).toBeTruthy();
  });
});

describe('RerunForm', () => {
  it('begins with the parameters of the parent and sends only what differs', async () => {
    const onRerun = jest.fn(async () => null);
    const declared = declaring(
      aParameter({ name: 'n', type: 'int', default: 3 }),
      aParameter({ name: 'region', type: 'str', default: 'north' })
    );
    const { user } = showAt(
      <RerunForm
        run={aRun({ parameters: { n: 8, region: 'south' } })}
        declared={declared}
        use="original"
        onUse={jest.fn()}
        onRerun={onRerun}
        onCancel={jest.fn()}
      />
    );
    expect(screen.getByLabelText('n')).toHaveProperty('value', '8');
    await user.clear(screen.getByLabelText('n'));
    await user.type(screen.getByLabelText('n'), '9');

    await user.click(screen.getByRole('button', { name: 'Run again' }));

    expect(onRerun).toHaveBeenCalledWith({ parameters: { n: 9 }, use: 'original', note: null });
  });
});

describe('LogIn', () => {
  it('says why a token was refused and stays at the field', async () => {
    const onToken = jest.fn(async () => ({ message: 'That token is not valid.', byField: {} }));
    const { user } = showAt(<LogIn refusal={null} onToken={onToken} />);

    await user.type(screen.getByLabelText('Token'), ' nb_x ');
    await user.click(screen.getByRole('button', { name: 'Log in' }));

    expect(onToken).toHaveBeenCalledWith('nb_x');
    expect(screen.getByRole('alert').textContent).toBe('That token is not valid.');
    expect(document.activeElement).toBe(screen.getByLabelText('Token'));
  });
});

describe('small words', () => {
  it.each([
    [0, '0 s'],
    [0.04, '< 0.1 s'],
    [7.26, '7.3 s'],
    [59, '59 s'],
    [61, '1 min 01 s'],
    [3660, '1 h 01 min'],
    [500_000, '6 days']
  ])('says %d seconds as %s', (seconds, words) => {
    expect(spanWords(seconds, ENGLISH)).toBe(words);
  });

  it('shows terminal text as a terminal leaves it', () => {
    expect(plainText('\u001b[31mred\u001b[0m\n10 %\r90 %\nlast\r\n')).toBe('red\n90 %\nlast\n');
  });

  it('puts each ended run into the column of its hour', () => {
    const now = Date.parse('2026-11-23T12:34:00Z');
    const hours = [
      { hour: '2026-11-23T12:00:00Z', state: 'succeeded' as const, runs: 2 },
      { hour: '2026-11-23T12:00:00Z', state: 'failed' as const, runs: 1 },
      { hour: '2026-11-21T12:00:00Z', state: 'failed' as const, runs: 9 }
    ];

    const columns = columnsOf(hours, now);

    expect(columns).toHaveLength(24);
    expect(columns[23]).toMatchObject({ all: 3, byTone: { good: 2, bad: 1 } });
    expect(columns.reduce((sum, { all }) => sum + all, 0)).toBe(3);
  });
});
