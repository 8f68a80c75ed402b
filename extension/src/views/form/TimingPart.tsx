/** When to run: a choice in words first, then what that choice needs. */
import * as React from 'react';

import type { RRuleView } from '../../tokens';
import { Choice, Field, type InputProps, Pills } from '../parts/field';
import { useWords } from '../parts/words';
import { AfterPart, EventPart, type Neighbours } from './CausesPart';
import type { Errors } from './draft';
import { FinishPart } from './FinishPart';
import { type AskRule, RulePart } from './RulePart';
import { DAYS, hasZone, isTimed, type Preset, type Timing, type Unit } from './timing';
import { allZones } from './zones';

interface TimingPartProps {
  timing: Timing;
  errors: Errors;
  /** The other schedules, where there is a way to them. */
  neighbours?: Neighbours;
  /** The names of the notebook's parameters. */
  parameters?: readonly string[];
  /** Reads a calendar's rule, where somebody can. */
  askRule?: AskRule;
  onRule?(read: RRuleView): void;
  onChange(change: Partial<Timing>): void;
  children?: React.ReactNode;
}

const WITH_TIME: readonly Preset[] = ['weekdays', 'daily', 'weekly', 'monthly'];

export function TimingPart(props: TimingPartProps): JSX.Element {
  const { timing, errors, neighbours, askRule, parameters = [], onChange, children } = props;
  const { __ } = useWords();
  const { preset } = timing;
  const part = { timing, errors, onChange };
  const presets: [Preset, string][] = [
    ['weekdays', __('Every weekday')],
    ['daily', __('Every day')],
    ['hourly', __('Every hour')],
    ['weekly', __('Every week')],
    ['monthly', __('Every month')],
    ['interval', __('Every … minutes, hours or days')],
    ['once', __('Once')],
    ['cron', __('Custom (cron)')],
    ...(askRule ? [['rrule', __('By a calendar’s rule (RRULE)')] as [Preset, string]] : []),
    ...(neighbours ? [['after', __('After other schedules')] as [Preset, string]] : []),
    ['event', __('When a program calls')],
    ['manual', __('Only by hand')],
    ...(timing.kept ? [['kept', __('As it is now')] as [Preset, string]] : [])
  ];
  return (
    <fieldset className="nightbook-Part">
      <legend>{__('When')}</legend>
      <div className="nightbook-Grid">
        <Field label={__('Run')} error={errors.trigger}>
          {input => (
            <Choice
              input={input}
              value={preset}
              options={presets}
              onChange={value => onChange({ preset: value })}
            />
          )}
        </Field>
        {preset === 'interval' && <EveryField {...part} />}
        {preset === 'monthly' && <MonthDayField {...part} />}
        {preset === 'cron' && <ExpressionField {...part} />}
        {WITH_TIME.includes(preset) && (
          <TextField {...part} field="time" label={__('At')} type="time" />
        )}
        {preset === 'hourly' && (
          <TextField {...part} field="minute" label={__('At minute')} type="text" />
        )}
        {preset === 'once' && (
          <TextField {...part} field="at" label={__('At')} type="datetime-local" />
        )}
        {hasZone(preset) && <ZoneField {...part} />}
      </div>
      {preset === 'after' && neighbours && <AfterPart {...part} neighbours={neighbours} />}
      {preset === 'event' && <EventPart {...part} parameters={parameters} />}
      {preset === 'weekly' && <DaysField {...part} />}
      {preset === 'rrule' && askRule && (
        <RulePart
          zone={timing.zone}
          error={errors['trigger.rrule']}
          ask={askRule}
          onUse={read => props.onRule?.(read)}
        />
      )}
      {isTimed(preset) && <FinishPart {...part} />}
      {children}
    </fieldset>
  );
}

interface TextFieldProps extends TimingPartProps {
  field: 'time' | 'minute' | 'at';
  label: string;
  type: string;
}

function TextField({ timing, errors, onChange, field, label, type }: TextFieldProps): JSX.Element {
  return (
    <Field label={label} error={errors[`trigger.${field}`]}>
      {input => (
        <input
          {...input}
          className="nightbook-Input"
          type={type}
          inputMode={type === 'text' ? 'numeric' : undefined}
          value={timing[field]}
          onChange={event => onChange({ [field]: event.target.value })}
        />
      )}
    </Field>
  );
}

function EveryField({ timing, errors, onChange }: TimingPartProps): JSX.Element {
  const { __ } = useWords();
  const units: [Unit, string][] = [
    ['M', __('minutes')],
    ['H', __('hours')],
    ['D', __('days')]
  ];
  return (
    <Field label={__('Every')} error={errors['trigger.every']}>
      {input => (
        <div className="nightbook-Together">
          <input
            {...input}
            className="nightbook-Input"
            inputMode="numeric"
            value={timing.every}
            onChange={event => onChange({ every: event.target.value.trim() })}
          />
          <Choice
            label={__('Unit')}
            value={timing.unit}
            options={units}
            onChange={unit => onChange({ unit })}
          />
        </div>
      )}
    </Field>
  );
}

function MonthDayField({ timing, errors, onChange }: TimingPartProps): JSX.Element {
  const { __ } = useWords();
  const days = Array.from({ length: 31 }, (_, day) => String(day + 1));
  const options = [...days.map(day => [day, day] as const), ['L', __('last')] as const];
  return (
    <Field
      label={__('On day')}
      error={errors['trigger.day']}
      help={
        Number(timing.monthDay) > 28
          ? __('Shorter months are left out. “last” never is.')
          : undefined
      }
    >
      {input => (
        <Choice
          input={input}
          value={timing.monthDay}
          options={options}
          onChange={monthDay => onChange({ monthDay })}
        />
      )}
    </Field>
  );
}

function ExpressionField({ timing, errors, onChange }: TimingPartProps): JSX.Element {
  const { __ } = useWords();
  return (
    <Field
      label={__('Cron expression')}
      help={__('Minute, hour, day of month, month, day of week.')}
      error={errors['trigger.expression']}
    >
      {input => (
        <input
          {...input}
          className="nightbook-Input nightbook-mod-code"
          spellCheck={false}
          autoComplete="off"
          maxLength={256}
          value={timing.expression}
          onChange={event => onChange({ expression: event.target.value })}
        />
      )}
    </Field>
  );
}

function ZoneField({ timing, errors, onChange }: TimingPartProps): JSX.Element {
  const { __ } = useWords();
  return (
    <Field label={__('Time zone')} error={errors['trigger.timezone']}>
      {input => <ZoneInput input={input} zone={timing.zone} onZone={zone => onChange({ zone })} />}
    </Field>
  );
}

interface ZoneInputProps {
  input: InputProps;
  zone: string;
  onZone(zone: string): void;
}

function ZoneInput({ input, zone, onZone }: ZoneInputProps): JSX.Element {
  const zones = React.useMemo(allZones, []);
  return (
    <>
      <input
        {...input}
        className="nightbook-Input"
        list={`${input.id}-zones`}
        autoComplete="off"
        spellCheck={false}
        value={zone}
        onChange={event => onZone(event.target.value.trim())}
      />
      <datalist id={`${input.id}-zones`}>
        {zones.map(name => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </>
  );
}

function DaysField({ timing, errors, onChange }: TimingPartProps): JSX.Element {
  const { __ } = useWords();
  const names = [__('Mon'), __('Tue'), __('Wed'), __('Thu'), __('Fri'), __('Sat'), __('Sun')];
  return (
    <Pills
      label={__('On')}
      options={DAYS.map((day, place) => [day, names[place]] as const)}
      chosen={timing.days as (typeof DAYS)[number][]}
      error={errors['trigger.days']}
      onChange={days => onChange({ days })}
    />
  );
}
