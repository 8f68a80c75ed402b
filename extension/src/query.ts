/** What stands behind the question mark of an address. */
import type { Query } from './tokens';

/** The query with its question mark; a name with several values is given several times. */
export function searchOf(query: Query = {}): string {
  const asked = new URLSearchParams();
  for (const [name, told] of Object.entries(query)) {
    for (const value of Array.isArray(told) ? told : [told]) {
      if (value !== undefined && value !== null && value !== '') {
        asked.append(name, String(value));
      }
    }
  }
  const text = asked.toString();
  return text ? `?${text}` : '';
}
