/** The state of a run as a sentence. */
import type { RunView, Words } from '../../tokens';
import { momentWords, secondsBetween, spanWords } from '../parts/moments';

export function leadWords(run: RunView, words: Words): string {
  const { __ } = words;
  const { state, started_at: start, finished_at: end, failed_cell: cell } = run;
  const took = start && end ? spanWords(secondsBetween(start, end), words) : null;
  const when = end ? momentWords(end) : '';
  switch (state) {
    case 'queued':
      return run.attempts.length > 0
        ? __('Waits for its next attempt.')
        : __('Waits for a worker.');
    case 'running':
      return run.cancelling_since ? __('Is being stopped.') : __('Is being executed now.');
    case 'succeeded':
      return took ? __('Succeeded in %1 on %2.', took, when) : __('Succeeded on %1.', when);
    case 'failed':
      if (!took) {
        return __('Failed on %1 before it began.', when);
      }
      return cell === null
        ? __('Failed after %1 on %2.', took, when)
        : __('Failed in cell %1 after %2 on %3.', cell + 1, took, when);
    case 'timed_out':
      return __('Was stopped at its time limit on %1.', when);
    case 'cancelled':
      return took
        ? __('Was cancelled after %1 on %2.', took, when)
        : __('Was cancelled on %1.', when);
    case 'lost':
      return __('Its worker fell silent; it was given up on %1.', when);
    case 'skipped':
      return __('Was skipped: the rules of its schedule said no.');
    case 'expired':
      return __('Waited too long and was given up on %1.', when);
  }
}
