/**
 * One parameter as a person types it, and as it is sent.
 *
 * A field holds text (or yes/no); reading it gives a typed value or a sentence that says what is wrong.
 */
import type { Json, Parameter, Words } from '../../tokens';

/** What a field holds. `none` is an explicit "no value" of a nullable parameter. */
export interface Entry {
  text: string;
  none: boolean;
}

export type Read = { value: Json; error?: undefined } | { value?: undefined; error: string };

const WHOLE = /^[+-]?\d+$/;
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;
const DATE = /^\d{4}-\d\d-\d\d$/;
const DATETIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?$/;

const AS_JSON = new Set(['list', 'dict', 'any']);

export function isJson(type: string): boolean {
  return AS_JSON.has(type);
}

/** What the field shows for a value; the inverse of `read`. */
export function entryOf(parameter: Parameter, value: unknown): Entry {
  if (value === null || value === undefined) {
    return { text: '', none: parameter.nullable };
  }
  if (parameter.choices) {
    return { text: String(indexOf(parameter.choices, value)), none: false };
  }
  if (isJson(parameter.type)) {
    return { text: JSON.stringify(value, null, isLong(value) ? 2 : undefined), none: false };
  }
  return { text: String(value), none: false };
}

function isLong(value: unknown): boolean {
  return (JSON.stringify(value) ?? '').length > 60;
}

function indexOf(choices: unknown[], value: unknown): number {
  return choices.findIndex(choice => JSON.stringify(choice) === JSON.stringify(value));
}

/** The typed value of a field, or what is wrong with it. */
export function read(parameter: Parameter, entry: Entry, words: Words): Read {
  const { __ } = words;
  const text = entry.text.trim();
  if (entry.none) {
    return { value: null };
  }
  if (parameter.choices) {
    const choice = parameter.choices[Number(entry.text)];
    return entry.text === '' || choice === undefined
      ? { error: __('Choose one of the values.') }
      : { value: choice as Json };
  }
  if (parameter.type === 'str') {
    return parameter.required && text === ''
      ? { error: __('Enter a value.') }
      : { value: entry.text };
  }
  if (text === '') {
    return { error: __('Enter a value.') };
  }
  return readText(parameter, text, words);
}

function readText(parameter: Parameter, text: string, words: Words): Read {
  const { __ } = words;
  switch (parameter.type) {
    case 'bool':
      return { value: text === 'true' || text === 'True' };
    case 'int':
      return readWhole(text, words);
    case 'float':
      return NUMBER.test(text) && Number.isFinite(Number(text))
        ? { value: Number(text) }
        : { error: __('Enter a number, for example 2.5.') };
    case 'date':
      return DATE.test(text) && isReal(text)
        ? { value: text }
        : { error: __('Enter a date as year-month-day, for example 2026-11-23.') };
    case 'datetime':
      return isMoment(text)
        ? { value: text.replace(' ', 'T') }
        : { error: __('Enter a date and time, for example 2026-11-23T07:30:00.') };
    default:
      return readJson(parameter, text, words);
  }
}

function readWhole(text: string, { __ }: Words): Read {
  if (!WHOLE.test(text)) {
    return { error: __('Enter a whole number, for example 3.') };
  }
  return Number.isSafeInteger(Number(text))
    ? { value: Number(text) }
    : { error: __('This number is too large to be sent exactly.') };
}

function isReal(day: string): boolean {
  const moment = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(moment.getTime()) && moment.toISOString().startsWith(day);
}

function isMoment(text: string): boolean {
  return (
    DATETIME.test(text) &&
    isReal(text.slice(0, 10)) &&
    !Number.isNaN(Date.parse(text.replace(' ', 'T')))
  );
}

function readJson(parameter: Parameter, text: string, { __ }: Words): Read {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return { error: __('This is not valid JSON: check quotes, commas and brackets.') };
  }
  const { type, item_type: itemType } = parameter;
  if (type === 'list' && !Array.isArray(value)) {
    return { error: __('Enter a list, for example [1, 2, 3].') };
  }
  if (Array.isArray(value) && itemType && !value.every(item => isOfType(itemType, item))) {
    return { error: __('Enter a list in which each item is of type %1.', itemType) };
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (type === 'dict' && !isObject) {
    return { error: __('Enter an object, for example {"key": 1}.') };
  }
  return { value };
}

function isOfType(type: string, item: Json): boolean {
  switch (type) {
    case 'bool':
      return typeof item === 'boolean';
    case 'int':
      return Number.isSafeInteger(item);
    case 'float':
      return typeof item === 'number';
    case 'date':
      return typeof item === 'string' && DATE.test(item) && isReal(item);
    case 'datetime':
      return typeof item === 'string' && isMoment(item);
    default:
      return type !== 'str' || typeof item === 'string';
  }
}

export function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
