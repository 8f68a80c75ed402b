/** The side panel: schedules and latest runs of the notebook that is open. */
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import { SidePanel } from '@jupyterlab/ui-components';
import { Panel } from '@lumino/widgets';
import * as React from 'react';

import { sources } from '../model';
import type { RunView, ScheduleView } from '../tokens';
import { RecentRuns } from '../views/charts/RecentRuns';
import { Action } from '../views/parts/actions';
import { Moment, Span } from '../views/parts/moments';
import { Empty, Loaded } from '../views/parts/notices';
import { PlaceLink } from '../views/parts/places';
import { RunChip, ScheduleChip, whyLine } from '../views/parts/state';
import { useWords } from '../views/parts/words';
import { ChangedNotebookBadge } from '../views/screens/ChangesNote';
import { useModel, useResource, useRetry } from '../views/screens/state';
import { runsIcon } from './icons';
import { type Nightbook, NightbookWidget } from './nightbook';
import { serverPath } from './snapshot';

export interface NotebookActs {
  schedule(): void;
  runNow(): void;
}

class NotebookRuns extends NightbookWidget {
  constructor(
    nightbook: Nightbook,
    private readonly _pathOf: (panel: NotebookPanel) => string | null,
    private readonly _acts: NotebookActs
  ) {
    super(nightbook);
    this.addClass('nightbook-Side');
  }

  set panel(panel: NotebookPanel | null) {
    this._panel?.context.pathChanged.disconnect(this._refresh, this);
    this._panel = panel && !panel.isDisposed ? panel : null;
    this._panel?.context.pathChanged.connect(this._refresh, this);
    this._refresh();
  }

  /** Nothing is asked of the server while nobody looks. */
  set isShown(shown: boolean) {
    this._isShown = shown;
    this._refresh();
  }

  protected override render(): JSX.Element {
    return this._isShown ? super.render() : <></>;
  }

  protected view(): JSX.Element {
    const path = this._panel && this._pathOf(this._panel);
    return path ? <OfNotebook key={path} path={path} acts={this._acts} /> : <NoNotebook />;
  }

  private _refresh(): void {
    this.update();
  }

  private _panel: NotebookPanel | null = null;
  private _isShown = false;
}

export class NotebookRunsPanel extends SidePanel {
  constructor(
    nightbook: Nightbook,
    tracker: INotebookTracker,
    contents: Contents.IManager,
    acts: NotebookActs
  ) {
    super({ content: new Panel() });
    const { __ } = nightbook.words;
    this.id = 'nightbook-runs-of-notebook';
    this.title.icon = runsIcon;
    this.title.caption = __('Runs of this notebook');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', __('Runs of this notebook'));
    this._runs = new NotebookRuns(
      nightbook,
      panel => serverPath(contents, panel.context.path),
      acts
    );
    this.addWidget(this._runs);
    this._runs.panel = tracker.currentWidget;
    tracker.currentChanged.connect((_, panel) => (this._runs.panel = panel));
  }

  protected override onAfterShow(): void {
    this._runs.isShown = true;
  }

  protected override onAfterHide(): void {
    this._runs.isShown = false;
  }

  private readonly _runs: NotebookRuns;
}

function NoNotebook(): JSX.Element {
  const { __ } = useWords();
  return (
    <Empty icon="book" title={__('No notebook is open')}>
      {__('Open one to see its schedules and runs.')}
    </Empty>
  );
}

function OfNotebook({ path, acts }: { path: string; acts: NotebookActs }): JSX.Element {
  const { __ } = useWords();
  const model = useModel();
  const ofRuns = sources.runs({ notebook: path });
  const schedules = useResource(sources.schedules({ notebook: path }));
  const runs = useResource(ofRuns);
  return (
    <>
      <div className="nightbook-Side-head">
        <h2 title={path}>{path.replace(/^.*\//, '')}</h2>
        <div className="nightbook-Side-acts">
          <Action label={__('Schedule')} icon="calendar" onAct={acts.schedule} />
          <Action label={__('Run now')} icon="play" onAct={acts.runNow} />
        </div>
      </div>
      <section aria-label={__('Schedules')}>
        <h3>{__('Schedules')}</h3>
        <Loaded resource={schedules} onRetry={useRetry()} rows={1}>
          {({ items }) => <Schedules schedules={items} />}
        </Loaded>
      </section>
      <section aria-label={__('Runs')}>
        <h3>{__('Runs')}</h3>
        <Loaded resource={runs} onRetry={useRetry()}>
          {({ items, next_cursor }) => (
            <>
              <Runs runs={items} />
              {next_cursor && (
                <Action label={__('Load more')} icon="down" onAct={() => model.more(ofRuns)} />
              )}
            </>
          )}
        </Loaded>
      </section>
    </>
  );
}

function Schedules({ schedules }: { schedules: readonly ScheduleView[] }): JSX.Element {
  const { __ } = useWords();
  if (schedules.length === 0) {
    return <p className="nightbook-faint">{__('Not scheduled.')}</p>;
  }
  return (
    <ul className="nightbook-Side-rows">
      {schedules.map(schedule => (
        <li key={schedule.id}>
          <ScheduleChip state={schedule.state} />
          <div className="nightbook-Name">
            <PlaceLink to={{ kind: 'schedule', id: schedule.id }}>{schedule.name}</PlaceLink>
            <span className="nightbook-Name-line">
              {schedule.next_fire_at ? (
                <>
                  {__('Next:')} <Moment at={schedule.next_fire_at} />
                </>
              ) : (
                schedule.words
              )}
            </span>
            <RecentRuns runs={schedule.newest_runs} />
          </div>
          <ChangedNotebookBadge schedule={schedule} />
        </li>
      ))}
    </ul>
  );
}

function Runs({ runs }: { runs: readonly RunView[] }): JSX.Element {
  const words = useWords();
  if (runs.length === 0) {
    return <p className="nightbook-faint">{words.__('It has not run yet.')}</p>;
  }
  return (
    <ul className="nightbook-Side-rows">
      {runs.map(run => (
        <li key={run.id}>
          <RunChip run={run} />
          <div className="nightbook-Name">
            <PlaceLink to={{ kind: 'run', id: run.id }}>
              <Moment at={run.started_at ?? run.created_at} />
            </PlaceLink>
            <span className="nightbook-Name-line">
              <Span start={run.started_at} end={run.finished_at} />
              {whyLine(run, words) && ` · ${whyLine(run, words)}`}
            </span>
          </div>
        </li>
      ))}
    </ul>
  );
}
