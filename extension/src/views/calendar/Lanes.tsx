/** The hours of a day, a lane for each schedule: runs as bars from start to end, coming fire times as rings. */
import * as React from 'react';

import type { BarView, ComingView, LaneView, TimelineView, Words } from '../../tokens';
import { AsTable } from '../charts/AsTable';
import { Moment, momentWords, secondsBetween, spanWords, useNow } from '../parts/moments';
import { PlaceLink } from '../parts/places';
import { StateChip, stateWords, toneOf } from '../parts/state';
import { useWords } from '../parts/words';
import { marksOf, shareOf, type Span, type Zoom } from './span';

interface LanesProps {
  timeline: TimelineView;
  day: string;
  zoom: Zoom;
  span: Span;
}

export function Lanes({ timeline, day, zoom, span }: LanesProps): JSX.Element {
  const { __ } = useWords();
  const isNow = within(Date.now(), span);
  const runs = timeline.lanes.some(lane => lane.runs.some(run => run.state === 'running'));
  const now = useNow(isNow && runs);
  return (
    <div className="nightbook-Lanes">
      <Scale day={day} zoom={zoom} span={span} />
      <ul className="nightbook-Lanes-all" aria-label={__('Schedules')}>
        {timeline.lanes.map(lane => (
          <Lane key={lane.schedule_id ?? lane.name} lane={lane} span={span} now={now} />
        ))}
      </ul>
      {isNow && <NowLine span={span} />}
    </div>
  );
}

function within(moment: number, { start, end }: Span): boolean {
  return moment >= new Date(start).getTime() && moment < new Date(end).getTime();
}

function percent(share: number): string {
  return `${(share * 100).toFixed(3)}%`;
}

function Scale({ day, zoom, span }: Omit<LanesProps, 'timeline'>): JSX.Element {
  return (
    <div className="nightbook-Lanes-scale" aria-hidden="true">
      {marksOf(day, zoom, span).map(mark => (
        <span key={mark.getTime()} style={{ left: percent(shareOf(mark, span)) }}>
          {mark.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' })}
        </span>
      ))}
    </div>
  );
}

function NowLine({ span }: { span: Span }): JSX.Element {
  const { __ } = useWords();
  const now = useNow(true);
  return (
    <div className="nightbook-Lanes-now" aria-hidden="true">
      <span style={{ left: percent(shareOf(now, span)) }}>
        <em>{__('now')}</em>
      </span>
    </div>
  );
}

/** The first of a lane is in the order of the tab key; the arrows lead along the lane. */
function alongTheLane(event: React.KeyboardEvent<HTMLElement>): void {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step === undefined) {
    return;
  }
  const marks = [...event.currentTarget.querySelectorAll<HTMLElement>('a, button')];
  const next = marks[marks.indexOf(event.target as HTMLElement) + step];
  if (next) {
    event.preventDefault();
    next.focus();
  }
}

function Lane({ lane, span, now }: { lane: LaneView; span: Span; now: number }): JSX.Element {
  const words = useWords();
  const { __ } = words;
  return (
    <li className="nightbook-Lane">
      <span className="nightbook-Lane-name" title={lane.name}>
        {lane.schedule_id ? (
          <PlaceLink to={{ kind: 'schedule', id: lane.schedule_id }}>{lane.name}</PlaceLink>
        ) : (
          lane.name
        )}
      </span>
      {/* The arrow keys are a shortcut beside the tab key and the pointer. */}
      {/* eslint-disable-next-line jsx-a11y/no-static-element-interactions */}
      <span className="nightbook-Lane-track" onKeyDown={alongTheLane}>
        {lane.runs.map(bar => (
          <Bar key={bar.run_id} bar={bar} lane={lane.name} span={span} now={now} />
        ))}
        {lane.coming.map(coming => (
          <Ring key={coming.at} coming={coming} span={span} />
        ))}
        {lane.has_more_coming && (
          <span className="nightbook-Lane-more" title={__('More often than is shown')}>
            …
          </span>
        )}
      </span>
    </li>
  );
}

/** From when to when a bar reaches; what never started is a mark at its moment. */
function reachOf(bar: BarView, now: number): [start: string | number, end: string | number] {
  const start = bar.started_at ?? bar.fire_at ?? bar.finished_at ?? now;
  return [start, bar.started_at ? (bar.finished_at ?? now) : start];
}

interface BarProps {
  bar: BarView;
  lane: string;
  span: Span;
  now: number;
}

function Bar({ bar, lane, span, now }: BarProps): JSX.Element {
  const words = useWords();
  const [start, end] = reachOf(bar, now);
  const left = shareOf(start, span);
  const told = barWords(bar, now, words);
  const tone = bar.state === 'running' ? 'busy' : toneOf(bar.state);
  return (
    <span
      className={`nightbook-Lane-bar nightbook-mod-${tone}${start === end ? ' nightbook-mod-mark' : ''}`}
      style={{ left: percent(left), width: percent(shareOf(end, span) - left) }}
      title={told}
    >
      <PlaceLink to={{ kind: 'run', id: bar.run_id }} label={`${lane}, ${told}`}>
        <span className="nightbook-Lane-glyph" aria-hidden="true">
          {GLYPHS[tone] ?? ''}
        </span>
      </PlaceLink>
    </span>
  );
}

/** Shapes beside the colours. */
const GLYPHS: Partial<Record<string, string>> = { bad: '✕', warn: '!', calm: '–' };

function barWords(bar: BarView, now: number, words: Words): string {
  const [start, end] = reachOf(bar, now);
  const at = momentWords(new Date(start).toISOString());
  const state = stateWords(bar.state, words);
  const seconds = secondsBetween(new Date(start).toISOString(), end);
  return start === end ? `${state}, ${at}` : `${state}, ${at}, ${spanWords(seconds, words)}`;
}

function Ring({ coming, span }: { coming: ComingView; span: Span }): JSX.Element {
  const { __ } = useWords();
  const start = coming.starts_at ?? coming.at;
  const told = coming.starts_at
    ? __('Starts %1 for %2', momentWords(start), momentWords(coming.at))
    : __('Comes %1', momentWords(start));
  return (
    <span
      className="nightbook-Lane-ring"
      role="img"
      aria-label={told}
      title={told}
      style={{ left: percent(shareOf(start, span)) }}
    />
  );
}

// ---------------------------------------------------------------- the same as a table

interface Line {
  key: string;
  lane: LaneView;
  at: string;
  bar?: BarView;
}

export function LanesTable({ timeline }: { timeline: TimelineView }): JSX.Element {
  const words = useWords();
  const { __ } = words;
  const lines = linesOf(timeline);
  return (
    <AsTable
      label={__('Runs and fire times')}
      rows={lines}
      keyOf={({ key }) => key}
      columns={[
        { title: __('Time'), cell: ({ at }) => <Moment at={at} /> },
        { title: __('Schedule or notebook'), cell: ({ lane }) => lane.name },
        {
          title: __('State'),
          cell: ({ bar }) =>
            bar ? (
              <PlaceLink to={{ kind: 'run', id: bar.run_id }}>
                <StateChip state={bar.state} />
              </PlaceLink>
            ) : (
              __('to come')
            )
        }
      ]}
    />
  );
}

function linesOf({ lanes, now }: TimelineView): Line[] {
  const asked = new Date(now).getTime();
  const lines = lanes.flatMap(lane => [
    ...lane.runs.map((bar): Line => {
      const at = new Date(reachOf(bar, asked)[0]).toISOString();
      return { key: bar.run_id, lane, at, bar };
    }),
    ...lane.coming.map(({ at, starts_at: start }): Line => {
      return { key: `${lane.schedule_id} ${at}`, lane, at: start ?? at };
    })
  ]);
  return lines.sort((a, b) => a.at.localeCompare(b.at));
}
