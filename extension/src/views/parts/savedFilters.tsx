/** Filters that a person named, kept in this browser. */
import * as React from 'react';

import { Action } from './actions';
import { Icon } from './icons';
import { useWords } from './words';

type Named<Filters> = Record<string, Filters>;

/** Past this nobody finds one again. */
const MOST = 30;

function keyOf(list: string): string {
  return `nightbook:filters:${list}`;
}

function kept<Filters>(list: string): Named<Filters> {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(keyOf(list)) ?? '{}');
    return found !== null && typeof found === 'object' ? (found as Named<Filters>) : {};
  } catch {
    return {}; // Storage may be closed to us, or hold what is not ours.
  }
}

interface SavedFiltersProps<Filters> {
  /** The list that they are filters of. */
  list: string;
  filters: Filters;
  active: boolean;
  onChoose(filters: Filters): void;
}

export function SavedFilters<Filters extends object>({
  list,
  filters,
  active,
  onChoose
}: SavedFiltersProps<Filters>): JSX.Element | null {
  const { __ } = useWords();
  const [saved, setSaved] = React.useState(() => kept<Filters>(list));
  const [isNaming, setNaming] = React.useState(false);
  const keep = (next: Named<Filters>) => {
    setSaved(next);
    try {
      localStorage.setItem(keyOf(list), JSON.stringify(next));
    } catch {
      // They last as long as this page then.
    }
  };
  const forget = (name: string) => {
    const others = Object.entries(saved).filter(([other]) => other !== name);
    keep(Object.fromEntries(others));
  };
  const names = Object.keys(saved);
  if (names.length === 0 && !active) {
    return null;
  }
  return (
    <div className="nightbook-Saved" role="group" aria-label={__('Saved filters')}>
      {names.map(name => (
        <span key={name} className="nightbook-Tag">
          <button type="button" className="nightbook-Link" onClick={() => onChoose(saved[name])}>
            {name}
          </button>
          <button
            type="button"
            className="nightbook-Saved-forget"
            aria-label={__('Forget the filter %1', name)}
            onClick={() => forget(name)}
          >
            <Icon name="cross" />
          </button>
        </span>
      ))}
      {isNaming ? (
        <NameForm
          onName={name => {
            keep({ ...saved, [name]: filters });
            setNaming(false);
          }}
          onCancel={() => setNaming(false)}
        />
      ) : (
        active &&
        names.length < MOST && (
          <Action label={__('Save this filter')} icon="save" onAct={() => setNaming(true)} />
        )
      )}
    </div>
  );
}

interface NameFormProps {
  onName(name: string): void;
  onCancel(): void;
}

function NameForm({ onName, onCancel }: NameFormProps): JSX.Element {
  const { __ } = useWords();
  const input = React.useRef<HTMLInputElement>(null);
  const [name, setName] = React.useState('');
  React.useEffect(() => input.current?.focus(), []);
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    if (name.trim()) {
      onName(name.trim());
    }
  };
  return (
    <form className="nightbook-Saved-name" onSubmit={submit}>
      <input
        ref={input}
        className="nightbook-Input"
        aria-label={__('Name of the filter')}
        placeholder={__('Name of the filter')}
        maxLength={60}
        value={name}
        onChange={event => setName(event.target.value)}
        onKeyDown={event => event.key === 'Escape' && onCancel()}
      />
      <button type="submit" className="nightbook-Button" disabled={!name.trim()}>
        {__('Save')}
      </button>
    </form>
  );
}
