import { ENGLISH, type Parameter, type Trigger } from '../src/tokens';
import {
  type Draft,
  draftOf,
  errorsOf,
  newDraft,
  patchOf,
  scheduleDraftOf
} from '../src/views/form/draft';
import {
  newTiming,
  type Timing,
  timingErrors,
  timingOf,
  triggerOf
} from '../src/views/form/timing';
import { entryOf, read } from '../src/views/form/values';
import { instantOf } from '../src/views/form/zones';
import { aParameter, aSchedule, declaring, SHA } from './fakes';

const DECLARED = declaring(
  aParameter({ name: 'n', type: 'int', default: 3 }),
  aParameter({ name: 'region', type: 'str', default: 'north' })
);
const GIVEN = { path: 'reports/sales.ipynb', sha256: SHA, declared: DECLARED };

function valueOf(parameter: Partial<Parameter>, text: string, none = false): unknown {
  const found = read(aParameter({ name: 'x', ...parameter }), { text, none }, ENGLISH);
  return found.error === undefined ? found.value : found;
}

const REFUSED = expect.objectContaining({ error: expect.any(String) });

describe('read', () => {
  it.each([
    ['int', '12', 12],
    ['int', '-3', -3],
    ['float', '2.5', 2.5],
    ['float', '1e3', 1000],
    ['bool', 'true', true],
    ['bool', 'false', false],
    ['str', ' as typed ', ' as typed '],
    ['date', '2026-02-28', '2026-02-28'],
    ['datetime', '2026-02-28T07:30', '2026-02-28T07:30'],
    ['datetime', '2026-02-28T07:30:00+01:00', '2026-02-28T07:30:00+01:00'],
    ['list', '[1, "a"]', [1, 'a']],
    ['dict', '{"a": null}', { a: null }],
    ['any', '"text"', 'text']
  ])('reads %s %s', (type, text, value) => {
    expect(valueOf({ type }, text)).toEqual(value);
  });

  it.each([
    ['int', 'abc'],
    ['int', '1.5'],
    ['int', ''],
    ['int', '90071992547409930'],
    ['float', 'NaN'],
    ['float', 'Infinity'],
    ['float', '1,5'],
    ['date', '2026-02-30'],
    ['date', '28.02.2026'],
    ['datetime', 'tomorrow'],
    ['datetime', '2026-02-28T25:00'],
    ['list', '{"a": 1}'],
    ['dict', '[1]'],
    ['dict', '{a: 1}']
  ])('refuses %s %s', (type, text) => {
    expect(valueOf({ type }, text)).toEqual(REFUSED);
  });

  it('sends a choice as the value that the notebook lists', () => {
    expect(valueOf({ type: 'int', choices: [10, 20] }, '1')).toBe(20);
    expect(valueOf({ type: 'int', choices: [10, 20] }, '')).toEqual(REFUSED);
  });

  it('checks the items of a list that names their type', () => {
    expect(valueOf({ type: 'list', item_type: 'int' }, '[1, 2]')).toEqual([1, 2]);
    expect(valueOf({ type: 'list', item_type: 'int' }, '[1, "2"]')).toEqual(REFUSED);
  });

  it('sends null for an explicit absence', () => {
    expect(valueOf({ type: 'int', nullable: true }, '', true)).toBeNull();
  });

  it.each([
    [{ type: 'int' }, 5],
    [{ type: 'float' }, 0.5],
    [{ type: 'bool' }, false],
    [{ type: 'str' }, 'a\nb'],
    [{ type: 'list' }, [1, [2]]],
    [{ type: 'any' }, 'text'],
    [{ type: 'str', choices: ['a', 'b'] }, 'b'],
    [{ type: 'int', nullable: true }, null]
  ])('shows %j %j so that reading gives it back', (part, value) => {
    const parameter = aParameter({ name: 'x', ...part });

    expect(read(parameter, entryOf(parameter, value), ENGLISH)).toEqual({ value });
  });
});

describe('triggerOf', () => {
  const timing = (part: Partial<Timing>): Timing => ({ ...newTiming('Europe/Berlin'), ...part });

  it.each<[Partial<Timing>, string]>([
    [{ preset: 'weekdays', time: '07:30' }, '30 7 * * MON-FRI'],
    [{ preset: 'daily', time: '00:05' }, '5 0 * * *'],
    [{ preset: 'hourly', minute: '15' }, '15 * * * *'],
    [{ preset: 'weekly', time: '09:00', days: ['FRI', 'MON'] }, '0 9 * * MON,FRI'],
    [{ preset: 'monthly', time: '06:00', monthDay: 'L' }, '0 6 L * *'],
    [{ preset: 'cron', expression: ' */5 * * * * ' }, '*/5 * * * *']
  ])('says %j as cron, and reads it back', (part, expression) => {
    const trigger = triggerOf(timing(part)) as Trigger;
    expect(trigger).toMatchObject({ kind: 'cron', expression, timezone: 'Europe/Berlin' });

    expect(triggerOf(timingOf(trigger))).toEqual(trigger);
  });

  it.each<[Partial<Timing>, Trigger]>([
    [{ preset: 'manual' }, { kind: 'manual' }],
    [
      { preset: 'interval', every: '90', unit: 'M' },
      { kind: 'interval', every: 'PT90M', timezone: 'Europe/Berlin' }
    ],
    [
      { preset: 'interval', every: '2', unit: 'D' },
      { kind: 'interval', every: 'P2D', timezone: 'Europe/Berlin' }
    ],
    [
      { preset: 'once', at: '2026-12-01T07:30' },
      { kind: 'once', at: '2026-12-01T06:30:00Z' }
    ],
    [
      { preset: 'after', after: ['s2', 's3'], join: 'any', ends: 'red' },
      {
        kind: 'after',
        schedule_ids: ['s2', 's3'],
        join: 'any',
        states: ['failed', 'timed_out', 'lost']
      }
    ],
    [
      { preset: 'event', settable: ['region'] },
      { kind: 'event', parameters: ['region'] }
    ]
  ])('says %j as a trigger', (part, trigger) => {
    expect(triggerOf(timing(part))).toEqual(trigger);
    expect(timingOf(trigger).preset).toBe(part.preset);
    expect(triggerOf(timingOf(trigger))).toEqual(trigger);
  });

  it.each<[Trigger]>([
    [{ kind: 'event', parameters: ['region'] }],
    [{ kind: 'after', schedule_id: 's2', states: ['failed'] }],
    [{ kind: 'once', at: '2026-12-01T06:30:00Z', finish_by: true, margin_seconds: 90 }],
    [{ kind: 'interval', every: 'PT2H', timezone: 'UTC', finish_by: true }]
  ])('keeps %j as it is', trigger => {
    expect(triggerOf(timingOf(trigger))).toEqual(trigger);
  });

  it.each([
    ['', undefined],
    ['45', 2700],
    ['1.5', 90]
  ])('says how much earlier a run starts whose result is due (%p)', (margin, wanted) => {
    const trigger = triggerOf(timing({ preset: 'daily', finishBy: true, margin }));

    expect(trigger).toMatchObject({ kind: 'cron', finish_by: true });
    expect((trigger as { margin_seconds?: number }).margin_seconds).toBe(wanted);
    expect(timingOf(trigger!)).toMatchObject({ preset: 'daily', finishBy: true, margin });
  });

  it.each(['0', '1441', 'abc'])('refuses to start %s minutes earlier', margin => {
    const errors = timingErrors(timing({ preset: 'daily', finishBy: true, margin }), ENGLISH);

    expect(errors).toEqual({ 'trigger.margin_seconds': expect.any(String) });
  });

  it('says nothing of readiness for what has no times', () => {
    expect(triggerOf(timing({ preset: 'manual', finishBy: true }))).toEqual({ kind: 'manual' });
  });

  it('shows as custom cron what no preset can say', () => {
    const trigger: Trigger = { kind: 'cron', expression: '0 6 1 * MON', timezone: 'UTC' };

    expect(timingOf(trigger)).toMatchObject({ preset: 'cron', expression: '0 6 1 * MON' });
  });

  it.each<[Partial<Timing>, string]>([
    [{ zone: 'Mars/Olympus' }, 'trigger.timezone'],
    [{ preset: 'daily', time: '' }, 'trigger.time'],
    [{ preset: 'hourly', minute: '75' }, 'trigger.minute'],
    [{ preset: 'weekly', days: [] }, 'trigger.days'],
    [{ preset: 'interval', every: '0' }, 'trigger.every'],
    [{ preset: 'once', at: '' }, 'trigger.at'],
    [{ preset: 'after' }, 'trigger.schedule_ids'],
    [{ preset: 'cron', expression: ' ' }, 'trigger.expression']
  ])('names the fault of %j', (part, field) => {
    expect(Object.keys(timingErrors(timing(part), ENGLISH))).toEqual([field]);
  });
});

describe('instantOf', () => {
  it.each([
    ['2026-07-01T12:00', 'Europe/Berlin', '2026-07-01T10:00:00.000Z'],
    ['2026-01-01T12:00', 'Europe/Berlin', '2026-01-01T11:00:00.000Z'],
    ['2026-01-01T12:00', 'Asia/Kathmandu', '2026-01-01T06:15:00.000Z'],
    ['2026-10-25T02:30', 'Europe/Berlin', '2026-10-25T00:30:00.000Z'],
    ['2026-03-29T02:30', 'Europe/Berlin', '2026-03-29T01:30:00.000Z']
  ])('finds %s in %s', (local, zone, instant) => {
    expect(instantOf(local, zone)?.toISOString()).toBe(instant);
  });
});

describe('a draft', () => {
  it('sends only what differs from the defaults of the notebook', () => {
    const draft = newDraft(GIVEN.path, DECLARED, 'UTC');
    draft.parameters.n = { text: '4', none: false };

    expect(scheduleDraftOf(draft, GIVEN, ENGLISH).parameters).toEqual({ n: 4 });
  });

  it('pins the version that is on the screen, unless the latest is wanted', () => {
    const draft = newDraft(GIVEN.path, DECLARED, 'UTC');

    expect(scheduleDraftOf(draft, GIVEN, ENGLISH).notebook).toBe(SHA);
    expect(scheduleDraftOf({ ...draft, follow: 'latest' }, GIVEN, ENGLISH).notebook).toBe(
      GIVEN.path
    );
  });

  it('names a fault by the field of the API', () => {
    const draft = { ...newDraft(GIVEN.path, DECLARED, 'UTC'), name: '', retries: '11' };
    draft.parameters.n = { text: 'abc', none: false };

    expect(Object.keys(errorsOf(draft, GIVEN, ENGLISH)).sort()).toEqual([
      'name',
      'parameters.n',
      'retries'
    ]);
  });

  it('asks for neither name nor trigger of a run by hand', () => {
    const draft = { ...newDraft(GIVEN.path, DECLARED, 'UTC'), name: '' };
    draft.timing.time = '';

    expect(errorsOf(draft, GIVEN, ENGLISH, 'run')).toEqual({});
  });

  it('changes nothing of a schedule that was only opened', () => {
    const schedule = aSchedule({
      parameters: { n: 3 },
      start_at: '2026-12-01T06:30:00Z',
      timeout_seconds: 90
    });
    const given = { ...GIVEN, schedule };
    const before = draftOf(schedule, DECLARED);

    expect(patchOf(before, given, before, ENGLISH)).toEqual({});
  });

  it('sends as a patch only what was changed', () => {
    const schedule = aSchedule({ parameters: { n: 3 } });
    const before = draftOf(schedule, DECLARED);
    const now = { ...before, retries: '2' };

    expect(patchOf(now, { ...GIVEN, schedule }, before, ENGLISH)).toEqual({ retries: 2 });
  });
});

describe('days off', () => {
  const draft = (part: Partial<Draft>): Draft => ({
    ...newDraft('reports/sales.ipynb', DECLARED, 'Europe/Berlin'),
    ...part
  });

  it('go along with a time of the clock, and with nothing else', () => {
    const off = { holidays: 'DE-BE', excludeDates: '2026-12-24, 2026-12-31', jitterMinutes: '2.5' };
    const timed = scheduleDraftOf(
      draft({ ...off, onExcluded: 'next_business_day' }),
      GIVEN,
      ENGLISH
    );
    const manual = { ...newTiming('Europe/Berlin'), preset: 'manual' as const };

    expect(timed).toMatchObject({
      holidays: 'DE-BE',
      exclude_dates: ['2026-12-24', '2026-12-31'],
      on_excluded: 'next_business_day',
      jitter_seconds: 150
    });
    expect(scheduleDraftOf(draft({ ...off, timing: manual }), GIVEN, ENGLISH)).toMatchObject({
      holidays: null,
      exclude_dates: [],
      jitter_seconds: 0
    });
  });

  it.each<[Partial<Draft>, string]>([
    [{ holidays: 'Germany' }, 'holidays'],
    [{ excludeDates: '24.12.2026' }, 'exclude_dates'],
    [{ jitterMinutes: '2000' }, 'jitter_seconds'],
    [{ jitterMinutes: 'soon' }, 'jitter_seconds'],
    [{ maxRuns: '0' }, 'max_runs'],
    [{ pauseAfter: 'three' }, 'pause_after_failures']
  ])('names the fault of %j', (part, field) => {
    expect(Object.keys(errorsOf(draft(part), GIVEN, ENGLISH))).toEqual([field]);
  });

  it('of a schedule that is edited stay as they are', () => {
    const schedule = aSchedule({
      holidays: 'DE',
      exclude_dates: ['2026-12-24'],
      jitter_seconds: 90,
      max_runs: 10,
      pause_after_failures: 3
    });
    const before = draftOf(schedule, DECLARED);
    const given = { ...GIVEN, schedule };

    expect(patchOf(before, given, before, ENGLISH)).toEqual({});
    expect(patchOf({ ...before, pauseAfter: '' }, given, before, ENGLISH)).toEqual({
      pause_after_failures: null
    });
    expect(scheduleDraftOf(before, given, ENGLISH)).toMatchObject({
      holidays: 'DE',
      jitter_seconds: 90,
      max_runs: 10
    });
  });
});
