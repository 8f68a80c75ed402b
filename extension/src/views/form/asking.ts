/** Asks the server about what is being entered, once the person has paused. */
import * as React from 'react';

import type { Refusal } from '../../tokens';

export type Ask<Wish, Told> = (
  wish: Wish,
  signal: AbortSignal
) => Promise<Told | { refusal: Refusal }>;

export interface Asked<Told> {
  told: Told | null;
  refusal: Refusal | null;
  asking: boolean;
}

const NOTHING = { told: null, refusal: null, asking: false };
const PAUSE_MILLISECONDS = 300;

/**
 * What was told of *wished*; an answer to an older wish is dropped. While the next one is asked for, the last
 * answer stays if *keeps*. No wish asks nothing.
 */
export function useAsked<Wish, Told extends object>(
  wished: Wish | null,
  ask: Ask<Wish, Told>,
  keeps: boolean
): Asked<Told> {
  const [state, setState] = React.useState<Asked<Told>>(NOTHING);
  const wish = JSON.stringify(wished);
  const latestAsk = React.useRef(ask);
  latestAsk.current = ask;
  React.useEffect(() => {
    const wanted = JSON.parse(wish) as Wish | null;
    if (wanted === null) {
      setState(NOTHING);
      return;
    }
    const abort = new AbortController();
    setState(old => ({ ...(keeps ? old : NOTHING), asking: true }));
    const timer = setTimeout(async () => {
      const answer = await latestAsk.current(wanted, abort.signal).catch(() => null);
      if (!abort.signal.aborted) {
        const refusal = answer && 'refusal' in answer ? answer.refusal : null;
        setState({ told: refusal ? null : (answer as Told | null), refusal, asking: false });
      }
    }, PAUSE_MILLISECONDS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [wish, keeps]);
  return state;
}
