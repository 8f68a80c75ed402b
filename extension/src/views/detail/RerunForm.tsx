/** Run again with changed parameters, on the version that ran or on the latest one. */
import * as React from 'react';

import type { ParameterList, Refusal, RerunDraft, RunView } from '../../tokens';
import { Field } from '../parts/field';
import { Icon } from '../parts/icons';
import { Loading } from '../parts/notices';
import { useWords } from '../parts/words';
import { entriesOf, type Errors, parametersOf } from '../form/draft';
import { ParametersPart } from '../form/ParametersPart';
import { type Entry, isSame } from '../form/values';

type Use = NonNullable<RerunDraft['use']>;

export interface RerunFormProps {
  run: RunView;
  /** What the chosen version declares; null while it is being read. */
  declared: ParameterList | null;
  use: Use;
  onUse(use: Use): void;
  onRerun(draft: RerunDraft): Promise<Refusal | null>;
  onCancel(): void;
}

export function RerunForm(props: RerunFormProps): JSX.Element {
  const { __ } = useWords();
  const { run, declared, use, onUse } = props;
  const name = React.useId();
  const options: [Use, string, string][] = [
    ['original', __('The version that ran'), run.notebook.sha256?.slice(0, 8) ?? ''],
    ['latest', __('The latest version'), '']
  ];
  return (
    <div className="nightbook-Rerun">
      <fieldset className="nightbook-Radios">
        <legend>{__('Which version')}</legend>
        {options.map(([value, words, pin]) => (
          <label key={value}>
            <input
              type="radio"
              name={name}
              value={value}
              checked={use === value}
              onChange={() => onUse(value)}
            />
            {words} {pin && <code className="nightbook-Code">{pin}</code>}
          </label>
        ))}
      </fieldset>
      {declared ? <Fields key={use} {...props} declared={declared} /> : <Loading rows={3} />}
    </div>
  );
}

type FieldsProps = RerunFormProps & { declared: ParameterList };

function Fields({ run, declared, use, onRerun, onCancel }: FieldsProps): JSX.Element {
  const words = useWords();
  const { __ } = words;
  const [entries, setEntries] = React.useState(() => entriesOf(declared, run.parameters));
  const [note, setNote] = React.useState('');
  const [refusal, setRefusal] = React.useState<Refusal | null>(null);
  const [busy, setBusy] = React.useState(false);
  const form = React.useRef<HTMLFormElement>(null);
  const found = parametersOf(declared, entries, run.parameters, words);
  const errors: Errors = { ...refusal?.byField, ...found.errors };
  const send = async (event: React.FormEvent) => {
    event.preventDefault();
    if (Object.keys(found.errors).length === 0) {
      setBusy(true);
      const parameters = changedOnly(found.values, run.parameters);
      setRefusal(await onRerun({ parameters, use, note: note.trim() || null }));
      setBusy(false);
    }
    setTimeout(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
  };
  const setEntry = (name: string, entry: Entry) => {
    setEntries({ ...entries, [name]: entry });
    setRefusal(null);
  };
  return (
    <form ref={form} noValidate aria-label={__('Run again')} onSubmit={event => void send(event)}>
      {refusal && (
        <div className="nightbook-Notice nightbook-mod-bad" role="alert">
          <Icon name="warn" />
          <p>{refusal.message}</p>
        </div>
      )}
      <ParametersPart declared={declared} entries={entries} errors={errors} onEntry={setEntry} />
      <Field label={__('Note')} help={__('Why this run, for whoever reads it later.')} wide>
        {input => (
          <input
            {...input}
            className="nightbook-Input"
            maxLength={500}
            value={note}
            onChange={event => setNote(event.target.value)}
          />
        )}
      </Field>
      <div className="nightbook-Form-buttons">
        <button type="submit" className="nightbook-Button nightbook-mod-accept" disabled={busy}>
          <Icon name={busy ? 'spinner' : 'again'} />
          {__('Run again')}
        </button>
        <button type="button" className="nightbook-Button" onClick={onCancel}>
          {__('Cancel')}
        </button>
      </div>
    </form>
  );
}

/** The server merges these over the parent's, so only what differs is sent. */
function changedOnly(
  values: Record<string, unknown>,
  before: Record<string, unknown>
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(([name, value]) => !isSame(value, before[name]))
  );
}
