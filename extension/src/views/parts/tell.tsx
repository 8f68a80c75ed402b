/** How a view tells that an act is done or refused: a toast of the page, a notification of JupyterLab. */
import * as React from 'react';

import { refusalOf } from '../../api';
import type { Place } from './places';

export interface Told {
  tone: 'success' | 'error' | 'info';
  message: string;
  /** Where a button of the toast leads. */
  action?: { label: string; to: Place };
}

export type Tell = (told: Told) => void;

export const TellContext = React.createContext<Tell>(() => undefined);

export function useTell(): Tell {
  return React.useContext(TellContext);
}

/** Runs an act; a success is told by *told*, a refusal by its own sentence. Never rejects. */
export function useAttempt(): <Answer>(
  work: () => Promise<Answer>,
  told: (answer: Answer) => Told | null
) => Promise<Answer | null> {
  const tell = useTell();
  return React.useCallback(
    async (work, told) => {
      try {
        const answer = await work();
        const words = told(answer);
        if (words) {
          tell(words);
        }
        return answer;
      } catch (error) {
        tell({ tone: 'error', message: refusalOf(error).message });
        return null;
      }
    },
    [tell]
  );
}
