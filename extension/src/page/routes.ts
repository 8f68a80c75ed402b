/** The addresses of the plain page: each place has one, and each address a place. */
import type { Place } from '../views/parts/places';

export type Route = Place | { kind: 'login' } | { kind: 'nowhere' };

/** The path of a place below the server's root, which begins with a slash. */
export function pathOf(place: Place): string {
  switch (place.kind) {
    case 'overview':
      return '/';
    case 'run': {
      // People count cells from 1, as the reason of a failure does.
      const cell = place.cell === undefined ? '' : `?cell=${place.cell + 1}`;
      return `/runs/${encodeURIComponent(place.id)}${cell}`;
    }
    case 'executed-notebook':
      return `/runs/${encodeURIComponent(place.run)}`;
    case 'comparison':
      return `/runs/${encodeURIComponent(place.run)}/compare/${encodeURIComponent(place.other)}`;
    case 'schedule':
      return `/schedules/${encodeURIComponent(place.id)}`;
    case 'reader':
      return `/schedules/${encodeURIComponent(place.schedule)}/latest-successful`;
    case 'calendar':
      return place.day === undefined ? '/calendar' : `/calendar?day=${place.day}`;
    case 'schedule-notebook':
      return `/notebooks/${encodeURIComponent(place.sha256)}?path=${encodeURIComponent(place.path)}`;
    default:
      return `/${place.kind}`;
  }
}

export function routeOf(pathname: string, search = ''): Route {
  const [concept = '', id, ...rest] = pathname.replace(/^\/|\/$/g, '').split('/');
  if (concept === 'runs' && id && rest.length === 2 && rest[0] === 'compare') {
    return { kind: 'comparison', run: decoded(id), other: decoded(rest[1]) };
  }
  if (concept === 'schedules' && id && rest.length === 1 && rest[0] === 'latest-successful') {
    return { kind: 'reader', schedule: decoded(id) };
  }
  if (rest.length > 0) {
    return { kind: 'nowhere' };
  }
  if (id) {
    return detailOf(concept, decoded(id), search);
  }
  switch (concept) {
    case '':
      return { kind: 'overview' };
    case 'runs':
    case 'schedules':
    case 'notebooks':
    case 'login':
      return { kind: concept };
    case 'calendar':
      return { kind: 'calendar', ...dayOf(search) };
    default:
      return { kind: 'nowhere' };
  }
}

function detailOf(concept: string, id: string, search: string): Route {
  switch (concept) {
    case 'runs':
      return { kind: 'run', id, ...cellOf(search) };
    case 'schedules':
      return { kind: 'schedule', id };
    case 'notebooks':
      return {
        kind: 'schedule-notebook',
        sha256: id,
        path: new URLSearchParams(search).get('path') ?? ''
      };
    default:
      return { kind: 'nowhere' };
  }
}

function cellOf(search: string): { cell?: number } {
  const number = Number(new URLSearchParams(search).get('cell') ?? NaN);
  return Number.isInteger(number) && number > 0 ? { cell: number - 1 } : {};
}

function dayOf(search: string): { day?: string } {
  const day = new URLSearchParams(search).get('day') ?? '';
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(day) && !Number.isNaN(Date.parse(day));
  return isDay ? { day } : {};
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The one-time code of an address such as `/login#login=CODE`. */
export function loginCode(hash: string): string | null {
  return new URLSearchParams(hash.replace(/^#/, '')).get('login');
}
