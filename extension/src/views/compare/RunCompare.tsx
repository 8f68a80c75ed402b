/** Two runs side by side: what was given, what the cells say and left, and where they ran. */
import * as React from 'react';

import type {
  CellDiff,
  CellSide,
  Change,
  DiffSide,
  LineDiff,
  NamedDiff,
  RunDiff
} from '../../tokens';
import { Outputs } from '../detail/Outputs';
import { Action } from '../parts/actions';
import { Moment, spanWords } from '../parts/moments';
import { Empty } from '../parts/notices';
import { Card, Page } from '../parts/Page';
import { PlaceLink } from '../parts/places';
import { StateChip } from '../parts/state';
import { useWords } from '../parts/words';

/** Unchanged lines shown around a changed one. */
const NEAR = 3;

export function RunCompare({ diff }: { diff: RunDiff }): JSX.Element {
  const { __ } = useWords();
  return (
    <Page title={__('Compare two runs')} below={<p>{diff.right.path}</p>}>
      <div className="nightbook-Compare-sides">
        <Side title={__('Left')} side={diff.left} />
        <Side title={__('Right')} side={diff.right} />
      </div>
      {diff.is_same ? (
        <Empty icon="check" title={__('The two runs do not differ')}>
          {__('Times, execution counts and addresses of objects are not compared.')}
        </Empty>
      ) : (
        <>
          <Named title={__('Parameters')} items={diff.parameters} all />
          <Cells cells={diff.cells} />
          <Named title={__('Environment')} items={diff.environment} />
          <Named title={__('Packages')} items={diff.packages} />
        </>
      )}
    </Page>
  );
}

function Side({ title, side }: { title: string; side: DiffSide }): JSX.Element {
  const words = useWords();
  const { __ } = words;
  return (
    <section className="nightbook-Card nightbook-Compare-side" aria-label={title}>
      <StateChip state={side.state} />{' '}
      <PlaceLink to={{ kind: 'run', id: side.id }}>
        <Moment at={side.fire_at ?? side.created_at} />
      </PlaceLink>
      <p className="nightbook-faint">
        {side.seconds !== null && __('took %1', spanWords(side.seconds, words))}
        {' · '}
        <code>{side.sha256?.slice(0, 12) ?? '–'}</code>
      </p>
      {side.reason && <p>{side.reason}</p>}
    </section>
  );
}

// ---------------------------------------------------------------- by name

/** What the two sides are called; by default after where they stand. */
export interface Sides {
  left: string;
  right: string;
}

interface NamedProps {
  title: string;
  sides?: Sides;
  items: readonly NamedDiff[];
  /** Whether equal ones are shown too. */
  all?: boolean;
}

export function Named({ title, items, all = false, sides }: NamedProps): JSX.Element | null {
  const { __ } = useWords();
  const differing = items.filter(({ change }) => change !== 'same');
  const shown = all ? [...differing, ...items.filter(item => item.change === 'same')] : differing;
  if (shown.length === 0) {
    return null;
  }
  return (
    <Card title={title}>
      <table className="nightbook-Table nightbook-Compare-named">
        <thead>
          <tr>
            <th scope="col">{__('Name')}</th>
            <th scope="col">{sides?.left ?? __('Left')}</th>
            <th scope="col">{sides?.right ?? __('Right')}</th>
          </tr>
        </thead>
        <tbody>
          {shown.map(item => (
            <tr key={item.name} className={`nightbook-mod-${item.change}`}>
              <th scope="row">
                {item.name} <ChangeMark change={item.change} />
              </th>
              <td>{item.change === 'added' ? '–' : <code>{valueWords(item.left)}</code>}</td>
              <td>{item.change === 'removed' ? '–' : <code>{valueWords(item.right)}</code>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

function valueWords(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** A change in words, so that no one has to tell it by its colour. */
export function ChangeMark({ change }: { change: Change }): JSX.Element | null {
  const { __ } = useWords();
  const words: Record<Change, string> = {
    same: '',
    added: __('added'),
    removed: __('removed'),
    changed: __('changed')
  };
  return change === 'same' ? null : (
    <span className={`nightbook-Change nightbook-mod-${change}`}>{words[change]}</span>
  );
}

// ---------------------------------------------------------------- cells

interface CellsProps {
  cells: readonly CellDiff[];
  sides?: Sides;
}

export function Cells({ cells, sides }: CellsProps): JSX.Element {
  const { __, _n } = useWords();
  const list = React.useRef<HTMLOListElement>(null);
  const blocks = React.useMemo(() => blocksOf(cells), [cells]);
  const count = cells.filter(({ change }) => change !== 'same').length;
  const step = (by: 1 | -1) => {
    const places = [...(list.current?.querySelectorAll<HTMLElement>('[data-change]') ?? [])];
    const here = places.findIndex(place => place === document.activeElement);
    const next = here < 0 ? (by > 0 ? 0 : places.length - 1) : here + by;
    places[Math.min(Math.max(next, 0), places.length - 1)]?.focus();
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    if ((event.key === 'n' || event.key === 'p') && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      step(event.key === 'n' ? 1 : -1);
    }
  };
  return (
    <Card
      title={__('Cells')}
      aside={
        count > 0 && (
          <div className="nightbook-Compare-steps">
            <span className="nightbook-faint">{_n('%1 differs', '%1 differ', count)}</span>
            <Action label={__('Previous change')} icon="up" onAct={() => step(-1)} />
            <Action label={__('Next change')} icon="down" onAct={() => step(1)} />
          </div>
        )
      }
    >
      {count === 0 && <p>{__('All cells have the same source and the same outputs.')}</p>}
      {/* Keys n and p go from change to change; the buttons above do the same. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <ol ref={list} className="nightbook-Compare-cells" onKeyDown={onKeyDown}>
        {count > 0 &&
          blocks.map(block =>
            block.change === 'same' ? (
              <Folded key={`f${block.from}`} cells={block.cells} />
            ) : (
              <ChangedCell key={`c${block.from}`} cell={block.cells[0]} sides={sides} />
            )
          )}
      </ol>
    </Card>
  );
}

interface Block {
  change: Change;
  from: number;
  cells: CellDiff[];
}

/** Neighbouring cells that are the same stand together; each changed one stands alone. */
export function blocksOf(cells: readonly CellDiff[]): Block[] {
  const blocks: Block[] = [];
  cells.forEach((cell, from) => {
    const last = blocks[blocks.length - 1];
    if (cell.change === 'same' && last?.change === 'same') {
      last.cells.push(cell);
    } else {
      blocks.push({ change: cell.change, from, cells: [cell] });
    }
  });
  return blocks;
}

function Folded({ cells }: { cells: readonly CellDiff[] }): JSX.Element {
  const { _n } = useWords();
  return (
    <li className="nightbook-Compare-same">
      <details>
        <summary>{_n('%1 cell is the same', '%1 cells are the same', cells.length)}</summary>
        {cells.map((cell, place) => (
          <pre key={place} className="nightbook-Source">
            {cell.source}
          </pre>
        ))}
      </details>
    </li>
  );
}

function ChangedCell({ cell, sides }: { cell: CellDiff; sides?: Sides }): JSX.Element {
  const { __ } = useWords();
  const number = (cell.right ?? cell.left)?.index ?? 0;
  const isOneSided = cell.change === 'added' || cell.change === 'removed';
  const what = [
    cell.source_change !== 'same' && __('source'),
    cell.outputs_change !== 'same' && __('outputs')
  ].filter(Boolean);
  return (
    <li
      className={`nightbook-Compare-cell nightbook-mod-${cell.change}`}
      data-change={cell.change}
      tabIndex={-1}
    >
      <h3>
        {__('Cell %1', number + 1)} <ChangeMark change={cell.change} />
        {!isOneSided && <span className="nightbook-faint"> {what.join(', ')}</span>}
        <Slower cell={cell} />
      </h3>
      {cell.source_change === 'changed' ? (
        <Lines lines={cell.lines} sides={sides} />
      ) : (
        <pre className="nightbook-Source">{cell.source}</pre>
      )}
      {cell.outputs_change !== 'same' && (
        <div className="nightbook-Compare-sides">
          <SideOutputs label={__('Left outputs')} side={cell.left} />
          <SideOutputs label={__('Right outputs')} side={cell.right} />
        </div>
      )}
    </li>
  );
}

/** A cell that took at least twice as long as on the other side, and a second more. */
function Slower({ cell }: { cell: CellDiff }): JSX.Element | null {
  const words = useWords();
  const { __ } = words;
  const before = cell.left?.seconds ?? null;
  const after = cell.right?.seconds ?? null;
  if (before === null || after === null || Math.abs(after - before) < 1) {
    return null;
  }
  const ratio = after / Math.max(before, 0.001);
  if (ratio > 0.5 && ratio < 2) {
    return null;
  }
  return (
    <span className="nightbook-faint">
      {' · '}
      {__('%1 → %2', spanWords(before, words), spanWords(after, words))}
    </span>
  );
}

function SideOutputs({ label, side }: { label: string; side: CellSide | null }): JSX.Element {
  const { __ } = useWords();
  const outputs = side ? side.outputs : [];
  return (
    <section aria-label={label} className="nightbook-Compare-outputs">
      {outputs === null ? (
        <p className="nightbook-faint">
          {__('These outputs are too large to show here; open the run to see them.')}
        </p>
      ) : outputs.length === 0 ? (
        <p className="nightbook-faint">{__('No outputs')}</p>
      ) : (
        <Outputs outputs={outputs} />
      )}
    </section>
  );
}

function Lines({ lines, sides }: { lines: readonly LineDiff[]; sides?: Sides }): JSX.Element {
  const { __ } = useWords();
  const names = {
    '=': '',
    '-': sides ? `${sides.left}:` : __('Left only:'),
    '+': sides ? `${sides.right}:` : __('Right only:')
  };
  const kinds = { '=': 'same', '-': 'removed', '+': 'added' };
  const near = new Set<number>();
  lines.forEach((line, place) => {
    if (line.mark !== '=') {
      for (let step = -NEAR; step <= NEAR; step += 1) {
        near.add(place + step);
      }
    }
  });
  return (
    // A scrolling region has to be reachable by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <pre className="nightbook-Lines" tabIndex={0} aria-label={__('Changed lines')}>
      {lines.map(
        (line, place) =>
          near.has(place) && (
            <div key={place} className={`nightbook-Line nightbook-mod-${kinds[line.mark]}`}>
              <span aria-hidden="true" className="nightbook-Line-mark">
                {line.mark === '=' ? ' ' : line.mark}
              </span>
              {line.mark !== '=' && <span className="nightbook-Unseen">{names[line.mark]}</span>}
              {line.text || ' '}
            </div>
          )
      )}
    </pre>
  );
}
