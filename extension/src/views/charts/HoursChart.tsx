/** The last 24 hours as bars by hour, and the same numbers as a sentence for who does not see them. */
import * as React from 'react';

import type { HourView, RunState } from '../../tokens';
import { Moment } from '../parts/moments';
import { stateWords, type Tone, toneOf } from '../parts/state';
import { useWords } from '../parts/words';
import { AsTable } from './AsTable';
import { Stripes, Swatch } from './Stripes';

const HOUR = 3_600_000;
const HOURS = 24;
const WIDTH = 960;
const HEIGHT = 100;
const STEP = WIDTH / HOURS;
const GAP = 6;

const STACK: readonly Tone[] = ['good', 'bad', 'warn', 'calm'];

interface Column {
  hour: number;
  byTone: Record<string, number>;
  all: number;
}

export function columnsOf(hours: readonly HourView[], now: number): Column[] {
  const last = Math.floor(now / HOUR) * HOUR;
  const columns = Array.from({ length: HOURS }, (_, place) => ({
    hour: last - (HOURS - 1 - place) * HOUR,
    byTone: {} as Record<string, number>,
    all: 0
  }));
  for (const { hour, state, runs } of hours) {
    const place = HOURS - 1 - (last - Math.floor(new Date(hour).getTime() / HOUR) * HOUR) / HOUR;
    const column = columns[place];
    if (column) {
      const tone = toneOf(state);
      column.byTone[tone] = (column.byTone[tone] ?? 0) + runs;
      column.all += runs;
    }
  }
  return columns;
}

export function HoursChart({ hours }: { hours: readonly HourView[] }): JSX.Element {
  const words = useWords();
  const { __, _n } = words;
  const columns = columnsOf(hours, Date.now());
  const most = Math.max(1, ...columns.map(({ all }) => all));
  const totals = totalsOf(hours);
  const all = totals.reduce((sum, [, runs]) => sum + runs, 0);
  const told = totals.map(([state, runs]) => `${runs} ${stateWords(state, words).toLowerCase()}`);
  const sentence = [_n('%1 run ended', '%1 runs ended', all), ...told].join(', ');
  return (
    <figure className="nightbook-Chart">
      <svg
        className="nightbook-Chart-bars"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={__('Last 24 hours: %1', sentence)}
      >
        {columns.map((column, place) => (
          <Bar key={column.hour} column={column} place={place} most={most} />
        ))}
      </svg>
      <div className="nightbook-Chart-clocks" aria-hidden="true">
        {columns.map(({ hour }) => (
          <span key={hour}>{new Date(hour).getHours() % 6 === 0 ? clockOf(hour) : ''}</span>
        ))}
      </div>
      <figcaption>
        <Legend totals={totals} />
        <AsTable
          label={__('Runs by hour')}
          rows={[...hours].reverse()}
          keyOf={({ hour, state }) => `${hour} ${state}`}
          columns={[
            { title: __('Hour'), cell: ({ hour }) => <Moment at={hour} /> },
            { title: __('State'), cell: ({ state }) => stateWords(state, words) },
            { title: __('Runs'), align: 'end', cell: ({ runs }) => runs }
          ]}
        />
      </figcaption>
    </figure>
  );
}

function totalsOf(hours: readonly HourView[]): [RunState, number][] {
  const totals = new Map<RunState, number>();
  hours.forEach(({ state, runs }) => totals.set(state, (totals.get(state) ?? 0) + runs));
  return [...totals].sort(([, a], [, b]) => b - a);
}

function clockOf(hour: number): string {
  return new Date(hour).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
}

interface BarProps {
  column: Column;
  place: number;
  most: number;
}

function Bar({ column, place, most }: BarProps): JSX.Element {
  const { __ } = useWords();
  let top = HEIGHT;
  return (
    <g>
      <title>{__('%1: %2 runs', clockOf(column.hour), column.all)}</title>
      <rect className="nightbook-Chart-room" x={place * STEP} y="0" width={STEP} height={HEIGHT} />
      {STACK.map(tone => {
        const share = ((column.byTone[tone] ?? 0) / most) * HEIGHT;
        top -= share;
        return (
          share > 0 && (
            <React.Fragment key={tone}>
              <rect
                className={`nightbook-Chart-bar nightbook-mod-${tone}`}
                x={place * STEP + GAP}
                y={top}
                width={STEP - 2 * GAP}
                height={share}
              />
              {tone === 'bad' && (
                <Stripes x={place * STEP + GAP} y={top} width={STEP - 2 * GAP} height={share} />
              )}
            </React.Fragment>
          )
        );
      })}
    </g>
  );
}

function Legend({ totals }: { totals: [RunState, number][] }): JSX.Element {
  const words = useWords();
  if (totals.length === 0) {
    return (
      <span className="nightbook-faint">{words.__('Nothing ended in the last 24 hours.')}</span>
    );
  }
  return (
    <ul className="nightbook-Legend">
      {totals.map(([state, runs]) => (
        <li key={state} className={`nightbook-mod-${toneOf(state)}`}>
          <Swatch tone={toneOf(state)} /> <strong>{runs}</strong> {stateWords(state, words)}
        </li>
      ))}
    </ul>
  );
}
