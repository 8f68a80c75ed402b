/** Buttons that wait for their act, and acts that ask before they do what cannot be undone. */
import * as React from 'react';

import { Icon, type IconName } from './icons';
import { useWords } from './words';

interface ActionProps {
  label: string;
  icon?: IconName;
  tone?: 'accept' | 'danger' | 'plain';
  disabled?: boolean;
  title?: string;
  onAct(): void | Promise<unknown>;
}

/** Runs its act once at a time; the shell tells of a refusal. */
export function Action({
  label,
  icon,
  tone = 'plain',
  disabled,
  title,
  onAct
}: ActionProps): JSX.Element {
  const [busy, setBusy] = React.useState(false);
  const here = React.useRef(true);
  React.useEffect(() => {
    here.current = true;
    return () => void (here.current = false);
  }, []);
  const act = async () => {
    setBusy(true);
    try {
      await onAct();
    } finally {
      if (here.current) {
        setBusy(false);
      }
    }
  };
  return (
    <button
      type="button"
      className={`nightbook-Button nightbook-mod-${tone}`}
      disabled={disabled || busy}
      aria-busy={busy}
      title={title}
      onClick={() => void act()}
    >
      {busy ? <Icon name="spinner" /> : icon && <Icon name={icon} />}
      {label}
    </button>
  );
}

interface ConfirmProps {
  label: string;
  icon?: IconName;
  question: string;
  yes: string;
  no: string;
  reason?: string;
  onConfirm(reason: string): void | Promise<unknown>;
}

/** A button that asks first, in place; with `reason` it offers a line to say why. */
export function Confirm({
  label,
  icon,
  question,
  yes,
  no,
  reason,
  onConfirm
}: ConfirmProps): JSX.Element {
  const [asking, setAsking] = React.useState(false);
  const [why, setWhy] = React.useState('');
  const id = React.useId();
  const first = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => {
    const group = first.current;
    const leave = (event: KeyboardEvent) => event.key === 'Escape' && setAsking(false);
    group?.querySelector<HTMLElement>('input, button')?.focus();
    group?.addEventListener('keydown', leave);
    return () => group?.removeEventListener('keydown', leave);
  }, [asking]);
  const confirm = async () => {
    await onConfirm(why.trim());
    setAsking(false);
    setWhy('');
  };
  if (!asking) {
    return <Action label={label} icon={icon} onAct={() => setAsking(true)} />;
  }
  return (
    <div ref={first} className="nightbook-Confirm" role="group" aria-labelledby={id}>
      <span id={id}>{question}</span>
      {reason && (
        <input
          className="nightbook-Input"
          aria-label={reason}
          placeholder={reason}
          maxLength={500}
          value={why}
          onChange={event => setWhy(event.target.value)}
        />
      )}
      <Action label={yes} tone="danger" onAct={confirm} />
      <Action label={no} onAct={() => setAsking(false)} />
    </div>
  );
}

interface MoreButtonProps {
  shown: number;
  onMore(): void | Promise<unknown>;
}

export function MoreButton({ shown, onMore }: MoreButtonProps): JSX.Element {
  const { __ } = useWords();
  return (
    <div className="nightbook-More">
      <span className="nightbook-faint">{__('%1 shown', shown)}</span>
      <Action label={__('Load more')} icon="down" onAct={onMore} />
    </div>
  );
}
