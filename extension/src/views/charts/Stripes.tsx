/** What tells a red end from others where colours are not seen: lines across its bar. */
import * as React from 'react';

import type { Tone } from '../parts/state';

const APART = 6;

interface StripesProps {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Lines across a bar, at least one; they lie flat, for charts are stretched to the width of the page. */
export function Stripes({ x, y, width, height }: StripesProps): JSX.Element {
  const count = Math.max(1, Math.floor(height / APART));
  const lines = Array.from(
    { length: count },
    (_, line) => `M${x} ${y + ((line + 0.5) * height) / count}h${width}`
  );
  return <path className="nightbook-Chart-stripes" d={lines.join('')} />;
}

/** A small piece of a bar, to stand beside the words for it. */
export function Swatch({ tone }: { tone: Tone }): JSX.Element {
  return (
    <svg className="nightbook-Swatch" width="12" height="12" aria-hidden="true">
      <rect
        className={`nightbook-Chart-bar nightbook-mod-${tone}`}
        x="0.5"
        y="0.5"
        width="11"
        height="11"
      />
      {tone === 'bad' && <Stripes x={0} y={0} width={12} height={12} />}
    </svg>
  );
}
