/** The toasts of the web page: a success leaves by itself, an error stays until it is closed. */
import * as React from 'react';

import { Icon } from './parts/icons';
import { PlaceLink } from './parts/places';
import type { Tell, Told } from './parts/tell';
import { useWords } from './parts/words';

interface Toast extends Told {
  id: number;
}

const SHOWN_MILLISECONDS = 6000;
const MOST = 4;

export function useToasts(): { toasts: readonly Toast[]; tell: Tell; close(id: number): void } {
  const [toasts, setToasts] = React.useState<readonly Toast[]>([]);
  const count = React.useRef(0);
  const close = React.useCallback(
    (id: number) => setToasts(old => old.filter(toast => toast.id !== id)),
    []
  );
  const tell = React.useCallback<Tell>(
    told => {
      const id = ++count.current;
      setToasts(old => [...old, { ...told, id }].slice(-MOST));
      if (told.tone !== 'error') {
        setTimeout(() => close(id), SHOWN_MILLISECONDS);
      }
    },
    [close]
  );
  return { toasts, tell, close };
}

interface ToastsProps {
  toasts: readonly Toast[];
  onClose(id: number): void;
}

export function Toasts({ toasts, onClose }: ToastsProps): JSX.Element {
  const { __ } = useWords();
  return (
    <div className="nightbook-Toasts" aria-live="polite">
      {toasts.map(({ id, tone, message, action }) => (
        <div
          key={id}
          className={`nightbook-Toast nightbook-mod-${tone}`}
          role={tone === 'error' ? 'alert' : 'status'}
        >
          <Icon name={tone === 'error' ? 'warn' : tone === 'success' ? 'check' : 'note'} />
          <p>{message}</p>
          {action && <PlaceLink to={action.to}>{action.label}</PlaceLink>}
          <button
            type="button"
            className="nightbook-Toast-close"
            aria-label={__('Close')}
            onClick={() => onClose(id)}
          >
            <Icon name="cross" />
          </button>
        </div>
      ))}
    </div>
  );
}
