import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { pathOf, routeOf } from '../src/page/routes';
import type { CellDiff, RunDiff } from '../src/tokens';
import { candidatesOf, CompareWith } from '../src/views/compare/CompareWith';
import { blocksOf, RunCompare } from '../src/views/compare/RunCompare';
import { type Places, PlacesContext } from '../src/views/parts/places';
import { aRun } from './fakes';

function showAt(node: React.ReactNode, places: Partial<Places> = {}) {
  const open = jest.fn();
  render(<PlacesContext.Provider value={{ open, ...places }}>{node}</PlacesContext.Provider>);
  return { open, user: userEvent.setup() };
}

function aCell(fields: Partial<CellDiff> = {}): CellDiff {
  const side = { index: 0, state: 'completed', seconds: 1, outputs: [] };
  return {
    id: 'a',
    cell_type: 'code',
    change: 'same',
    source_change: 'same',
    outputs_change: 'same',
    source: 'x = 1',
    lines: [],
    left: side,
    right: side,
    ...fields
  };
}

function aDiff(fields: Partial<RunDiff> = {}): RunDiff {
  const { id, state, notebook, created_at, ...rest } = aRun();
  const side = {
    id,
    state,
    class: null,
    reason: null,
    path: notebook.path,
    sha256: notebook.sha256,
    schedule_name: rest.schedule_name,
    fire_at: rest.fire_at,
    created_at,
    seconds: 72
  };
  return {
    schema_version: 1,
    left: side,
    right: { ...side, id: 'r2' },
    is_same: false,
    parameters: [],
    environment: [],
    packages: [],
    cells: [],
    ...fields
  };
}

const CHANGED = aCell({
  change: 'changed',
  source_change: 'changed',
  outputs_change: 'changed',
  lines: [
    { mark: '=', text: 'one' },
    { mark: '-', text: 'two' },
    { mark: '+', text: 'zwei' }
  ],
  left: {
    index: 3,
    state: 'completed',
    seconds: 1,
    outputs: [{ output_type: 'stream', name: 'stdout', text: '12' }]
  },
  right: { index: 3, state: 'completed', seconds: 9, outputs: null }
});

describe('RunCompare', () => {
  it('says that nothing differs', () => {
    showAt(<RunCompare diff={aDiff({ is_same: true })} />);

    expect(screen.getByText('The two runs do not differ')).toBeTruthy();
  });

  it('shows changed parameters first, in words and not by colour alone', () => {
    const parameters = [
      { name: 'a', change: 'same' as const, left: 1, right: 1 },
      { name: 'b', change: 'changed' as const, left: 'north', right: 'south' },
      { name: 'c', change: 'added' as const, left: null, right: 3 }
    ];
    showAt(<RunCompare diff={aDiff({ parameters })} />);

    const rows = within(screen.getByRole('region', { name: 'Parameters' })).getAllByRole('row');
    expect(rows.map(row => row.textContent)).toEqual([
      'NameLeftRight',
      'b changednorthsouth',
      'c added–3',
      'a 11'
    ]);
  });

  it('leaves out packages that are the same', () => {
    const packages = [{ name: 'numpy', change: 'same' as const, left: '2', right: '2' }];
    showAt(<RunCompare diff={aDiff({ packages, cells: [CHANGED] })} />);

    expect(screen.queryByRole('region', { name: 'Packages' })).toBeNull();
  });

  it('shows the lines that changed, both outputs, and a cell that became slower', () => {
    showAt(<RunCompare diff={aDiff({ cells: [CHANGED] })} />);

    expect(screen.getByRole('heading', { name: /^Cell 4 changed/ }).textContent).toContain(
      '1 s → 9 s'
    );
    expect(screen.getByLabelText('Changed lines').textContent).toContain('+Right only:zwei');
    expect(screen.getByRole('region', { name: 'Left outputs' }).textContent).toBe('12');
    expect(screen.getByRole('region', { name: 'Right outputs' }).textContent).toMatch(/too large/);
  });

  it('folds what is the same and goes from change to change by key and button', async () => {
    const cells = [aCell(), aCell(), CHANGED, aCell(), { ...CHANGED, id: 'z' }];
    const { user } = showAt(<RunCompare diff={aDiff({ cells })} />);

    expect(screen.getByText('2 cells are the same')).toBeTruthy();
    const changes = document.querySelectorAll('[data-change]');
    await user.click(screen.getByRole('button', { name: 'Next change' }));
    expect(document.activeElement).toBe(changes[0]);
    await user.keyboard('n');
    expect(document.activeElement).toBe(changes[1]);
    await user.keyboard('p');
    expect(document.activeElement).toBe(changes[0]);
  });
});

describe('blocksOf', () => {
  it('joins neighbours that are the same and nothing else', () => {
    const blocks = blocksOf([aCell(), aCell(), CHANGED, CHANGED, aCell()]);

    expect(blocks.map(({ change, cells }) => [change, cells.length])).toEqual([
      ['same', 2],
      ['changed', 1],
      ['changed', 1],
      ['same', 1]
    ]);
  });
});

describe('CompareWith', () => {
  const at = (minute: number) => `2026-11-23T07:${String(minute).padStart(2, '0')}:00Z`;
  const run = aRun({ id: 'me', created_at: at(30), rerun_of: 'parent', state: 'failed' });
  const others = [
    aRun({ id: 'later', created_at: at(40) }),
    run,
    aRun({ id: 'before', created_at: at(20), state: 'failed' }),
    aRun({ id: 'good', created_at: at(10), state: 'succeeded' }),
    aRun({ id: 'never', created_at: at(5), started_at: null })
  ];

  it('names what one would compare with first, each run once', () => {
    expect(candidatesOf(run, others).map(({ id, role }) => [role, id])).toEqual([
      ['parent', 'parent'],
      ['good', 'good'],
      ['previous', 'before'],
      ['other', 'later']
    ]);
  });

  it('opens the comparison with the older run on the left', async () => {
    const { user, open } = showAt(<CompareWith run={run} others={others} onCancel={jest.fn()} />);

    await user.click(screen.getByRole('button', { name: 'the run that this one repeats' }));

    expect(open).toHaveBeenCalledWith({ kind: 'comparison', run: 'parent', other: 'me' });
  });

  it('has an address of its own', () => {
    const place = { kind: 'comparison', run: 'a/b', other: 'c' } as const;

    expect(routeOf(pathOf(place))).toEqual(place);
    expect(routeOf('/runs/a/elsewhere/c')).toEqual({ kind: 'nowhere' });
  });
});
