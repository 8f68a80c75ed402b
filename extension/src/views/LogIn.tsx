/** The door of the web page: a token is pasted, or a one-time code came in the address. */
import * as React from 'react';

import type { Refusal } from '../tokens';
import { Field } from './parts/field';
import { Icon } from './parts/icons';
import { useWords } from './parts/words';

interface LogInProps {
  /** What was wrong with the one-time code that came in the address. */
  refusal: Refusal | null;
  onToken(token: string): Promise<Refusal | null>;
}

export function LogIn({ refusal, onToken }: LogInProps): JSX.Element {
  const { __ } = useWords();
  const [token, setToken] = React.useState('');
  const [refused, setRefused] = React.useState<Refusal | null>(null);
  const [busy, setBusy] = React.useState(false);
  const form = React.useRef<HTMLFormElement>(null);
  const shown = refused ?? refusal;
  const send = async (event: React.FormEvent) => {
    event.preventDefault();
    setBusy(true);
    const answer = token.trim()
      ? await onToken(token.trim())
      : { message: __('Paste a token first.'), byField: {} };
    setBusy(false);
    setRefused(answer);
    if (answer) {
      form.current?.querySelector('input')?.focus();
    }
  };
  return (
    <main className="nightbook-LogIn">
      <form
        ref={form}
        className="nightbook-LogIn-card"
        noValidate
        onSubmit={event => void send(event)}
      >
        <h1>Nightbook</h1>
        <p>{__('Log in to see schedules and runs.')}</p>
        <Field
          label={__('Token')}
          error={shown?.message}
          help={__(
            '“nightbook up” prints an address that logs you in; “nightbook token create” makes a token.'
          )}
        >
          {input => (
            <input
              {...input}
              className="nightbook-Input"
              type="password"
              autoComplete="off"
              spellCheck={false}
              value={token}
              onChange={event => setToken(event.target.value)}
            />
          )}
        </Field>
        <button type="submit" className="nightbook-Button nightbook-mod-accept" disabled={busy}>
          {busy && <Icon name="spinner" />}
          {__('Log in')}
        </button>
      </form>
    </main>
  );
}
