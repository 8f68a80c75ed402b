/** The stretch of time that a timeline shows, in the reader's own zone, and where a moment lies in it. */
import { dayEnd, dayOf, dayStart } from '../parts/days';

/** A whole day, which may have 23 or 25 hours, or so many hours of one. */
export type Zoom = 'day' | '6' | '1';

export interface Span {
  start: string;
  end: string;
}

const HOUR = 3_600_000;
const DAY = 24;
/** Hours between two marks of the scale. */
const MARKS: Record<Zoom, number> = { day: 3, '6': 1, '1': 0.25 };

function wall(day: string, hour: number): Date {
  const start = new Date(dayStart(day)!);
  return new Date(start.getFullYear(), start.getMonth(), start.getDate(), 0, hour * 60);
}

/** The span of *day* at *zoom* in which *hour* lies. */
export function spanOf(day: string, zoom: Zoom, hour: number): Span {
  if (zoom === 'day') {
    return { start: dayStart(day)!, end: dayEnd(day)! };
  }
  const length = Number(zoom);
  const first = Math.floor(hour / length) * length;
  return {
    start: wall(day, first).toISOString(),
    end: wall(day, first + length).toISOString()
  };
}

/** The day and hour one step earlier (-1) or later (1). */
export function stepFrom(
  day: string,
  zoom: Zoom,
  hour: number,
  by: -1 | 1
): { day: string; hour: number } {
  if (zoom === 'day') {
    return { day: dayOf(dayStart(day), by), hour };
  }
  const next = hour + by * Number(zoom);
  if (next >= 0 && next < DAY) {
    return { day, hour: next };
  }
  return { day: dayOf(dayStart(day), by), hour: (next + DAY) % DAY };
}

/** The moments of the scale, by the clock on the wall: none that a change of clocks leaves out. */
export function marksOf(day: string, zoom: Zoom, { start, end }: Span): Date[] {
  const first = new Date(start);
  const begin = zoom === 'day' ? 0 : first.getHours();
  const found: Date[] = [];
  for (let hour = begin; hour < begin + DAY; hour += MARKS[zoom]) {
    const mark =
      zoom === 'day' ? wall(day, hour) : new Date(first.getTime() + (hour - begin) * HOUR);
    if (mark.getTime() >= new Date(end).getTime()) {
      break;
    }
    if (found.length === 0 || mark > found[found.length - 1]) {
      found.push(mark);
    }
  }
  return found;
}

/** Where a moment lies in a span: 0 at its start, 1 at its end; beyond both it is cut. */
export function shareOf(moment: number | string | Date, { start, end }: Span): number {
  const from = new Date(start).getTime();
  const share = (new Date(moment).getTime() - from) / (new Date(end).getTime() - from);
  return Math.min(1, Math.max(0, share));
}

/** The weeks, from Monday to Sunday, that hold a month: six at most. */
export function weeksOf(month: string): string[][] {
  const [year, number] = month.split('-').map(Number);
  const first = new Date(year, number - 1, 1);
  const back = (first.getDay() + 6) % 7;
  const count = Math.ceil((back + new Date(year, number, 0).getDate()) / 7);
  const dayAt = (place: number) =>
    dayOf(new Date(year, number - 1, 1 - back + place, 12).toISOString());
  return Array.from({ length: count }, (_, week) =>
    Array.from({ length: 7 }, (__, day) => dayAt(week * 7 + day))
  );
}

/** The month *by* months from *month*, as `2026-11`. */
export function monthFrom(month: string, by: number): string {
  const [year, number] = month.split('-').map(Number);
  return dayOf(new Date(year, number - 1 + by, 1, 12).toISOString()).slice(0, 7);
}
