/** The landing page: whether all is well, what runs, what comes next, how it went, and where. */
import * as React from 'react';

import type { GlanceView, OverviewView, RunView } from '../../tokens';
import { DurationsByDay, OutcomesByDay } from '../charts/DaysChart';
import { HoursChart } from '../charts/HoursChart';
import { Icon, type IconName } from '../parts/icons';
import { Moment, Span } from '../parts/moments';
import { Card, Page } from '../parts/Page';
import { PlaceLink } from '../parts/places';
import { RunChip } from '../parts/state';
import { useWords } from '../parts/words';
import { Attention, VerdictNote } from './Attention';
import { Fleet } from './Fleet';

export function Overview({ overview }: { overview: OverviewView }): JSX.Element {
  const { __ } = useWords();
  if (overview.is_new) {
    return (
      <Page title={__('Overview')}>
        <FirstSteps />
        <Card title={__('Pools and workers')}>
          <Fleet pools={overview.pools} />
        </Card>
      </Page>
    );
  }
  return (
    <Page title={__('Overview')}>
      <VerdictNote overview={overview} />
      <Attention overview={overview} />
      <div className="nightbook-Columns">
        <Card
          title={__('Running now')}
          aside={<PlaceLink to={{ kind: 'runs' }}>{__('All runs')}</PlaceLink>}
        >
          <Running running={overview.running} />
        </Card>
        <Card
          title={__('Next')}
          aside={<PlaceLink to={{ kind: 'schedules' }}>{__('All schedules')}</PlaceLink>}
        >
          <Next next={overview.next} />
        </Card>
      </div>
      <Card title={__('Last 24 hours')}>
        <HoursChart hours={overview.ended_by_hour} />
      </Card>
      <div className="nightbook-Columns">
        <Card title={__('Success rate, last 14 days')}>
          <OutcomesByDay days={overview.days} />
        </Card>
        <Card title={__('Duration, last 14 days')}>
          <DurationsByDay days={overview.days} />
        </Card>
      </div>
      <Card title={__('Pools and workers')}>
        <Fleet pools={overview.pools} />
      </Card>
    </Page>
  );
}

/** What is there to do where nothing has been done yet. */
function FirstSteps(): JSX.Element {
  const { __ } = useWords();
  const steps: [IconName, string, React.ReactNode][] = [
    [
      'book',
      __('Open a notebook in JupyterLab'),
      __('Any notebook will do. A cell with the tag “parameters” becomes a form.')
    ],
    [
      'calendar',
      __('Press Schedule'),
      __('Say when it is to run. You see the next fire times before you save.')
    ],
    [
      'check',
      __('Read the results here'),
      __('Every run leaves an executed copy, whether it succeeds or not.')
    ]
  ];
  return (
    <section className="nightbook-First" aria-labelledby="nightbook-first">
      <h2 id="nightbook-first">{__('Nothing is scheduled yet')}</h2>
      <ol className="nightbook-First-steps">
        {steps.map(([icon, title, text]) => (
          <li key={title}>
            <Icon name={icon} />
            <strong>{title}</strong>
            <span className="nightbook-faint">{text}</span>
          </li>
        ))}
      </ol>
      <p className="nightbook-faint">
        {__('From a terminal:')}{' '}
        <code className="nightbook-Code">nightbook run report.ipynb --wait</code>
      </p>
    </section>
  );
}

function Running({ running }: { running: readonly RunView[] }): JSX.Element {
  const { __ } = useWords();
  if (running.length === 0) {
    return <p className="nightbook-faint">{__('Nothing runs right now.')}</p>;
  }
  return (
    <ul className="nightbook-Rows" aria-label={__('Running now')}>
      {running.map(run => (
        <li key={run.id} className="nightbook-Row">
          <span className="nightbook-Row-main">
            <PlaceLink to={{ kind: 'run', id: run.id }}>
              {run.schedule_name ?? run.notebook.path}
            </PlaceLink>
            <CellsDone run={run} />
          </span>
          <Span start={run.started_at} end={run.finished_at} />
          <RunChip run={run} />
        </li>
      ))}
    </ul>
  );
}

function CellsDone({ run }: { run: RunView }): JSX.Element {
  const { __ } = useWords();
  const { cells_done: done, cells_total: total } = run;
  if (total === null) {
    return <span className="nightbook-faint">{__('the kernel is starting')}</span>;
  }
  return (
    <span className="nightbook-CellsDone nightbook-faint">
      <progress aria-label={__('Cells done')} max={total} value={done ?? 0} />
      {__('cell %1 of %2', Math.min((done ?? 0) + 1, total), total)}
    </span>
  );
}

function Next({ next }: { next: readonly GlanceView[] }): JSX.Element {
  const { __ } = useWords();
  if (next.length === 0) {
    return <p className="nightbook-faint">{__('Nothing is planned.')}</p>;
  }
  return (
    <ul className="nightbook-Rows" aria-label={__('Next')}>
      {next.slice(0, 6).map(schedule => (
        <li key={schedule.id} className="nightbook-Row">
          <span className="nightbook-Row-main">
            <PlaceLink to={{ kind: 'schedule', id: schedule.id }}>{schedule.name}</PlaceLink>
            <span className="nightbook-faint">{schedule.words}</span>
          </span>
          <Moment at={schedule.next_fire_at} relative />
        </li>
      ))}
    </ul>
  );
}
