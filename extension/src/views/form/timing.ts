/**
 * When to run, as people choose it ("every weekday at 07:30"), and as a trigger.
 *
 * A trigger that no preset can say is shown as custom cron, so nothing is lost by opening the form.
 */
import type { AfterTrigger, CronTrigger, IntervalTrigger, Trigger, Words } from '../../tokens';
import { instantOf, isZone, ownZone, wallClock } from './zones';

export type Preset =
  | 'weekdays'
  | 'daily'
  | 'hourly'
  | 'weekly'
  | 'monthly'
  | 'interval'
  | 'once'
  | 'cron'
  | 'rrule'
  | 'after'
  | 'event'
  | 'manual'
  | 'kept';

export type Unit = 'M' | 'H' | 'D';

/** Which ends of a run another schedule follows. */
export type Ends = 'succeeded' | 'red' | 'any';

const STATES: Record<Ends, NonNullable<AfterTrigger['states']>> = {
  succeeded: ['succeeded'],
  red: ['failed', 'timed_out', 'lost'],
  any: ['succeeded', 'failed', 'timed_out', 'cancelled', 'lost', 'expired']
};

export interface Timing {
  preset: Preset;
  time: string;
  minute: string;
  days: string[];
  monthDay: string;
  every: string;
  unit: Unit;
  anchor: string | null;
  at: string;
  expression: string;
  zone: string;
  dstGap: 'run_after' | 'skip';
  dstFold: 'first' | 'second' | 'both';
  /** Whether the times are those at which the result must be ready. */
  finishBy: boolean;
  /** Minutes from the start to then; empty means as long as past runs took. */
  margin: string;
  /** The ids of the schedules that it follows. */
  after: string[];
  join: 'all' | 'any';
  ends: Ends;
  /** The parameters that a call of its hook may set. */
  settable: string[];
  /** A trigger that the form cannot say; sent back as it came while `preset` is `kept`. */
  kept: Trigger | null;
}

export const DAYS = ['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN'] as const;

const TIME = /^([01]\d|2[0-3]):([0-5]\d)$/;

export function newTiming(zone = ownZone(), now = new Date()): Timing {
  return {
    preset: 'weekdays',
    time: '07:30',
    minute: '0',
    days: ['MON'],
    monthDay: '1',
    every: '30',
    unit: 'M',
    anchor: null,
    at: `${wallClock(new Date(now.getTime() + 86_400_000), zone).slice(0, 10)}T07:30`,
    expression: '30 7 * * MON-FRI',
    zone,
    dstGap: 'run_after',
    dstFold: 'first',
    finishBy: false,
    margin: '',
    after: [],
    join: 'all',
    ends: 'succeeded',
    settable: [],
    kept: null
  };
}

/** The trigger that was chosen; null while `timingErrors` names a fault. */
export function triggerOf(timing: Timing): Trigger | null {
  const trigger = whenOf(timing);
  if (!trigger || !timing.finishBy || !isTimed(timing.preset)) {
    return trigger;
  }
  const margin = timing.margin.trim();
  const own = margin ? { margin_seconds: Math.round(Number(margin) * 60) } : {};
  return { ...trigger, finish_by: true, ...own } as Trigger;
}

function whenOf(timing: Timing): Trigger | null {
  switch (timing.preset) {
    case 'manual':
      return { kind: 'manual' };
    case 'kept':
      return timing.kept;
    case 'rrule':
      return null;
    case 'after':
      return timing.after.length > 0 ? after(timing) : null;
    case 'event':
      return { kind: 'event', parameters: timing.settable };
    case 'once': {
      const at = instantOf(timing.at, timing.zone);
      return at && { kind: 'once', at: at.toISOString().replace('.000Z', 'Z') };
    }
    case 'interval':
      return /^[1-9]\d{0,5}$/.test(timing.every) ? interval(timing) : null;
    default:
      return cron(timing);
  }
}

function after({ after: ids, join, ends }: Timing): AfterTrigger {
  return { kind: 'after', schedule_ids: ids, join, states: STATES[ends] };
}

function interval({ every, unit, zone, anchor }: Timing): IntervalTrigger {
  const span = unit === 'D' ? `P${every}D` : `PT${every}${unit}`;
  return { kind: 'interval', every: span, timezone: zone, ...(anchor ? { anchor } : {}) };
}

function cron(timing: Timing): CronTrigger | null {
  const expression = expressionOf(timing);
  if (!expression) {
    return null;
  }
  const { zone, dstGap, dstFold } = timing;
  return { kind: 'cron', expression, timezone: zone, dst_gap: dstGap, dst_fold: dstFold };
}

export function expressionOf(timing: Timing): string | null {
  const clock = TIME.exec(timing.time);
  const at = clock && `${Number(clock[2])} ${Number(clock[1])}`;
  switch (timing.preset) {
    case 'hourly':
      return /^[0-5]?\d$/.test(timing.minute) ? `${Number(timing.minute)} * * * *` : null;
    case 'daily':
      return at && `${at} * * *`;
    case 'weekdays':
      return at && `${at} * * MON-FRI`;
    case 'weekly':
      return at && timing.days.length > 0
        ? `${at} * * ${DAYS.filter(day => timing.days.includes(day)).join(',')}`
        : null;
    case 'monthly':
      return at && `${at} ${timing.monthDay} * *`;
    default:
      return timing.expression.trim() || null;
  }
}

/** Whether the choice is about times of a clock, which is somewhere. */
export function hasZone(preset: Preset): boolean {
  return !['manual', 'interval', 'after', 'event', 'kept'].includes(preset);
}

/** Whether the choice has fire times, which may fall on days off or be when a result must be ready. */
export function isTimed(preset: Preset): boolean {
  return !['manual', 'rrule', 'after', 'event', 'kept'].includes(preset);
}

/** What is wrong with the choice, by field of the trigger. */
export function timingErrors(timing: Timing, { __ }: Words): Record<string, string> {
  const errors: Record<string, string> = {};
  const { preset } = timing;
  if (hasZone(preset) && !isZone(timing.zone)) {
    errors['trigger.timezone'] = __('Choose a time zone by its name, for example Europe/Berlin.');
  }
  if (['daily', 'weekdays', 'weekly', 'monthly'].includes(preset) && !TIME.test(timing.time)) {
    errors['trigger.time'] = __('Enter a time, for example 07:30.');
  }
  if (preset === 'hourly' && !/^[0-5]?\d$/.test(timing.minute)) {
    errors['trigger.minute'] = __('Enter a minute from 0 to 59.');
  }
  if (preset === 'weekly' && timing.days.length === 0) {
    errors['trigger.days'] = __('Choose at least one day.');
  }
  if (preset === 'interval' && !/^[1-9]\d{0,5}$/.test(timing.every)) {
    errors['trigger.every'] = __('Enter a whole number of 1 or more.');
  }
  if (
    preset === 'once' &&
    instantOf(timing.at, isZone(timing.zone) ? timing.zone : 'UTC') === null
  ) {
    errors['trigger.at'] = __('Enter a date and a time.');
  }
  if (preset === 'after' && timing.after.length === 0) {
    errors['trigger.schedule_ids'] = __('Choose at least one schedule.');
  }
  if (preset === 'rrule') {
    errors['trigger.rrule'] = __('Paste a rule, then choose “Use this rule”.');
  }
  if (isTimed(preset) && timing.finishBy && !isMargin(timing.margin)) {
    errors['trigger.margin_seconds'] = __('Enter minutes, from 1 to 1,440 (a day), or nothing.');
  }
  if (preset === 'cron' && timing.expression.trim() === '') {
    errors['trigger.expression'] = __('Enter five fields, for example 30 7 * * MON-FRI.');
  }
  return errors;
}

function isMargin(text: string): boolean {
  return text.trim() === '' || (Number(text) >= 1 && Number(text) <= 1440);
}

const INTERVAL = /^P(?:T([1-9]\d*)([MH])|([1-9]\d*)D)$/;
const DAILY = /^(\d{1,2}) (\d{1,2}) (\S+) \* (\S+)$/;

/** The choice that says *trigger*; for editing. */
export function timingOf(trigger: Trigger): Timing {
  const zone = ('timezone' in trigger && trigger.timezone) || ownZone();
  const fresh = { ...newTiming(zone), ...readinessOf(trigger) };
  switch (trigger.kind) {
    case 'after':
      return { ...fresh, ...followed(trigger) };
    case 'event':
      return { ...fresh, preset: 'event', settable: trigger.parameters ?? [] };
    case 'manual':
      return { ...fresh, preset: 'manual' };
    case 'once':
      return { ...fresh, preset: 'once', at: wallClock(new Date(trigger.at), zone) };
    case 'interval':
      return { ...fresh, ...intervalOf(trigger) };
    case 'cron':
      return {
        ...fresh,
        ...presetOf(trigger.expression),
        expression: trigger.expression,
        dstGap: trigger.dst_gap ?? 'run_after',
        dstFold: trigger.dst_fold ?? 'first'
      };
  }
}

/** Whether the form can say this trigger without changing it. */
export function isSayable(trigger: Trigger): boolean {
  const { preset } = timingOf(trigger);
  return preset !== 'kept' && (trigger.kind !== 'interval' || INTERVAL.test(trigger.every));
}

function readinessOf(trigger: Trigger): Partial<Timing> {
  if (!('finish_by' in trigger && trigger.finish_by)) {
    return {};
  }
  const { margin_seconds: seconds } = trigger;
  return { finishBy: true, margin: seconds ? String(Math.round(seconds / 0.6) / 100) : '' };
}

function followed(trigger: AfterTrigger): Partial<Timing> {
  const { schedule_id: one, schedule_ids: several = [], join = 'all' } = trigger;
  const states = trigger.states ?? STATES.succeeded;
  const ends = (Object.keys(STATES) as Ends[]).find(
    name => [...STATES[name]].sort().join() === [...states].sort().join()
  );
  return ends
    ? { preset: 'after', after: one ? [one, ...several] : [...several], join, ends }
    : { preset: 'kept', kept: trigger };
}

function intervalOf({ every, anchor }: IntervalTrigger): Partial<Timing> {
  const found = INTERVAL.exec(every);
  return {
    preset: 'interval',
    every: found ? (found[1] ?? found[3]) : every,
    unit: ((found && found[2]) as Unit) ?? 'D',
    anchor: anchor ?? null
  };
}

function presetOf(expression: string): Partial<Timing> {
  const hourly = /^(\d{1,2}) \* \* \* \*$/.exec(expression);
  if (hourly) {
    return { preset: 'hourly', minute: hourly[1] };
  }
  const [, minute, hour, monthDay, weekDays] = DAILY.exec(expression) ?? [];
  if (minute === undefined) {
    return { preset: 'cron' };
  }
  const time = `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`;
  if (monthDay !== '*') {
    const isPlain = weekDays === '*' && /^([1-9]|[12]\d|3[01]|L)$/.test(monthDay);
    return isPlain ? { preset: 'monthly', time, monthDay } : { preset: 'cron' };
  }
  if (weekDays === '*') {
    return { preset: 'daily', time };
  }
  if (weekDays === 'MON-FRI') {
    return { preset: 'weekdays', time };
  }
  const days = weekDays.split(',');
  return days.every(day => (DAYS as readonly string[]).includes(day))
    ? { preset: 'weekly', time, days }
    : { preset: 'cron' };
}
