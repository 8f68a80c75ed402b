/** Past and coming runs: a month of days, and below it the hours of the day that is chosen. */
import * as React from 'react';

import { sources } from '../../model';
import type { TimelineView } from '../../tokens';
import { Lanes, LanesTable } from '../calendar/Lanes';
import { Month, monthWords } from '../calendar/Month';
import { monthFrom, spanOf, stepFrom, weeksOf, type Zoom } from '../calendar/span';
import { dayWords } from '../charts/DaysChart';
import { Action } from '../parts/actions';
import { dayOf } from '../parts/days';
import { Choice } from '../parts/field';
import { Empty, Loaded } from '../parts/notices';
import { Card, Page } from '../parts/Page';
import { useWords } from '../parts/words';
import { useKept, useRetry } from './state';

function ownToday(): string {
  return dayOf(new Date().toISOString());
}

export function CalendarScreen({ day: wished }: { day?: string }): JSX.Element {
  const { __ } = useWords();
  const today = ownToday();
  const [day, setDay] = React.useState(wished ?? today);
  const [month, setMonth] = React.useState(day.slice(0, 7));
  const choose = (next: string) => {
    setDay(next);
    setMonth(next.slice(0, 7));
  };
  return (
    <Page title={__('Calendar')}>
      <Card
        title={monthWords(month)}
        aside={
          <div className="nightbook-Calendar-steps">
            <Action
              label={__('Previous month')}
              icon="left"
              onAct={() => setMonth(monthFrom(month, -1))}
            />
            <Action label={__('Today')} onAct={() => choose(today)} />
            <Action
              label={__('Next month')}
              icon="right"
              onAct={() => setMonth(monthFrom(month, 1))}
            />
          </div>
        }
      >
        <MonthOf month={month} day={day} today={today} onChoose={choose} />
      </Card>
      <Hours day={day} onDay={choose} />
    </Page>
  );
}

interface MonthOfProps {
  month: string;
  day: string;
  today: string;
  onChoose(day: string): void;
}

function MonthOf({ month, day, today, onChoose }: MonthOfProps): JSX.Element {
  const days = weeksOf(month).flat();
  const calendar = useKept(sources.calendar(days[0], days[days.length - 1]));
  const retry = useRetry();
  return (
    <>
      {calendar.error && calendar.value === null && (
        <Loaded resource={calendar} onRetry={retry}>
          {() => null}
        </Loaded>
      )}
      <Month
        month={month}
        calendar={calendar.value}
        chosen={day}
        today={today}
        onChoose={onChoose}
      />
    </>
  );
}

function Hours({ day, onDay }: { day: string; onDay(day: string): void }): JSX.Element {
  const { __ } = useWords();
  const [zoom, setZoom] = React.useState<Zoom>('day');
  const [hour, setHour] = React.useState(() => new Date().getHours());
  const span = spanOf(day, zoom, hour);
  const timeline = useKept(sources.timeline(span.start, span.end));
  const step = (by: -1 | 1) => {
    const next = stepFrom(day, zoom, hour, by);
    setHour(next.hour);
    onDay(next.day);
  };
  const zooms: [Zoom, string][] = [
    ['day', __('The day')],
    ['6', __('6 hours')],
    ['1', __('1 hour')]
  ];
  return (
    <Card
      title={dayWords(day)}
      aside={
        <div className="nightbook-Calendar-steps">
          <Action label={__('Earlier')} icon="left" onAct={() => step(-1)} />
          <Choice
            label={__('Shown')}
            value={zoom}
            options={zooms}
            onChange={next => setZoom(next)}
          />
          <Action label={__('Later')} icon="right" onAct={() => step(1)} />
        </div>
      }
    >
      <Loaded resource={timeline} onRetry={useRetry()} rows={4}>
        {value => (
          <>
            <Cut timeline={value} />
            {value.lanes.length === 0 ? (
              <Empty icon="calendar" title={__('Nothing ran, and nothing is to come')} />
            ) : (
              <>
                <Lanes timeline={value} day={day} zoom={zoom} span={span} />
                <Legend />
                <LanesTable timeline={value} />
              </>
            )}
          </>
        )}
      </Loaded>
    </Card>
  );
}

/** What of a busy day is not there is said. */
function Cut({ timeline }: { timeline: TimelineView }): JSX.Element | null {
  const { __, _n } = useWords();
  const { more_lanes: lanes, runs_until: until } = timeline;
  if (lanes === 0 && until === null) {
    return null;
  }
  return (
    <p className="nightbook-Notice" role="status">
      {[
        lanes > 0 && _n('%1 more lane is not shown.', '%1 more lanes are not shown.', lanes),
        until !== null && __('Only the first runs are shown; choose fewer hours to see all.')
      ]
        .filter(Boolean)
        .join(' ')}
    </p>
  );
}

function Legend(): JSX.Element {
  const { __ } = useWords();
  const marks: [string, string, string][] = [
    ['bar nightbook-mod-good', '', __('succeeded')],
    ['bar nightbook-mod-bad', '✕', __('failed, timed out or lost')],
    ['bar nightbook-mod-busy', '', __('running')],
    ['bar nightbook-mod-calm', '–', __('skipped or cancelled')],
    ['ring', '', __('to come')]
  ];
  return (
    <ul className="nightbook-Lanes-legend" aria-label={__('What the marks mean')}>
      {marks.map(([look, glyph, words]) => (
        <li key={look}>
          <span className={`nightbook-Lane-${look}`} aria-hidden="true">
            <span className="nightbook-Lane-glyph">{glyph}</span>
          </span>
          {words}
        </li>
      ))}
    </ul>
  );
}
