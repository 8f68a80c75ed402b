/** Why a fire time did not run, for people: the ledger's reasons are single words. */
import type { Words } from '../../tokens';

export function reasonWords(reason: string | null, { __ }: Words): string {
  switch (reason) {
    case 'overlap':
      return __('The previous run was still going.');
    case 'superseded':
      return __('A newer fire time took its place in the queue.');
    case 'paused':
      return __('The schedule was paused.');
    case 'excluded':
      return __('The day is left out by its calendar.');
    case 'dst_gap':
      return __('The clocks were put forward over it.');
    case 'catch_up':
      return __('Found late, and the schedule does not catch up.');
    case 'expired':
      return __('No worker took it in time.');
    case 'broken':
      return __('The schedule was broken.');
    default:
      return reason ?? '';
  }
}
