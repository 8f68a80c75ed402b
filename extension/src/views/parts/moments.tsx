/** Times in the reader's own zone with UTC on hover, and spans in words that stay short. */
import * as React from 'react';

import type { Words } from '../../tokens';
import { useWords } from './words';

/** Now, told anew every second while *ticking*, so that a running span grows before the eye. */
export function useNow(ticking: boolean): number {
  const [now, setNow] = React.useState(() => Date.now());
  React.useEffect(() => {
    if (!ticking) {
      return;
    }
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [ticking]);
  return now;
}

export function utcWords(at: string): string {
  return new Date(at)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$|Z$/, ' UTC');
}

export function momentWords(at: string, now = new Date()): string {
  const moment = new Date(at);
  const year: Intl.DateTimeFormatOptions =
    moment.getFullYear() === now.getFullYear() ? {} : { year: 'numeric' };
  return moment.toLocaleString(undefined, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    ...year
  });
}

interface MomentProps {
  at: string | null | undefined;
  otherwise?: string;
  relative?: boolean;
}

export function Moment({ at, otherwise = '–', relative = false }: MomentProps): JSX.Element {
  const words = useWords();
  if (!at) {
    return <span className="nightbook-faint">{otherwise}</span>;
  }
  const exact = momentWords(at);
  return (
    <time className="nightbook-Time" dateTime={at} title={`${exact} · ${utcWords(at)}`}>
      {relative ? fromNow(at, words) : exact}
    </time>
  );
}

export function fromNow(at: string, words: Words, now = Date.now()): string {
  const seconds = (new Date(at).getTime() - now) / 1000;
  const span = spanWords(Math.abs(seconds), words);
  if (Math.abs(seconds) < 5) {
    return words.__('just now');
  }
  return seconds > 0 ? words.__('in %1', span) : words.__('%1 ago', span);
}

export function spanWords(seconds: number, { __ }: Words): string {
  const whole = Math.max(0, Math.round(seconds));
  if (seconds > 0 && seconds < 0.05) {
    return __('< 0.1 s');
  }
  if (whole < 60) {
    return seconds < 10
      ? __('%1 s', (Math.round(seconds * 10) / 10).toString())
      : __('%1 s', whole);
  }
  if (whole < 3600) {
    return __('%1 min %2 s', Math.floor(whole / 60), String(whole % 60).padStart(2, '0'));
  }
  if (whole < 48 * 3600) {
    const minutes = String(Math.floor(whole / 60) % 60).padStart(2, '0');
    return __('%1 h %2 min', Math.floor(whole / 3600), minutes);
  }
  return __('%1 days', Math.round(whole / 86_400));
}

export function secondsBetween(start: string, end: string | number): number {
  return Math.max(0, (new Date(end).getTime() - new Date(start).getTime()) / 1000);
}

interface SpanProps {
  start: string | null | undefined;
  end: string | null | undefined;
}

/** How long something took; while it has no end, how long it takes so far. */
export function Span({ start, end }: SpanProps): JSX.Element {
  const words = useWords();
  const now = useNow(Boolean(start && !end));
  if (!start) {
    return <span className="nightbook-faint">–</span>;
  }
  const seconds = secondsBetween(start, end ?? now);
  return (
    <span className="nightbook-Time">{spanWords(end ? seconds : Math.floor(seconds), words)}</span>
  );
}

export function sizeWords(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}
