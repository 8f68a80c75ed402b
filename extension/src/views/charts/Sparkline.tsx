/** The newest runs of a schedule as bars: their height is the duration, colour and pattern the outcome. */
import * as React from 'react';

import { isFinal, type PointView } from '../../tokens';
import { Moment, spanWords } from '../parts/moments';
import { PlaceLink } from '../parts/places';
import { StateChip, stateWords, toneOf } from '../parts/state';
import { useWords } from '../parts/words';
import { AsTable } from './AsTable';
import { Stripes } from './Stripes';

const HEIGHT = 100;
const STEP = 10;
const LEAST = 4;
/** As many as fit side by side on a phone and can still be told apart. */
const SHOWN = 60;

interface SparklineProps {
  /** The newest first. */
  points: readonly PointView[];
  median: number | null;
}

export function Sparkline({ points, median }: SparklineProps): JSX.Element {
  const words = useWords();
  const { __ } = words;
  const ended = points.filter(({ state }) => isFinal(state)).slice(0, SHOWN);
  const shown = [...ended].reverse();
  const most = Math.max(1e-3, ...shown.map(({ seconds }) => seconds ?? 0));
  const width = Math.max(20, shown.length) * STEP;
  const good = shown.filter(({ state }) => state === 'succeeded').length;
  const spanOf = ({ seconds }: PointView) => (seconds === null ? '–' : spanWords(seconds, words));
  return (
    <figure className="nightbook-Chart">
      <svg
        className="nightbook-Chart-bars nightbook-mod-low"
        viewBox={`0 0 ${width} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={__('The newest %1 runs, the oldest first: %2 succeeded', shown.length, good)}
      >
        {shown.map((point, place) => {
          const height = Math.max(LEAST, ((point.seconds ?? 0) / most) * HEIGHT);
          return (
            <g key={point.run_id}>
              <title>{`${stateWords(point.state, words)}, ${spanOf(point)}`}</title>
              <rect
                className="nightbook-Chart-room"
                x={place * STEP}
                y="0"
                width={STEP}
                height={HEIGHT}
              />
              <rect
                className={`nightbook-Chart-bar nightbook-mod-${toneOf(point.state)}`}
                x={place * STEP + 1.5}
                y={HEIGHT - height}
                width={STEP - 3}
                height={height}
              />
              {toneOf(point.state) === 'bad' && (
                <Stripes
                  x={place * STEP + 1.5}
                  y={HEIGHT - height}
                  width={STEP - 3}
                  height={height}
                />
              )}
            </g>
          );
        })}
        {median !== null && (
          <line
            className="nightbook-Chart-median"
            x1="0"
            x2={width}
            y1={HEIGHT - (median / most) * HEIGHT}
            y2={HEIGHT - (median / most) * HEIGHT}
          />
        )}
      </svg>
      <AsTable
        label={__('The newest runs')}
        rows={ended}
        keyOf={({ run_id: id }) => id}
        columns={[
          {
            title: __('Ended'),
            cell: ({ run_id: id, finished_at: end }) => (
              <PlaceLink to={{ kind: 'run', id }}>
                <Moment at={end} />
              </PlaceLink>
            )
          },
          { title: __('State'), cell: ({ state }) => <StateChip state={state} /> },
          { title: __('Took'), align: 'end', cell: spanOf }
        ]}
      />
    </figure>
  );
}
