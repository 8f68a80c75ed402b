/** Wall clocks of time zones, by what the browser knows of them. */

export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
}

type WithZones = typeof Intl & { supportedValuesOf?(key: 'timeZone'): string[] };

export function allZones(): string[] {
  const known = (Intl as WithZones).supportedValuesOf?.('timeZone') ?? [ownZone()];
  return known.includes('UTC') ? known : ['UTC', ...known];
}

export function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return zone !== '';
  } catch {
    return false;
  }
}

/** The wall clock of *zone* at an instant, as `2026-11-23T07:30`. */
export function wallClock(instant: Date, zone: string): string {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit'
  });
  const part: Record<string, string> = {};
  format.formatToParts(instant).forEach(({ type, value }) => (part[type] = value));
  return `${part.year}-${part.month}-${part.day}T${part.hour}:${part.minute}`;
}

const LOCAL = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/;

/** The instant at which *zone* shows this wall clock; in a fold the first, in a gap one hour later. */
export function instantOf(local: string, zone: string): Date | null {
  const asUtc = new Date(`${local}:00Z`);
  if (!LOCAL.test(local) || Number.isNaN(asUtc.getTime()) || !isZone(zone)) {
    return null;
  }
  const day = 86_400_000;
  const candidates = [-day, day]
    .map(shift => new Date(asUtc.getTime() + shift))
    .map(near => new Date(asUtc.getTime() - offsetOf(near, zone)))
    .sort((a, b) => a.getTime() - b.getTime());
  const exact = candidates.find(instant => wallClock(instant, zone) === local);
  return exact ?? candidates[candidates.length - 1];
}

function offsetOf(instant: Date, zone: string): number {
  const whole = Math.floor(instant.getTime() / 60_000) * 60_000;
  return new Date(`${wallClock(instant, zone)}:00Z`).getTime() - whole;
}
