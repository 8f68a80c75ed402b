/** The notebooks that are open beside our views, where the shell has an editor for them. */
import * as React from 'react';

import type { NotebookDiff } from '../../tokens';

export interface OpenNotebooks {
  /** For `useSyncExternalStore`: calls *listener* when a notebook was opened, saved or closed. */
  subscribe(listener: () => void): () => void;
  /** Another number after each save; null where the notebook is not open. */
  revisionOf(path: string): number | null;
  /** What the saved notebook has otherwise than the version *against*, or than its newest one. */
  compare(path: string, against: string | null): Promise<NotebookDiff>;
  /** Saves and uploads the notebook; its SHA-256, or null where the person turned back. */
  take(path: string): Promise<string | null>;
}

export const OpenNotebooksContext = React.createContext<OpenNotebooks | null>(null);
