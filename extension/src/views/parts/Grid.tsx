/**
 * Rows beyond number: only those in view are in the document, and more are asked for before they are needed.
 *
 * By keys: arrows or j and k move, Home and End jump, Space or x selects (with Shift as far as the row was
 * moved from), Ctrl+A selects all that are shown, Escape none, Enter opens.
 */
import { useVirtualizer } from '@tanstack/react-virtual';
import * as React from 'react';

import type { Column } from './Table';
import { useWords } from './words';

export interface GridColumn<Row> extends Column<Row> {
  /** A track of a CSS grid. */
  width: string;
  order?: { isUp: boolean; onTurn(): void };
}

interface GridProps<Row> {
  label: string;
  columns: readonly GridColumn<Row>[];
  rows: readonly Row[];
  more: boolean;
  selected: ReadonlySet<string>;
  nameOf(row: Row): string;
  onSelect(ids: ReadonlySet<string>): void;
  onOpen(row: Row): void;
  onMore(): void | Promise<unknown>;
  /** Told which rows are in view, by their places. */
  onLook(from: number, to: number): void;
}

const ROW_PIXELS = 57;
/** More rows are asked for when fewer than this are left below. */
const AHEAD = 60;

export function Grid<Row extends { id: string }>(props: GridProps<Row>): JSX.Element {
  const { label, columns, rows, more, selected, onLook } = props;
  const { __ } = useWords();
  const frame = React.useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_PIXELS,
    getItemKey: place => rows[place].id,
    overscan: 8
  });
  const shown = virtual.getVirtualItems();
  const from = shown[0]?.index ?? 0;
  const to = (shown[shown.length - 1]?.index ?? -1) + 1;
  useReadOn(props, to);
  React.useEffect(() => onLook(from, to), [from, to]); // eslint-disable-line react-hooks/exhaustive-deps
  const { current, onKeyDown, setCurrent } = useKeys(props, frame, place =>
    virtual.scrollToIndex(place)
  );
  const tracks = tracksOf(columns);
  const isAll = rows.length > 0 && rows.every(({ id }) => selected.has(id));
  return (
    <div
      ref={frame}
      className="nightbook-LongTable"
      role="grid"
      aria-label={label}
      aria-multiselectable="true"
      aria-rowcount={more ? -1 : rows.length + 1}
      aria-colcount={columns.length + 1}
      tabIndex={-1}
      onKeyDown={onKeyDown}
    >
      <div role="rowgroup" className="nightbook-LongTable-head">
        <div role="row" aria-rowindex={1} style={tracks}>
          <span role="columnheader">
            <input
              type="checkbox"
              aria-label={__('Select all that are shown')}
              checked={isAll}
              onChange={() => props.onSelect(isAll ? new Set() : idsOf(rows))}
            />
          </span>
          {columns.map(column => (
            <Head key={column.title} column={column} />
          ))}
        </div>
      </div>
      <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
        {shown.map(({ index, start, key }) => (
          <div
            key={key}
            ref={virtual.measureElement}
            data-index={index}
            role="row"
            className="nightbook-LongTable-row"
            aria-rowindex={index + 2}
            aria-selected={selected.has(rows[index].id)}
            tabIndex={index === current ? 0 : -1}
            style={{ ...tracks, transform: `translateY(${start}px)` }}
            onFocus={() => setCurrent(index)}
          >
            <span role="gridcell">
              <input
                type="checkbox"
                tabIndex={-1}
                aria-label={__('Select %1', props.nameOf(rows[index]))}
                checked={selected.has(rows[index].id)}
                onChange={() => props.onSelect(turned(selected, rows[index].id))}
              />
            </span>
            {columns.map(column => (
              <span
                key={column.title}
                role="gridcell"
                className={column.minor ? 'nightbook-mod-minor' : undefined}
              >
                {column.cell(rows[index])}
              </span>
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}

/** The tracks of a row: all of them, and those of a narrow screen. */
function tracksOf<Row>(columns: readonly GridColumn<Row>[]): React.CSSProperties {
  const joined = (shown: readonly GridColumn<Row>[]) =>
    ['2rem', ...shown.map(({ width }) => width)].join(' ');
  return {
    '--nightbook-tracks': joined(columns),
    '--nightbook-tracks-narrow': joined(columns.filter(({ minor }) => !minor))
  } as React.CSSProperties;
}

function Head<Row>({ column }: { column: GridColumn<Row> }): JSX.Element {
  const { order, title, minor } = column;
  const sort = order && (order.isUp ? 'ascending' : 'descending');
  return (
    <span
      role="columnheader"
      aria-sort={sort}
      className={minor ? 'nightbook-mod-minor' : undefined}
    >
      {order ? (
        <button type="button" className="nightbook-Link" onClick={() => order.onTurn()}>
          {title} <span aria-hidden="true">{order.isUp ? '▲' : '▼'}</span>
        </button>
      ) : (
        title
      )}
    </span>
  );
}

/** One request for more at a time, as the last rows come near. */
function useReadOn<Row>({ rows, more, onMore }: GridProps<Row>, to: number): void {
  const asked = React.useRef(-1);
  React.useEffect(() => {
    if (more && rows.length - to < AHEAD && asked.current !== rows.length) {
      asked.current = rows.length;
      void onMore();
    }
  });
}

function useKeys<Row extends { id: string }>(
  { rows, selected, onSelect, onOpen }: GridProps<Row>,
  frame: React.RefObject<HTMLDivElement>,
  show: (place: number) => void
) {
  const [current, setCurrent] = React.useState(0);
  const anchor = React.useRef(0);
  const wanted = React.useRef<number | null>(null);
  React.useEffect(() => {
    // The row may have come into the document only now.
    const row = frame.current?.querySelector<HTMLElement>(`[data-index="${wanted.current}"]`);
    if (row) {
      wanted.current = null;
      row.focus({ preventScroll: true });
    }
  });
  const go = (place: number) => {
    const there = Math.max(0, Math.min(rows.length - 1, place));
    wanted.current = there;
    setCurrent(there);
    show(there);
  };
  const select = (isRange: boolean) => {
    if (isRange) {
      const [a, b] = [anchor.current, current].sort((one, other) => one - other);
      onSelect(new Set([...selected, ...idsOf(rows.slice(a, b + 1))]));
    } else {
      anchor.current = current;
      onSelect(turned(selected, rows[current].id));
    }
  };
  const onKeyDown = (event: React.KeyboardEvent<HTMLElement>) => {
    const isOnRow = (event.target as HTMLElement).getAttribute('role') === 'row';
    const act = actOf(event, isOnRow);
    if (act === null || rows.length === 0) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    if (act === 'all') {
      onSelect(idsOf(rows));
    } else if (act === 'none') {
      onSelect(new Set());
    } else if (act === 'open') {
      onOpen(rows[current]);
    } else if (act === 'select') {
      select(event.shiftKey);
    } else {
      go(act === 'first' ? 0 : act === 'last' ? rows.length - 1 : current + act);
    }
  };
  return { current: Math.min(current, rows.length - 1), setCurrent, onKeyDown };
}

type Act = 'all' | 'none' | 'open' | 'select' | 'first' | 'last' | number;

const STEPS: Record<string, Act> = {
  ArrowDown: 1,
  j: 1,
  ArrowUp: -1,
  k: -1,
  PageDown: 10,
  PageUp: -10,
  Home: 'first',
  End: 'last',
  Escape: 'none'
};
const ON_A_ROW: Record<string, Act> = { ' ': 'select', x: 'select', X: 'select', Enter: 'open' };

/** What a key means; links and boxes inside a row keep their own keys. */
function actOf(event: React.KeyboardEvent, isOnRow: boolean): Act | null {
  if (event.key === 'a' && (event.ctrlKey || event.metaKey)) {
    return 'all';
  }
  if (event.ctrlKey || event.metaKey || event.altKey) {
    return null;
  }
  return STEPS[event.key] ?? (isOnRow ? ON_A_ROW[event.key] : undefined) ?? null;
}

function idsOf(rows: readonly { id: string }[]): Set<string> {
  return new Set(rows.map(({ id }) => id));
}

function turned(selected: ReadonlySet<string>, id: string): Set<string> {
  const turned = new Set(selected);
  if (!turned.delete(id)) {
    turned.add(id);
  }
  return turned;
}
