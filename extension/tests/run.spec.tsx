import { webcrypto } from 'node:crypto';

import { fireEvent, render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { NOTHING_YET } from '../src/model/folding';
import type { ArtifactView, AttemptView, CellView, Manifest, UsualView } from '../src/tokens';
import { ArtifactsPart, previewKind } from '../src/views/detail/ArtifactsPart';
import { AttemptsPart } from '../src/views/detail/AttemptsPart';
import { Failure, type FailureProps } from '../src/views/detail/Failure';
import { Lineage } from '../src/views/detail/Lineage';
import { LiveNotebook } from '../src/views/detail/LiveNotebook';
import { Outputs } from '../src/views/detail/Outputs';
import { paceOf } from '../src/views/detail/pace';
import { Progress } from '../src/views/detail/Progress';
import { Proof } from '../src/views/detail/Proof';
import { Timeline } from '../src/views/detail/Timeline';
import { aRun } from './fakes';

const START = Date.parse('2026-11-23T06:30:00Z');
const after = (seconds: number) => new Date(START + seconds * 1000).toISOString();

function aCell(index: number, part: Partial<CellView> = {}): CellView {
  return {
    index,
    id: `c${index}`,
    type: 'code',
    state: 'pending',
    started_at: null,
    finished_at: null,
    error: null,
    source: `step_${index}()`,
    ...part
  };
}

const done = (index: number, from: number, to: number) =>
  aCell(index, { state: 'succeeded', started_at: after(from), finished_at: after(to) });

function usually(...seconds: number[]): UsualView {
  return {
    schema_version: 1,
    runs: 5,
    seconds: seconds.reduce((sum, one) => sum + one, 0),
    cells: seconds.map((one, index) => ({ index, seconds: one }))
  };
}

const FAILED = aRun({
  state: 'failed',
  class: 'code',
  failed_cell: 1,
  reason: "Cell 2 raised KeyError: 'tenure'."
});

describe('the pace of a run', () => {
  const cells = [done(0, 0, 8), aCell(1, { state: 'running', started_at: after(8) }), aCell(2)];

  it('says what is left by what former runs took', () => {
    const { left, done: count } = paceOf(cells, NOTHING_YET, usually(2, 10, 5), START + 12_000);

    expect(count).toBe(1);
    expect(left).toBe(6 + 5);
  });

  it('never says that less than nothing is left', () => {
    expect(paceOf(cells, NOTHING_YET, usually(2, 1, 5), START + 60_000).left).toBe(5);
  });

  it('says nothing of what is left where a cell ahead has no history', () => {
    expect(paceOf(cells, NOTHING_YET, usually(2, 10), START).left).toBeNull();
    expect(paceOf(cells, NOTHING_YET, null, START).left).toBeNull();
  });

  it.each([
    [8, 2, 4],
    [8, 5, null],
    [0.9, 0.1, null],
    [1.6, 0.5, 3.2],
    [5, 0, 50]
  ])('finds %p s beside a usual %p s %p times as slow', (took, usual, slow) => {
    const [cell] = paceOf([done(0, 0, took)], NOTHING_YET, usually(usual), START).cells;

    expect(cell.slow === null ? null : Math.round(cell.slow * 10) / 10).toBe(slow);
  });

  it('sees that a cell which still runs is slow already', () => {
    const { cells: paced } = paceOf(cells, NOTHING_YET, usually(8, 2, 1), START + 20_000);

    expect(paced[1].slow).toBe(6);
  });
});

describe('Timeline', () => {
  it('marks a slow cell in words', () => {
    render(
      <Timeline cells={[done(0, 0, 8)]} live={NOTHING_YET} running={false} usual={usually(2)} />
    );

    expect(screen.getByText('4.0× slower')).toBeTruthy();
    expect(screen.getByTitle('usually 2 s')).toBeTruthy();
  });

  it('opens the cell in focus, with what it printed and the parameters below', () => {
    const failed = aCell(1, { state: 'failed', started_at: after(1), finished_at: after(2) });
    render(
      <Timeline
        cells={[done(0, 0, 1), failed]}
        live={NOTHING_YET}
        running={false}
        focus={0}
        outputsOf={index => <p>outputs of {index}</p>}
        afterFailed={<p>the parameters</p>}
      />
    );

    const head = screen.getByRole('button', { name: /step_0/ });
    expect(head.getAttribute('aria-expanded')).toBe('true');
    expect(document.activeElement).toBe(head);
    expect(screen.getByText('outputs of 0')).toBeTruthy();
    expect(screen.getByText('outputs of 1')).toBeTruthy();
    expect(screen.getAllByText('the parameters')).toHaveLength(1);
  });
});

describe('Progress', () => {
  it('tells the time left apart from what is read out', () => {
    const attempts = [{ started_at: new Date().toISOString() } as AttemptView];
    const run = aRun({ state: 'running', finished_at: null, attempts });
    render(
      <Progress run={run} cells={[aCell(0), aCell(1)]} live={NOTHING_YET} usual={usually(20, 40)} />
    );

    expect(screen.getByRole('status').textContent).toBe('Cell 1 of 2');
    expect(screen.getByText(/about 1 min 00 s left · 0 s so far, usually 1 min 00 s/)).toBeTruthy();
  });
});

describe('LiveNotebook', () => {
  it('shows each cell in its place with what it has printed', () => {
    const output = { output_type: 'stream', name: 'stdout', text: 'row 1\n' };
    const live = {
      ...NOTHING_YET,
      current: 1,
      cells: {
        1: {
          index: 1,
          state: 'running' as const,
          outputs: [output],
          clearNext: false,
          startedAt: null
        }
      }
    };
    const title = aCell(0, { type: 'markdown', source: '# Sales\nof today' });
    render(<LiveNotebook cells={[title, aCell(1), aCell(2)]} live={live} />);

    const items = screen.getAllByRole('listitem');
    expect(items.map(item => item.textContent)).toEqual([
      'Salesof today',
      expect.stringContaining('row 1'),
      expect.stringContaining('Not yet')
    ]);
  });
});

describe('Failure', () => {
  function show(part: Partial<FailureProps> = {}) {
    const props = { onShowCell: jest.fn(), onRepair: jest.fn(async () => undefined), ...part };
    const cells = [done(0, 0, 7), aCell(1, { state: 'failed' })];
    render(<Failure run={FAILED} cells={cells} {...props} />);
    return { ...props, user: userEvent.setup() };
  }

  it('says why in a line and leads to the cell in one click', async () => {
    const { onShowCell, user } = show();

    expect(screen.getByText("Cell 2 raised KeyError: 'tenure'.")).toBeTruthy();
    await user.click(screen.getByRole('button', { name: 'Show cell 2' }));

    expect(onShowCell).toHaveBeenCalledWith(1);
  });

  it('says honestly that a repair executes the cells before again', async () => {
    const { onRepair, user } = show();

    await user.click(screen.getByRole('button', { name: 'Run again from cell 2' }));
    expect(
      screen.getByText(/first executes the cells before cell 2 again \(they took 7 s\)/)
    ).toBeTruthy();
    expect(onRepair).not.toHaveBeenCalled();
    await user.click(screen.getByRole('button', { name: 'Run again' }));

    expect(onRepair).toHaveBeenCalledWith(1);
  });

  it('offers to debug only where a shell has kernels', async () => {
    show();
    expect(screen.queryByRole('button', { name: 'Debug here' })).toBeNull();
  });

  it('leads to what changed since it last did well', async () => {
    const onCompareGood = jest.fn(async () => undefined);
    const { user } = show({ onCompareGood });

    await user.click(screen.getByRole('button', { name: 'What changed?' }));

    expect(onCompareGood).toHaveBeenCalled();
  });

  it('names no cell where none failed', () => {
    render(<Failure run={{ ...FAILED, failed_cell: null }} cells={[]} onShowCell={jest.fn()} />);

    expect(screen.queryByRole('button')).toBeNull();
  });
});

describe('AttemptsPart', () => {
  it('says what an attempt took and how its kernel came', () => {
    const attempt: AttemptView = {
      fence: 3,
      worker: 'w1',
      state: 'failed',
      class: 'out_of_memory',
      reason: 'The limit is 1 GB.',
      started_at: after(0),
      begun_at: after(1),
      finished_at: after(9),
      peak_memory_bytes: 987_000_000,
      cpu_seconds: 6.5,
      kernel_start: 'ordinary',
      kernel_start_reason: 'not a Python kernel'
    };
    render(<AttemptsPart attempts={[attempt]} />);

    const row = within(screen.getAllByRole('row')[1]);
    for (const text of ['987.0 MB', '6.5 s', 'started the ordinary way', 'not a Python kernel']) {
      expect(row.getByText(text)).toBeTruthy();
    }
    expect(
      screen.getByText('The run used more memory than it may: The limit is 1 GB.')
    ).toBeTruthy();
  });
});

describe('Lineage', () => {
  it('links the parent and what was run again, with the way to compare', () => {
    const parent = aRun({ id: 'r0', state: 'failed' });
    render(<Lineage run={aRun()} parent={parent} again={[aRun({ id: 'r2', note: 'fixed' })]} />);

    const [first, second] = screen.getAllByRole('listitem');
    expect(first.textContent).toContain('Re-run of');
    expect(within(first).getByText('Failed')).toBeTruthy();
    expect(second.textContent).toContain('ana: fixed');
    expect(within(second).getByRole('button', { name: 'Compare' })).toBeTruthy();
  });

  it('is not there where there is no relative', () => {
    const { container } = render(<Lineage run={aRun()} parent={null} again={[]} />);

    expect(container.textContent).toBe('');
  });
});

function anArtifact(part: Partial<ArtifactView> = {}): ArtifactView {
  return {
    name: 'totals.csv',
    sha256: 'a'.repeat(64),
    size: 12,
    media_type: 'text/csv',
    role: 'output',
    created_at: after(9),
    ...part
  };
}

/** jsdom's Blob cannot be read; this is as much of one as a preview needs. */
function bytesOf(text: string): Blob {
  return {
    slice: (start: number, end: number) => bytesOf(text.slice(start, end)),
    text: async () => text,
    arrayBuffer: async () => new TextEncoder().encode(text).buffer
  } as unknown as Blob;
}

describe('ArtifactsPart', () => {
  it('shows a text when asked, and asks for no more than its beginning', async () => {
    const onBytes = jest.fn(async () => bytesOf('region,total\nsouth,3\n'));
    render(<ArtifactsPart run="r1" artifacts={[anArtifact()]} onBytes={onBytes} />);
    expect(onBytes).not.toHaveBeenCalled();

    await userEvent.setup().click(screen.getByRole('button', { name: 'Preview totals.csv' }));

    expect(await screen.findByText(/south,3/)).toBeTruthy();
    expect(onBytes).toHaveBeenCalledWith('totals.csv', 65_536);
  });

  it.each([
    [{ media_type: 'image/png' }, 'picture'],
    [{ media_type: 'image/png', size: 50_000_000 }, null],
    [{ media_type: 'image/svg+xml', name: 'a.svg' }, null],
    [{ media_type: 'text/html', name: 'a.html' }, null],
    [{ media_type: 'application/octet-stream', name: 'a.log' }, 'text'],
    [{ media_type: 'application/octet-stream', name: 'a.parquet' }, null]
  ])('previews %j as %p', (part, kind) => {
    expect(previewKind(anArtifact(part))).toBe(kind);
  });
});

describe('Proof', () => {
  const text = 'x';
  const sha256 = '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881';
  const manifest: Manifest = {
    made_by: 'worker',
    notebook: { path: 'a.ipynb', sha256 },
    kernel: { name: 'python3' },
    environment: { python: '3.12.1' },
    packages: { numpy: '2' },
    git: null,
    worker: 'w1',
    outputs: [
      { name: 'good.txt', sha256, size: 1 },
      { name: 'changed.txt', sha256: 'b'.repeat(64), size: 1 },
      { name: 'gone.txt', sha256, size: 1 }
    ]
  };
  beforeAll(() =>
    Object.defineProperty(globalThis, 'crypto', { value: webcrypto, writable: true })
  );

  it('holds what is stored against what the manifest lists', async () => {
    const onBytes = async (name: string) => {
      if (name === 'gone.txt') {
        throw new Error('404');
      }
      return bytesOf(text);
    };
    render(<Proof run="r1" manifest={manifest} onBytes={onBytes} />);

    await userEvent.setup().click(screen.getByRole('button', { name: 'Verify' }));

    expect(await screen.findByText('2 files are not as listed.')).toBeTruthy();
    const [, good, changed, gone] = screen.getAllByRole('row').map(row => row.textContent);
    expect(good).toContain('as listed');
    expect(changed).toContain('not what was listed');
    expect(gone).toContain('could not be read');
  });
});

describe('Outputs', () => {
  const printed = (text: string) => [{ output_type: 'stream', name: 'stdout', text }];

  function sized(pre: HTMLElement, scrollTop: number) {
    Object.defineProperties(pre, {
      scrollHeight: { value: 900, configurable: true },
      clientHeight: { value: 300, configurable: true }
    });
    pre.scrollTop = scrollTop;
    fireEvent.scroll(pre);
  }

  it('follow the end of a text that grows, unless the reader has scrolled up', () => {
    const { rerender } = render(<Outputs outputs={printed('one\n')} growing />);
    const pre = screen.getByText('one');

    sized(pre, 590);
    rerender(<Outputs outputs={printed('one\ntwo\n')} growing />);
    expect(pre.scrollTop).toBe(900);

    sized(pre, 100);
    rerender(<Outputs outputs={printed('one\ntwo\nthree\n')} growing />);
    expect(pre.scrollTop).toBe(100);
  });

  it('stay at the beginning of a text that is whole', () => {
    const { rerender } = render(<Outputs outputs={printed('one\n')} />);
    const pre = screen.getByText('one');

    sized(pre, 590);
    rerender(<Outputs outputs={printed('one\ntwo\n')} />);

    expect(pre.scrollTop).toBe(590);
  });
});
