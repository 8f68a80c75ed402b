/**
 * Where a link leads is the shell's affair: a page of ours, or a tab of JupyterLab.
 *
 * A shell without addresses gives no `href`, and links become buttons that look like links.
 */
import * as React from 'react';

import type { RunView } from '../../tokens';

export type Place =
  | { kind: 'overview' }
  | { kind: 'schedules' }
  | { kind: 'runs'; schedule?: string }
  | { kind: 'notebooks' }
  | { kind: 'calendar'; day?: string }
  | { kind: 'run'; id: string; rerun?: boolean; cell?: number }
  | { kind: 'comparison'; run: string; other: string }
  | { kind: 'schedule'; id: string; review?: boolean }
  | { kind: 'reader'; schedule: string }
  | { kind: 'schedule-notebook'; path: string; sha256: string }
  | { kind: 'executed-notebook'; run: string; path: string };

export interface Places {
  open(place: Place): void;
  href?(place: Place): string;
  /** Opens a copy of a run's notebook to work on, where the shell has kernels. */
  debug?(run: RunView): Promise<unknown>;
  /** The address of bytes of the API, for example `/runs/1/artifacts/notebook.ipynb`. */
  download?(path: string): string;
}

export const PlacesContext = React.createContext<Places>({ open: () => undefined });

export function usePlaces(): Places {
  return React.useContext(PlacesContext);
}

interface PlaceLinkProps {
  to: Place;
  children: React.ReactNode;
  className?: string;
  label?: string;
  /** Whether this is the place where the reader is. */
  current?: boolean;
}

export function PlaceLink({
  to,
  children,
  className = '',
  label,
  current
}: PlaceLinkProps): JSX.Element {
  const places = usePlaces();
  const here = current ? 'page' : undefined;
  const classes = `nightbook-Link ${className}`.trim();
  if (!places.href) {
    return (
      <button
        type="button"
        className={classes}
        aria-label={label}
        aria-current={here}
        onClick={() => places.open(to)}
      >
        {children}
      </button>
    );
  }
  const follow = (event: React.MouseEvent) => {
    // A new tab or window is the browser's own business.
    if (
      event.button === 0 &&
      !event.metaKey &&
      !event.ctrlKey &&
      !event.shiftKey &&
      !event.altKey
    ) {
      event.preventDefault();
      places.open(to);
    }
  };
  return (
    <a
      className={classes}
      href={places.href(to)}
      aria-label={label}
      aria-current={here}
      onClick={follow}
    >
      {children}
    </a>
  );
}
