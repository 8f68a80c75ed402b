/** The line above a list: search and choices. What is typed is told once the person has paused. */
import * as React from 'react';

import { Icon } from './icons';
import { useWords } from './words';

interface SearchProps {
  label: string;
  value: string;
  onChange(value: string): void;
}

const PAUSE_MILLISECONDS = 250;

/** The text as it is typed; it is told once the person has paused. */
function useTyped({ value, onChange }: SearchProps): [string, (text: string) => void] {
  const [text, setText] = React.useState(value);
  const told = React.useRef(onChange);
  told.current = onChange;
  React.useEffect(() => setText(value), [value]);
  React.useEffect(() => {
    if (text === value) {
      return;
    }
    const timer = setTimeout(() => told.current(text), PAUSE_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [text, value]);
  return [text, setText];
}

/** One more filter: a line of text or a day. */
export function Line({ kind = 'text', ...props }: SearchProps & { kind?: string }): JSX.Element {
  const [text, setText] = useTyped(props);
  return (
    <label className="nightbook-FilterLine">
      {props.label}
      <input
        type={kind}
        className="nightbook-Input"
        value={text}
        maxLength={200}
        onChange={event => setText(event.target.value)}
      />
    </label>
  );
}

export function Search(props: SearchProps): JSX.Element {
  const { label } = props;
  const [text, setText] = useTyped(props);
  return (
    <span className="nightbook-Search">
      <Icon name="search" />
      <input
        type="search"
        className="nightbook-Input"
        aria-label={label}
        placeholder={label}
        value={text}
        maxLength={200}
        onChange={event => setText(event.target.value)}
      />
    </span>
  );
}

interface FiltersProps {
  /** Whether any filter is set, so that it can be taken back. */
  active: boolean;
  onClear(): void;
  children: React.ReactNode;
}

export function Filters({ active, onClear, children }: FiltersProps): JSX.Element {
  const { __ } = useWords();
  return (
    <div className="nightbook-Filters" role="search">
      {children}
      {active && (
        <button type="button" className="nightbook-Link" onClick={onClear}>
          {__('Clear filters')}
        </button>
      )}
    </div>
  );
}
