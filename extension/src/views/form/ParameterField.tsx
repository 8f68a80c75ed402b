/** One parameter as the input that fits its type. */
import * as React from 'react';

import type { Parameter } from '../../tokens';
import { Choice, Field, type InputProps } from '../parts/field';
import { useWords } from '../parts/words';
import { type Entry, isJson } from './values';

interface ParameterFieldProps {
  parameter: Parameter;
  entry: Entry;
  error?: string;
  onChange(entry: Entry): void;
}

export function ParameterField({
  parameter,
  entry,
  error,
  onChange
}: ParameterFieldProps): JSX.Element {
  const { __ } = useWords();
  const { name, type, help, required, nullable } = parameter;
  return (
    <Field
      label={name}
      kind={type}
      help={help || undefined}
      error={error}
      required={required}
      wide={isJson(type)}
    >
      {input => (
        <div className="nightbook-ParameterInput">
          {!entry.none && (
            <TypedInput
              parameter={parameter}
              input={input}
              text={entry.text}
              onText={text => onChange({ text, none: false })}
            />
          )}
          {nullable && (
            <label className="nightbook-ParameterInput-none">
              <input
                type="checkbox"
                id={entry.none ? input.id : undefined}
                checked={entry.none}
                onChange={event => onChange({ text: entry.text, none: event.target.checked })}
              />
              {__('No value')}
            </label>
          )}
        </div>
      )}
    </Field>
  );
}

interface TypedInputProps {
  parameter: Parameter;
  input: InputProps;
  text: string;
  onText(text: string): void;
}

/** A date and time that names its offset is text: the browser's own input cannot hold the offset. */
const LOCAL_DATETIME = /^$|^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?$/;

function inputType({ type }: Parameter, text: string): string {
  if (type === 'date') {
    return 'date';
  }
  return type === 'datetime' && LOCAL_DATETIME.test(text) ? 'datetime-local' : 'text';
}

function TypedInput({ parameter, input, text, onText }: TypedInputProps): JSX.Element {
  const { __ } = useWords();
  if (parameter.choices) {
    const options = parameter.choices.map(
      (choice, place) =>
        [String(place), typeof choice === 'string' ? choice : JSON.stringify(choice)] as const
    );
    const all = options.some(([place]) => place === text)
      ? options
      : [['', __('Choose…')] as const, ...options];
    return <Choice input={input} value={text} options={all} onChange={onText} />;
  }
  if (parameter.type === 'bool') {
    return (
      <label className="nightbook-Switch">
        <input
          {...input}
          type="checkbox"
          role="switch"
          aria-label={parameter.name}
          checked={text === 'true'}
          onChange={event => onText(String(event.target.checked))}
        />
        <span>{text === 'true' ? __('Yes') : __('No')}</span>
      </label>
    );
  }
  const shared = { ...input, value: text, spellCheck: false, autoComplete: 'off' };
  if (isJson(parameter.type) || text.includes('\n')) {
    return (
      <textarea
        {...shared}
        className="nightbook-Input nightbook-mod-code"
        rows={Math.min(10, Math.max(2, text.split('\n').length))}
        onChange={event => onText(event.target.value)}
      />
    );
  }
  return (
    <input
      {...shared}
      className="nightbook-Input"
      type={inputType(parameter, text)}
      step={parameter.type === 'datetime' ? 1 : undefined}
      inputMode={
        parameter.type === 'int' ? 'numeric' : parameter.type === 'float' ? 'decimal' : undefined
      }
      onChange={event => onText(event.target.value)}
    />
  );
}
