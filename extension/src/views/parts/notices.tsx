/** What is shown when there is nothing to show: empty, loading, refused, out of reach. */
import * as React from 'react';

import { Icon, type IconName } from './icons';
import { useWords } from './words';

interface EmptyProps {
  icon: IconName;
  title: string;
  children?: React.ReactNode;
}

export function Empty({ icon, title, children }: EmptyProps): JSX.Element {
  return (
    <div className="nightbook-Empty">
      <Icon name={icon} />
      <p className="nightbook-Empty-title">{title}</p>
      {children && <div className="nightbook-Empty-text">{children}</div>}
    </div>
  );
}

export function Loading({ rows = 4 }: { rows?: number }): JSX.Element {
  const { __ } = useWords();
  return (
    <div className="nightbook-Loading" role="status" aria-busy="true">
      <span className="nightbook-hidden">{__('Loading…')}</span>
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} className="nightbook-Loading-row" />
      ))}
    </div>
  );
}

interface ErrorNoteProps {
  message: string;
  onRetry?: () => void;
}

export function ErrorNote({ message, onRetry }: ErrorNoteProps): JSX.Element {
  const { __ } = useWords();
  return (
    <div className="nightbook-Notice nightbook-mod-bad" role="alert">
      <Icon name="warn" />
      <p>{message}</p>
      {onRetry && (
        <button type="button" className="nightbook-Button" onClick={onRetry}>
          {__('Try again')}
        </button>
      )}
    </div>
  );
}

export function OfflineNote(): JSX.Element {
  const { __ } = useWords();
  return (
    <div className="nightbook-Notice nightbook-mod-warn" role="status">
      <Icon name="warn" />
      <p>
        {__('Nightbook cannot be reached. What you see may be old; we keep trying to reconnect.')}
      </p>
    </div>
  );
}

interface ResourceLike<Value> {
  value: Value | null;
  error: Error | null;
  loading: boolean;
}

interface LoadedProps<Value> {
  resource: ResourceLike<Value>;
  onRetry?: () => void;
  rows?: number;
  children(value: Value): React.ReactNode;
}

/** A loaded value, or what is to be said while there is none; an old value stays beside an error. */
export function Loaded<Value>({
  resource,
  onRetry,
  rows,
  children
}: LoadedProps<Value>): JSX.Element {
  if (resource.value !== null) {
    return <>{children(resource.value)}</>;
  }
  if (resource.error) {
    return <ErrorNote message={resource.error.message} onRetry={onRetry} />;
  }
  return <Loading rows={rows} />;
}
