/** Days as a date field gives them (`2026-03-29`), and the instants between which they lie for the reader. */

function shifted(moment: Date, days: number): Date {
  // By calendar days: a day of a clock change is not 24 hours long.
  return new Date(moment.getFullYear(), moment.getMonth(), moment.getDate() + days);
}

function parsed(day: string): Date | null {
  const [year, month, date] = day.split('-').map(Number);
  const moment = new Date(year, month - 1, date);
  return Number.isNaN(moment.getTime()) || year < 1000 ? null : moment;
}

/** The instant at which *day* begins; nothing for no day. */
export function dayStart(day: string): string | undefined {
  return parsed(day)?.toISOString();
}

/** The instant at which *day* is over. */
export function dayEnd(day: string): string | undefined {
  const start = parsed(day);
  return start ? shifted(start, 1).toISOString() : undefined;
}

/** The day of an instant, or one that lies *days* from it. */
export function dayOf(instant: string | undefined, days = 0): string {
  if (!instant) {
    return '';
  }
  const moment = shifted(new Date(instant), days);
  const two = (number: number) => String(number).padStart(2, '0');
  return `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
}
