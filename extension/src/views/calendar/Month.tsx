/** A month of days: what ended on each, and what is to come; a day is chosen to look at its hours. */
import * as React from 'react';

import type { CalendarView, PlanDayView, Words } from '../../tokens';
import { dayWords } from '../charts/DaysChart';
import { dayStart } from '../parts/days';
import { Icon } from '../parts/icons';
import { useWords } from '../parts/words';
import { weeksOf } from './span';

interface MonthProps {
  month: string;
  calendar: CalendarView | null;
  chosen: string;
  today: string;
  onChoose(day: string): void;
}

const STEPS: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };

export function Month({ month, calendar, chosen, today, onChoose }: MonthProps): JSX.Element {
  const { __ } = useWords();
  const grid = React.useRef<HTMLTableElement>(null);
  const weeks = weeksOf(month);
  const days = weeks.flat();
  const byDay = new Map(calendar?.days.map(day => [day.day, day]));
  // One day of the month is in the order of the tab key; arrows lead to the others.
  const inOrder = days.includes(chosen) ? chosen : days.includes(today) ? today : days[7];
  const move = (event: React.KeyboardEvent) => {
    const step = STEPS[event.key];
    const from = (event.target as HTMLElement).closest<HTMLElement>('[data-day]')?.dataset.day;
    const next = days[days.indexOf(from ?? '') + (step ?? NaN)];
    if (step !== undefined && next) {
      event.preventDefault();
      grid.current?.querySelector<HTMLElement>(`[data-day="${next}"]`)?.focus();
    }
  };
  return (
    <table
      ref={grid}
      className="nightbook-Month"
      aria-label={monthWords(month)}
      aria-busy={calendar === null}
    >
      <thead>
        <tr>
          {weeks[0].map(day => (
            <th key={day} scope="col">
              {weekdayWords(day)}
            </th>
          ))}
        </tr>
      </thead>
      {/* The arrow keys are a shortcut beside the tab key and the pointer. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <tbody onKeyDown={move}>
        {weeks.map(week => (
          <tr key={week[0]}>
            {week.map(day => (
              <td key={day} className={day.startsWith(month) ? '' : 'nightbook-mod-other'}>
                <Day
                  day={day}
                  counts={byDay.get(day)}
                  isChosen={day === chosen}
                  isToday={day === today}
                  inOrder={day === inOrder}
                  onChoose={onChoose}
                />
              </td>
            ))}
          </tr>
        ))}
      </tbody>
      <caption className="nightbook-hidden">
        {__('Choose a day to see its hours. The arrow keys move between days.')}
      </caption>
    </table>
  );
}

interface DayProps {
  day: string;
  counts: PlanDayView | undefined;
  isChosen: boolean;
  isToday: boolean;
  inOrder: boolean;
  onChoose(day: string): void;
}

function Day({ day, counts, isChosen, isToday, inOrder, onChoose }: DayProps): JSX.Element {
  const words = useWords();
  const told = counts ? countsWords(counts, words) : '';
  return (
    <button
      type="button"
      data-day={day}
      className={`nightbook-Month-day${counts && counts.red > 0 ? ' nightbook-mod-bad' : ''}`}
      aria-pressed={isChosen}
      aria-current={isToday ? 'date' : undefined}
      title={told}
      tabIndex={inOrder ? 0 : -1}
      onClick={() => onChoose(day)}
    >
      <span className="nightbook-hidden">{[dayWords(day), told].filter(Boolean).join(': ')}</span>
      <span className="nightbook-Month-number" aria-hidden="true">
        {Number(day.slice(8))}
      </span>
      {counts && <Counts {...counts} />}
    </button>
  );
}

function Counts({ succeeded, red, coming, has_more_coming: more }: PlanDayView): JSX.Element {
  return (
    <span className="nightbook-Month-counts" aria-hidden="true">
      {red > 0 && (
        <span className="nightbook-mod-bad">
          <Icon name="cross" />
          {short(red)}
        </span>
      )}
      {succeeded > 0 && (
        <span className="nightbook-mod-good">
          <Icon name="check" />
          {short(succeeded)}
        </span>
      )}
      {(coming > 0 || more) && (
        <span className="nightbook-mod-calm">
          <Icon name="clock" />
          {short(coming)}
          {more && '+'}
        </span>
      )}
    </span>
  );
}

function short(count: number): string {
  return count < 1000 ? String(count) : `${Math.floor(count / 100) / 10}k`;
}

export function countsWords(day: PlanDayView, { __, _n }: Words): string {
  const coming = day.has_more_coming
    ? __('more than %1 to come', day.coming)
    : day.coming > 0 && __('%1 to come', day.coming);
  const parts = [
    day.red > 0 && __('%1 failed', day.red),
    day.succeeded > 0 && __('%1 succeeded', day.succeeded),
    day.other > 0 && _n('%1 cancelled or left out', '%1 cancelled or left out', day.other),
    coming
  ].filter((part): part is string => typeof part === 'string');
  return parts.join(', ') || __('nothing');
}

export function monthWords(month: string): string {
  const options: Intl.DateTimeFormatOptions = { month: 'long', year: 'numeric' };
  return new Date(dayStart(`${month}-01`)!).toLocaleDateString(undefined, options);
}

function weekdayWords(day: string): string {
  return new Date(dayStart(day)!).toLocaleDateString(undefined, { weekday: 'short' });
}
