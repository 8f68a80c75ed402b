/** One field of a form: its label, help and error are tied to the input for every reader. */
import * as React from 'react';

/** What an input needs to be found, described and marked as faulty. */
export interface InputProps {
  id: string;
  'aria-describedby': string | undefined;
  'aria-invalid': boolean | undefined;
}

interface FieldProps {
  label: string;
  help?: React.ReactNode;
  error?: string;
  required?: boolean;
  kind?: string;
  wide?: boolean;
  children(input: InputProps): React.ReactNode;
}

export function Field({
  label,
  help,
  error,
  required,
  kind,
  wide,
  children
}: FieldProps): JSX.Element {
  const id = React.useId();
  const helpId = help ? `${id}-help` : '';
  const errorId = error ? `${id}-error` : '';
  const describedBy = [errorId, helpId].filter(Boolean).join(' ') || undefined;
  return (
    <div className={`nightbook-Field${wide ? ' nightbook-mod-wide' : ''}`}>
      <div className="nightbook-Field-head">
        <label htmlFor={id}>
          {label}
          {required && <span className="nightbook-Field-required"> *</span>}
        </label>
        {kind && <code className="nightbook-Field-kind">{kind}</code>}
      </div>
      {children({ id, 'aria-describedby': describedBy, 'aria-invalid': error ? true : undefined })}
      {error && (
        <p id={errorId} className="nightbook-Field-error" role="alert">
          {error}
        </p>
      )}
      {help && (
        <p id={helpId} className="nightbook-Field-help">
          {help}
        </p>
      )}
    </div>
  );
}

interface CheckProps {
  label: string;
  help?: React.ReactNode;
  checked: boolean;
  onChange(checked: boolean): void;
}

export function Check({ label, help, checked, onChange }: CheckProps): JSX.Element {
  const id = React.useId();
  return (
    <div className="nightbook-Check">
      <input
        id={id}
        type="checkbox"
        checked={checked}
        aria-describedby={help ? `${id}-help` : undefined}
        onChange={event => onChange(event.target.checked)}
      />
      <div>
        <label htmlFor={id}>{label}</label>
        {help && (
          <p id={`${id}-help`} className="nightbook-Field-help">
            {help}
          </p>
        )}
      </div>
    </div>
  );
}

interface ChoiceProps<Value extends string> {
  input?: Partial<InputProps>;
  label?: string;
  value: Value;
  options: readonly (readonly [Value, string])[];
  onChange(value: Value): void;
}

export function Choice<Value extends string>({
  input,
  label,
  value,
  options,
  onChange
}: ChoiceProps<Value>): JSX.Element {
  return (
    <select
      {...input}
      className="nightbook-Input"
      aria-label={label}
      value={value}
      onChange={event => onChange(event.target.value as Value)}
    >
      {options.map(([option, words]) => (
        <option key={option} value={option}>
          {words}
        </option>
      ))}
    </select>
  );
}

interface PillsProps<Value extends string> {
  label: string;
  options: readonly (readonly [Value, string])[];
  chosen: readonly Value[];
  error?: string;
  /** The values that are chosen then, in the order of the options. */
  onChange(chosen: Value[]): void;
}

/** Any number of a few options, each a button that stays down. */
export function Pills<Value extends string>({
  label,
  options,
  chosen,
  error,
  onChange
}: PillsProps<Value>): JSX.Element {
  const id = React.useId();
  const toggle = (value: Value, on: boolean) =>
    onChange(
      options
        .map(([option]) => option)
        .filter(option => (option === value ? on : chosen.includes(option)))
    );
  return (
    <fieldset className="nightbook-Pills" aria-describedby={error ? `${id}-error` : undefined}>
      <legend>{label}</legend>
      {options.map(([option, words]) => (
        <label key={option} className="nightbook-Pill">
          <input
            type="checkbox"
            checked={chosen.includes(option)}
            aria-invalid={error ? true : undefined}
            onChange={event => toggle(option, event.target.checked)}
          />
          <span>{words}</span>
        </label>
      ))}
      {error && (
        <p id={`${id}-error`} className="nightbook-Field-error" role="alert">
          {error}
        </p>
      )}
    </fieldset>
  );
}
