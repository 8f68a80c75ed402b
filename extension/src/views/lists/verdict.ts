/** Whether everything is all right, in one line: the first thing that the landing page says. */
import type { OverviewView, PoolView, Words } from '../../tokens';

export interface Verdict {
  tone: 'good' | 'bad' | 'warn';
  title: string;
  /** What follows from the counts, in a sentence. */
  text: string;
}

/** Pools in which something waits, or is about to, and nobody is there to take it. */
export function troubledPools({ pools, next }: OverviewView): PoolView[] {
  const isAwaited = next.length > 0;
  return pools.filter(
    pool =>
      pool.workers === 0 &&
      (pool.queued > 0 || pool.silent_workers > 0 || (isAwaited && pools.length === 1))
  );
}

export function verdictOf(overview: OverviewView, words: Words): Verdict {
  const { __, _n } = words;
  const { failing_count: failing, broken, late } = overview;
  const pools = troubledPools(overview).length;
  const found = [
    failing > 0 && _n('%1 schedule fails', '%1 schedules fail', failing),
    broken.length > 0 && _n('%1 schedule is broken', '%1 schedules are broken', broken.length),
    late.length > 0 && _n('%1 run is late', '%1 runs are late', late.length),
    pools > 0 && _n('%1 pool has no worker', '%1 pools have no worker', pools)
  ].filter((text): text is string => Boolean(text));
  const text = todayWords(overview, words);
  if (found.length === 0) {
    return { tone: 'good', title: __('Everything is all right'), text };
  }
  const isBad = failing > 0 || broken.length > 0;
  return { tone: isBad ? 'bad' : 'warn', title: found.join(', '), text };
}

function todayWords({ ended_by_hour: hours }: OverviewView, { __, _n }: Words): string {
  const counted = (...states: string[]) =>
    hours.filter(({ state }) => states.includes(state)).reduce((sum, { runs }) => sum + runs, 0);
  const good = counted('succeeded');
  const judged = good + counted('failed', 'timed_out', 'lost');
  if (judged === 0) {
    return __('No run ended in the last 24 hours.');
  }
  if (good === judged) {
    return _n(
      'The one run of the last 24 hours succeeded.',
      'All %1 runs of the last 24 hours succeeded.',
      judged
    );
  }
  return __('%1 of %2 runs of the last 24 hours succeeded.', good, judged);
}
