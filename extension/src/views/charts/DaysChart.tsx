/** Two weeks, day by day: how many runs ended well, and how long those took on average. */
import * as React from 'react';

import type { DayView, Words } from '../../tokens';
import { spanWords } from '../parts/moments';
import { useWords } from '../parts/words';
import { AsTable } from './AsTable';
import { Stripes } from './Stripes';

const WIDTH = 560;
const HEIGHT = 100;
const GAP = 6;

/** A day of a calendar, which has no zone. */
export function dayWords(day: string): string {
  return new Date(`${day}T12:00:00Z`).toLocaleDateString(undefined, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    timeZone: 'UTC'
  });
}

export function percentWords(share: number): string {
  const percent = share * 100;
  // 99.96 % is not all of them.
  return `${percent >= 99.95 && share < 1 ? '99.9' : percent.toFixed(percent % 1 === 0 ? 0 : 1)} %`;
}

function rateOf(days: readonly DayView[]): number | null {
  const good = days.reduce((sum, { succeeded }) => sum + succeeded, 0);
  const judged = days.reduce((sum, { succeeded, red }) => sum + succeeded + red, 0);
  return judged === 0 ? null : good / judged;
}

export function OutcomesByDay({ days }: { days: readonly DayView[] }): JSX.Element {
  const { __ } = useWords();
  const rate = rateOf(days);
  const most = Math.max(1, ...days.map(({ succeeded, red }) => succeeded + red));
  const told = rate === null ? __('no run ended') : percentWords(rate);
  return (
    <figure className="nightbook-Chart">
      <Figure value={rate === null ? '–' : percentWords(rate)} text={__('of runs succeeded')} />
      <Bars
        label={__('Success rate of the last %1 days: %2', days.length, told)}
        days={days}
        title={day => __('%1: %2 succeeded, %3 failed', dayWords(day.day), day.succeeded, day.red)}
        parts={day => [
          ['good', day.succeeded / most],
          ['bad', day.red / most]
        ]}
      />
      <AsTable
        label={__('Runs by day')}
        rows={[...days].reverse()}
        keyOf={({ day }) => day}
        columns={[
          { title: __('Day'), cell: ({ day }) => dayWords(day) },
          { title: __('Succeeded'), align: 'end', cell: ({ succeeded }) => succeeded },
          { title: __('Failed'), align: 'end', cell: ({ red }) => red },
          { title: __('Other'), align: 'end', cell: ({ other }) => other }
        ]}
      />
    </figure>
  );
}

export function DurationsByDay({ days }: { days: readonly DayView[] }): JSX.Element {
  const words = useWords();
  const { __ } = words;
  const timed = days.filter(({ mean_seconds: mean }) => mean !== null);
  const most = Math.max(1e-3, ...timed.map(({ mean_seconds: mean }) => mean ?? 0));
  const last = timed[timed.length - 1];
  const told = last ? meanWords(last, words) : '–';
  return (
    <figure className="nightbook-Chart">
      <Figure
        value={told}
        text={last ? __('on average on %1', dayWords(last.day)) : __('no run succeeded')}
      />
      <Bars
        label={__('Average duration by day; on the newest day: %1', told)}
        days={days}
        title={day => __('%1: %2', dayWords(day.day), meanWords(day, words))}
        parts={({ mean_seconds: mean }) => [['busy', (mean ?? 0) / most]]}
      />
      <AsTable
        label={__('Average duration by day')}
        rows={[...days].reverse()}
        keyOf={({ day }) => day}
        columns={[
          { title: __('Day'), cell: ({ day }) => dayWords(day) },
          { title: __('Average'), align: 'end', cell: day => meanWords(day, words) }
        ]}
      />
    </figure>
  );
}

function meanWords({ mean_seconds: mean }: DayView, words: Words): string {
  return mean === null ? words.__('no success') : spanWords(mean, words);
}

function Figure({ value, text }: { value: string; text: string }): JSX.Element {
  return (
    <p className="nightbook-Figure">
      <strong>{value}</strong> <span className="nightbook-faint">{text}</span>
    </p>
  );
}

interface BarsProps {
  label: string;
  days: readonly DayView[];
  title(day: DayView): string;
  /** Tone and share of the full height, from the bottom up. */
  parts(day: DayView): [tone: string, share: number][];
}

function Bars({ label, days, title, parts }: BarsProps): JSX.Element {
  const step = WIDTH / Math.max(1, days.length);
  return (
    <>
      <svg
        className="nightbook-Chart-bars nightbook-mod-low"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={label}
      >
        {days.map((day, place) => (
          <g key={day.day}>
            <title>{title(day)}</title>
            <rect
              className="nightbook-Chart-room"
              x={place * step}
              y="0"
              width={step}
              height={HEIGHT}
            />
            <Stack parts={parts(day)} x={place * step + GAP} width={step - 2 * GAP} />
          </g>
        ))}
      </svg>
      <div className="nightbook-Chart-ends" aria-hidden="true">
        <span>{days.length > 0 && dayWords(days[0].day)}</span>
        <span>{days.length > 0 && dayWords(days[days.length - 1].day)}</span>
      </div>
    </>
  );
}

interface StackProps {
  parts: [tone: string, share: number][];
  x: number;
  width: number;
}

function Stack({ parts, x, width }: StackProps): JSX.Element {
  let top = HEIGHT;
  return (
    <>
      {parts
        .filter(([, share]) => share > 0)
        .map(([tone, share]) => {
          // A single failure among a thousand successes must still be seen.
          const height = Math.max(3, share * HEIGHT);
          top -= height;
          const place = { x, y: Math.max(0, top), width, height };
          return (
            <React.Fragment key={tone}>
              <rect className={`nightbook-Chart-bar nightbook-mod-${tone}`} {...place} />
              {tone === 'bad' && <Stripes {...place} />}
            </React.Fragment>
          );
        })}
    </>
  );
}
