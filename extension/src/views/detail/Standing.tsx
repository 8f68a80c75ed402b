/** How a schedule has gone lately: its figures, and its newest runs as a picture. */
import * as React from 'react';

import type { StatsView } from '../../tokens';
import { percentWords } from '../charts/DaysChart';
import { Sparkline } from '../charts/Sparkline';
import { Moment, spanWords } from '../parts/moments';
import { useWords } from '../parts/words';

export function Standing({ stats }: { stats: StatsView }): JSX.Element {
  const words = useWords();
  const { __, _n } = words;
  if (stats.points.length === 0) {
    return <p className="nightbook-faint">{__('Nothing to tell before its first run.')}</p>;
  }
  const { success_rate: rate, judged } = stats;
  const figures: [string, React.ReactNode, string?][] = [
    [
      __('Success rate'),
      rate === null ? '–' : percentWords(rate),
      _n('of %1 run', 'of %1 runs', judged)
    ],
    [__('Usual duration'), told(stats.duration_p50_seconds), __('half of the runs take less')],
    [__('Longest, as a rule'), told(stats.duration_p95_seconds), __('19 of 20 take less')],
    [__('Starts late by'), told(stats.lateness_p95_seconds), __('19 of 20 by less')],
    [__('Last success'), <Moment key="l" at={stats.last_success_at} relative otherwise="–" />]
  ];
  return (
    <div className="nightbook-Standing">
      <dl className="nightbook-Figures">
        {figures.map(([name, value, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <strong>{value}</strong>
              {text && value !== '–' && <span className="nightbook-faint">{text}</span>}
            </dd>
          </div>
        ))}
      </dl>
      <Sparkline points={stats.points} median={stats.duration_p50_seconds} />
    </div>
  );

  function told(seconds: number | null): string {
    return seconds === null ? '–' : spanWords(seconds, words);
  }
}
