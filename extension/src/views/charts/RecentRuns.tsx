/**
 * The newest runs of a schedule in one line of text: a bar a run, the newest at the right, as high as it took.
 *
 * Colour is never alone: a red end has a dot below its bar, a cancelled run is hollow, a run under way is dashed,
 * and the picture's name says all of it.
 */
import * as React from 'react';

import { isFinal, type LastRunView, type RunState, type Words } from '../../tokens';
import { spanWords } from '../parts/moments';
import { stateWords, toneOf } from '../parts/state';
import { useWords } from '../parts/words';

const STEP = 8;
const BAR = 5;
const HIGHEST = 20;
const LEAST = 3;
const HEIGHT = 26;
/** As many as the server sends, so that the bars of all rows stand below one another. */
const PLACES = 12;

interface RecentRunsProps {
  /** The newest first. */
  runs: readonly LastRunView[];
}

export function RecentRuns({ runs }: RecentRunsProps): JSX.Element | null {
  const words = useWords();
  const shown = runs.slice(0, PLACES).reverse();
  if (shown.length === 0) {
    return null;
  }
  const most = Math.max(1e-3, ...shown.map(({ seconds }) => seconds ?? 0));
  const first = PLACES - shown.length;
  return (
    <svg
      className="nightbook-Recent"
      width={PLACES * STEP}
      height={HEIGHT}
      role="img"
      aria-label={nameOf(shown, words)}
    >
      {shown.map((run, place) => (
        <Bar key={run.id} run={run} x={(first + place) * STEP} share={(run.seconds ?? 0) / most} />
      ))}
    </svg>
  );
}

function Bar({ run, x, share }: { run: LastRunView; x: number; share: number }): JSX.Element {
  const words = useWords();
  const tone = toneOf(run.state);
  const height = Math.max(LEAST, share * HIGHEST);
  const took = run.seconds === null ? '' : `, ${spanWords(run.seconds, words)}`;
  return (
    <g className={`nightbook-Recent-run nightbook-mod-${tone}`}>
      <title>{`${stateWords(run.state, words)}${took}`}</title>
      <rect className="nightbook-Recent-room" x={x} y={0} width={STEP} height={HEIGHT} />
      <rect
        className="nightbook-Recent-bar"
        x={x + 1.5}
        y={HIGHEST - height + 0.5}
        width={BAR}
        height={height}
      />
      {tone === 'bad' && (
        <circle className="nightbook-Recent-mark" cx={x + 1.5 + BAR / 2} cy={HEIGHT - 2} r={2} />
      )}
    </g>
  );
}

/** What the picture says: how many ended how, and what the newest end took. */
function nameOf(shown: readonly LastRunView[], words: Words): string {
  const { __, _n } = words;
  const counts = new Map<RunState, number>();
  for (const { state } of shown) {
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  const ends = [...counts]
    .map(([state, count]) => `${stateWords(state, words)} ${count}`)
    .join(', ');
  const counted = _n('The newest run: %2', 'The newest %1 runs: %2', shown.length, ends);
  const newest = [...shown].reverse().find(({ state }) => isFinal(state));
  return newest && newest.seconds !== null
    ? __('%1; the last one took %2', counted, spanWords(newest.seconds, words))
    : counted;
}
