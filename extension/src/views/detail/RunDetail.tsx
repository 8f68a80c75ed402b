/** One run: how it stands and why, its cells as they go, what it left, and what can be done next. */
import * as React from 'react';

import type { LivePicture } from '../../model';
import {
  type ArtifactView,
  type CellView,
  isFinal,
  isRed,
  type RunView,
  type UsualView
} from '../../tokens';
import { Action, Confirm } from '../parts/actions';
import { Icon } from '../parts/icons';
import { Moment, Span, utcWords } from '../parts/moments';
import { Loading } from '../parts/notices';
import { Facts, Page } from '../parts/Page';
import { PlaceLink } from '../parts/places';
import { classWords, RunChip, toneOf, whyLine } from '../parts/state';
import { type Tab, Tabs } from '../parts/Tabs';
import { useWords } from '../parts/words';
import { Tags } from '../lists/SchedulesList';
import { ArtifactsPart, type AskBytes } from './ArtifactsPart';
import { AttemptsPart } from './AttemptsPart';
import { Failure, type FailureProps } from './Failure';
import { leadWords } from './lead';
import { Progress } from './Progress';
import { GivenParameters, LogPart } from './RunParts';
import { Timeline } from './Timeline';

export interface RunDetailProps extends Pick<
  FailureProps,
  'onRepair' | 'onCompareGood' | 'onDebug'
> {
  onShowCell(index: number): void;
  run: RunView;
  /** Null while they are being read, as the two below. */
  cells: readonly CellView[] | null;
  live: LivePicture;
  artifacts: readonly ArtifactView[] | null;
  log: string | null;
  /** The executed notebook, where the shell shows it in place. */
  notebook?: React.ReactNode;
  /** The form of "run again", while it is open. */
  rerun: React.ReactNode | null;
  tab: string;
  onTab(tab: string): void;
  onRerun(): void;
  onCompare(): void;
  /** The choice of another run, while it is open. */
  compare: React.ReactNode | null;
  onCancel(reason: string): Promise<unknown>;
  onOpenNotebook?(): void;
  /** The forms of the executed copy, once there is one. */
  download?: React.ReactNode;
  /** How long a run like this one takes as a rule. */
  usual?: UsualView | null;
  /** The cell that is to be brought before the eye. */
  focus?: number | null;
  /** What a cell of a run that is over printed. */
  outputsOf?(index: number): React.ReactNode;
  onBytes?: AskBytes;
  proof?: React.ReactNode;
  lineage?: React.ReactNode;
}

export function RunDetail(props: RunDetailProps): JSX.Element {
  const { run, rerun } = props;
  const words = useWords();
  const { __ } = words;
  return (
    <Page
      title={run.notebook.path.replace(/^.*\//, '')}
      above={<RunChip run={run} />}
      below={
        <>
          <p
            className="nightbook-Lead"
            title={run.finished_at ? utcWords(run.finished_at) : undefined}
          >
            {leadWords(run, words)}
          </p>
          {run.notebook.path.includes('/') && <p className="nightbook-Path">{run.notebook.path}</p>}
          <Tags tags={run.tags} />
        </>
      }
      actions={<RunActions {...props} />}
    >
      {isRed(run) ? <Failure {...props} cells={props.cells ?? []} /> : <Why run={run} />}
      <Progress run={run} cells={props.cells ?? []} live={props.live} usual={props.usual ?? null} />
      {rerun && (
        <section className="nightbook-Card" aria-label={__('Run again')}>
          <div className="nightbook-Card-head">
            <h2>{__('Run again with changed parameters')}</h2>
          </div>
          {rerun}
        </section>
      )}
      {props.compare}
      <RunFacts run={run} />
      <RunTabs {...props} />
      {props.lineage}
    </Page>
  );
}

function RunActions({
  run,
  rerun,
  compare,
  onRerun,
  onCompare,
  onCancel,
  onOpenNotebook,
  download
}: RunDetailProps): JSX.Element {
  const { __ } = useWords();
  const canCancel = !isFinal(run.state) && !run.cancelling_since;
  return (
    <>
      {onOpenNotebook && <Action label={__('Open notebook')} icon="book" onAct={onOpenNotebook} />}
      {download}
      {!rerun && (
        <Action
          label={__('Run again…')}
          title={__('Run again, with changed parameters if you like')}
          icon="again"
          onAct={onRerun}
        />
      )}
      {!compare && run.started_at && (
        <Action
          label={__('Compare…')}
          title={__('Compare with another run')}
          icon="compare"
          onAct={onCompare}
        />
      )}
      {canCancel && (
        <Confirm
          label={__('Cancel run')}
          icon="stop"
          question={__('Stop this run? What it has done so far is kept.')}
          reason={__('Reason (optional)')}
          yes={__('Stop it')}
          no={__('Keep running')}
          onConfirm={onCancel}
        />
      )}
    </>
  );
}

function Why({ run }: { run: RunView }): JSX.Element | null {
  const words = useWords();
  const why = whyLine(run, words);
  if (!why) {
    return null;
  }
  const tone = isFinal(run.state) ? toneOf(run.state) : 'calm';
  return (
    <div className={`nightbook-Notice nightbook-mod-${tone}`} role="status">
      <Icon name={tone === 'bad' ? 'warn' : 'note'} />
      <p>{why}</p>
    </div>
  );
}

function RunFacts({ run }: { run: RunView }): JSX.Element {
  const words = useWords();
  const { __ } = words;
  const kinds = {
    scheduled: __('A schedule'),
    manual: __('By hand'),
    rerun: __('Re-run'),
    backfill: __('Backfill')
  };
  const { schedule_id: schedule, rerun_of: parent } = run;
  return (
    <Facts
      facts={[
        [__('Started'), <Moment key="s" at={run.started_at} otherwise={__('not yet')} />],
        [
          isFinal(run.state) ? __('Took') : __('Running for'),
          <Span key="t" start={run.started_at} end={run.finished_at} />
        ],
        [__('Kind of failure'), run.class && !isRed(run) ? classWords(run.class, words) : null],
        [__('Fire time'), run.fire_at && <Moment at={run.fire_at} />],
        [
          __('Schedule'),
          schedule && (
            <PlaceLink to={{ kind: 'schedule', id: schedule }}>
              {run.schedule_name ?? __('Open')}
            </PlaceLink>
          )
        ],
        [__('Started by'), `${kinds[run.trigger]} · ${run.triggered_by}`],
        [
          __('Re-run of'),
          parent && <PlaceLink to={{ kind: 'run', id: parent }}>{__('its parent run')}</PlaceLink>
        ],
        [__('Pool'), run.pool],
        [__('Kernel'), run.kernel],
        [__('Version'), <code key="v">{run.notebook.sha256?.slice(0, 12)}</code>],
        [__('Note'), run.note]
      ]}
    />
  );
}

function RunTabs(props: RunDetailProps): JSX.Element {
  const { run, cells, live, artifacts, log, notebook, tab, onTab } = props;
  const { __ } = useWords();
  const tabs: Tab[] = [
    ...(notebook ? [{ key: 'notebook', title: __('Notebook'), content: () => notebook }] : []),
    {
      key: 'cells',
      title: __('Cells'),
      content: () =>
        cells ? (
          <Timeline
            cells={cells}
            live={live}
            running={!isFinal(run.state)}
            usual={props.usual}
            focus={props.focus}
            outputsOf={props.outputsOf}
            afterFailed={<ParametersOfFailure run={run} />}
          />
        ) : (
          <Loading />
        )
    },
    {
      key: 'log',
      title: __('Log'),
      content: () => (log === null ? <Loading /> : <LogPart text={log} />)
    },
    {
      key: 'artifacts',
      title: __('Artifacts'),
      count: artifacts?.length || undefined,
      content: () =>
        artifacts ? (
          <ArtifactsPart run={run.id} artifacts={artifacts} onBytes={props.onBytes} />
        ) : (
          <Loading />
        )
    },
    {
      key: 'parameters',
      title: __('Parameters'),
      count: Object.keys(run.parameters).length || undefined,
      content: () => <GivenParameters run={run} />
    },
    {
      key: 'attempts',
      title: __('Attempts'),
      count: run.attempts.length > 1 ? run.attempts.length : undefined,
      content: () => <AttemptsPart attempts={run.attempts} />
    },
    ...(props.proof ? [{ key: 'proof', title: __('Proof'), content: () => props.proof }] : [])
  ];
  return <Tabs label={__('What the run left')} tabs={tabs} chosen={tab} onChoose={onTab} />;
}

/** The failed cell is read beside what it was given. */
function ParametersOfFailure({ run }: { run: RunView }): JSX.Element {
  const { __ } = useWords();
  return (
    <section className="nightbook-GivenHere" aria-label={__('Parameters of this run')}>
      <p className="nightbook-faint">{__('Parameters of this run')}</p>
      <GivenParameters run={run} />
    </section>
  );
}
