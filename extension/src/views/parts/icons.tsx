/** The pictures of the views: inline SVG in the colour of the text, always beside words. */
import * as React from 'react';

const SHAPES = {
  calendar: 'M3 4.5h10v8.5H3zM3 7.5h10M5.5 2.5v3M10.5 2.5v3',
  days: 'M3 3h10v10H3zM3 6.5h10M3 9.8h10M6.3 6.5V13M9.7 6.5V13',
  check: 'M3.5 8.5l3 3 6-7',
  cross: 'M4 4l8 8M12 4l-8 8',
  clock: 'M8 4.5V8l2.5 1.5M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z',
  play: 'M5 3.5v9l7-4.5z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  stop: 'M4.5 4.5h7v7h-7z',
  skip: 'M4 4l4 4-4 4M8.5 4l4 4-4 4',
  lost: 'M5.5 6a2.5 2.5 0 1 1 3.6 2.2C8.3 8.7 8 9 8 10M8 12.4v.1',
  warn: 'M8 2.5l6 11H2zM8 7v3M8 11.8v.1',
  note: 'M8 7.5v4M8 4.6v.1M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z',
  hand: 'M8 8.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM3.5 13.5c.5-2.5 2.2-3.5 4.5-3.5s4 1 4.5 3.5',
  again: 'M12.5 8a4.5 4.5 0 1 1-1.4-3.2M12.5 2.5v3h-3',
  book: 'M4 2.5h8.5v11H4zM6.5 2.5v11M4 2.5v11',
  file: 'M4.5 2h5l2.5 2.5V14h-7.5zM9.5 2v2.5H12',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.3 10.3l3.2 3.2',
  down: 'M4 6l4 4 4-4',
  up: 'M4 10l4-4 4 4',
  compare: 'M2.5 3h4.5v10H2.5zM9 3h4.5v10H9z',
  right: 'M6 4l4 4-4 4',
  left: 'M10 4L6 8l4 4',
  out: 'M9 3h4v4M13 3L7.5 8.5M11.5 9.5V13H3V4.5h3.5',
  home: 'M2.5 8L8 3l5.5 5M4.5 7v6h7V7',
  list: 'M5.5 4.5h8M5.5 8h8M5.5 11.5h8M2.5 4.5h.1M2.5 8h.1M2.5 11.5h.1',
  save: 'M8 2.5v7M5 7l3 3 3-3M3 13.5h10',
  expired:
    'M5 2.5h6M5 13.5h6M5.5 2.5c0 3 5 4.5 5 5.5s-5 2.5-5 5.5M10.5 2.5c0 3-5 4.5-5 5.5s5 2.5 5 5.5'
} as const;

export type IconName = keyof typeof SHAPES | 'spinner';

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg
      className={`nightbook-Icon${name === 'spinner' ? ' nightbook-mod-spinning' : ''}`}
      viewBox="0 0 16 16"
      width="16"
      height="16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={name === 'spinner' ? 'M8 2a6 6 0 1 1-6 6' : SHAPES[name]} />
    </svg>
  );
}
