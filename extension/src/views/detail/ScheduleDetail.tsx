/** One schedule: what it runs and when, what became of each fire time, and what can be done. */
import * as React from 'react';

import type {
  HookView,
  OccurrenceView,
  Page as PageOf,
  PreviewView,
  ScheduleView,
  StatsView
} from '../../tokens';
import { Action, Confirm, MoreButton } from '../parts/actions';
import { Icon } from '../parts/icons';
import { Moment } from '../parts/moments';
import { Empty, Loading } from '../parts/notices';
import { Card, Facts, Page } from '../parts/Page';
import { PlaceLink, usePlaces } from '../parts/places';
import { reasonWords } from '../parts/reasons';
import { ScheduleChip, StateChip } from '../parts/state';
import { type Column, Table } from '../parts/Table';
import { useWords } from '../parts/words';
import { FireTimes } from '../form/PreviewPart';
import { Tags } from '../lists/SchedulesList';
import { HookPart } from './HookPart';
import { GivenParameters } from './RunParts';
import { Standing } from './Standing';

export interface ScheduleDetailProps {
  schedule: ScheduleView;
  fireTimes: PreviewView | null;
  occurrences: PageOf<OccurrenceView> | null;
  /** How it has gone lately; null while that is being read. */
  stats: StatsView | null;
  runs: React.ReactNode;
  /** A newer version than the pinned one, where there is one. */
  newer: string | null;
  onRun(): Promise<unknown>;
  onPause(reason: string): Promise<unknown>;
  onResume(): Promise<unknown>;
  onEdit(): void;
  onDelete(): Promise<unknown>;
  onMoveOn(sha256: string): Promise<unknown>;
  onLatestGood(): Promise<unknown>;
  onMoreOccurrences(): Promise<unknown>;
  onMakeHook(): Promise<HookView | null>;
  onCloseHook(): Promise<unknown>;
}

export function ScheduleDetail(props: ScheduleDetailProps): JSX.Element {
  const { schedule } = props;
  const { __ } = useWords();
  return (
    <Page
      title={schedule.name}
      above={<ScheduleChip state={schedule.state} />}
      below={
        <>
          <p className="nightbook-Lead">{schedule.words}</p>
          {schedule.description && <p className="nightbook-Description">{schedule.description}</p>}
          <Tags tags={schedule.tags} />
        </>
      }
      actions={<ScheduleActions {...props} />}
    >
      <Notes {...props} />
      <Card title={__('How it goes')}>
        {props.stats ? <Standing stats={props.stats} /> : <Loading rows={3} />}
      </Card>
      <ScheduleFacts {...props} />
      <div className="nightbook-Columns">
        <Card title={__('Next fire times')}>
          <NextFireTimes {...props} />
        </Card>
        <Card title={__('Parameters')}>
          <GivenParameters run={schedule} />
        </Card>
      </div>
      {schedule.trigger.kind === 'event' && (
        <Card title={__('Hook')}>
          <HookPart schedule={schedule} onMake={props.onMakeHook} onClose={props.onCloseHook} />
        </Card>
      )}
      <Card title={__('Runs')}>{props.runs}</Card>
      <Card title={__('Fire times and what became of them')}>
        <Ledger {...props} />
      </Card>
    </Page>
  );
}

function ScheduleActions(props: ScheduleDetailProps): JSX.Element {
  const { schedule, onRun, onPause, onResume, onEdit, onDelete } = props;
  const { __ } = useWords();
  return (
    <>
      <Action label={__('Run now')} icon="play" tone="accept" onAct={onRun} />
      {schedule.state === 'active' ? (
        <Confirm
          label={__('Pause')}
          icon="pause"
          question={__('Pause this schedule?')}
          reason={__('Reason (optional)')}
          yes={__('Pause')}
          no={__('Keep active')}
          onConfirm={onPause}
        />
      ) : (
        <Action label={__('Resume')} icon="play" onAct={onResume} />
      )}
      <Action label={__('Edit')} onAct={onEdit} />
      <Confirm
        label={__('Delete')}
        question={__('Delete this schedule? Its runs stay.')}
        yes={__('Delete it')}
        no={__('Keep it')}
        onConfirm={onDelete}
      />
    </>
  );
}

function Notes({ schedule, newer, onMoveOn }: ScheduleDetailProps): JSX.Element {
  const { __ } = useWords();
  const paused = schedule.paused_by
    ? __('Paused by %1.', schedule.paused_by)
    : __('Paused: it does not fire.');
  return (
    <>
      {schedule.broken_reason && (
        <div className="nightbook-Notice nightbook-mod-bad" role="alert">
          <Icon name="warn" />
          <p>{schedule.broken_reason}</p>
        </div>
      )}
      {schedule.state === 'paused' && (
        <div className="nightbook-Notice nightbook-mod-warn" role="status">
          <Icon name="pause" />
          <p>{[paused, schedule.paused_reason].filter(Boolean).join(' ')}</p>
        </div>
      )}
      {newer && (
        <div className="nightbook-Notice nightbook-mod-calm" role="status">
          <Icon name="note" />
          <p>
            {__(
              'It runs version %1. A newer one is there.',
              schedule.notebook.sha256?.slice(0, 8) ?? ''
            )}
          </p>
          <Action label={__('Use the newest version')} onAct={() => onMoveOn(newer)} />
        </div>
      )}
    </>
  );
}

function ScheduleFacts({ schedule, onLatestGood }: ScheduleDetailProps): JSX.Element {
  const { __ } = useWords();
  const places = usePlaces();
  const last = schedule.last_run;
  const runbook = schedule.runbook_url;
  return (
    <Facts
      facts={[
        [__('Notebook'), schedule.notebook.path],
        [
          __('Version'),
          schedule.follows_latest ? (
            __('Always the latest')
          ) : (
            <code key="v">{schedule.notebook.sha256?.slice(0, 12)}</code>
          )
        ],
        [
          __('Last run'),
          last && (
            <PlaceLink to={{ kind: 'run', id: last.id }} className="nightbook-mod-quiet">
              <StateChip state={last.state} />
            </PlaceLink>
          )
        ],
        [
          __('Last good result'),
          last &&
            (places.href ? (
              <PlaceLink to={{ kind: 'reader', schedule: schedule.id }}>{__('Open')}</PlaceLink>
            ) : (
              <button type="button" className="nightbook-Link" onClick={() => void onLatestGood()}>
                {__('Open')}
              </button>
            ))
        ],
        [__('Owner'), schedule.owner],
        [__('Pool'), schedule.pool],
        [__('Kernel'), schedule.kernel ?? __('As in the notebook')],
        [__('Time limit'), __('%1 min', Math.round(schedule.timeout_seconds / 60))],
        [__('Retries'), String(schedule.retries)],
        [__('Not before'), schedule.start_at && <Moment at={schedule.start_at} />],
        [__('Not after'), schedule.end_at && <Moment at={schedule.end_at} />],
        [
          __('Runbook'),
          runbook && (
            <a className="nightbook-Link" href={runbook} target="_blank" rel="noreferrer noopener">
              {runbook}
            </a>
          )
        ]
      ]}
    />
  );
}

function NextFireTimes({ schedule, fireTimes }: ScheduleDetailProps): JSX.Element {
  const { __ } = useWords();
  if (schedule.trigger.kind === 'manual') {
    return <p className="nightbook-faint">{__('Runs only when somebody starts it.')}</p>;
  }
  if (schedule.state === 'paused') {
    return <p className="nightbook-faint">{__('None while it is paused.')}</p>;
  }
  if (schedule.trigger.kind === 'after' || schedule.trigger.kind === 'event') {
    return <p className="nightbook-faint">{schedule.words}</p>;
  }
  if (!fireTimes) {
    return <Loading rows={3} />;
  }
  if (fireTimes.fire_times.length === 0) {
    return <p className="nightbook-faint">{__('None any more.')}</p>;
  }
  const zone = 'timezone' in schedule.trigger ? schedule.trigger.timezone : undefined;
  return <FireTimes preview={fireTimes} zone={zone} />;
}

function Ledger({ occurrences, onMoreOccurrences }: ScheduleDetailProps): JSX.Element {
  const words = useWords();
  const { __ } = words;
  if (!occurrences || occurrences.items.length === 0) {
    return <Empty icon="calendar" title={__('It has not fired yet')} />;
  }
  const columns: Column<OccurrenceView>[] = [
    { title: __('Fire time'), cell: ({ fire_at }) => <Moment at={fire_at} /> },
    { title: __('State'), cell: ({ state }) => <StateChip state={state} /> },
    { title: __('Why'), cell: ({ reason }) => reasonWords(reason, words) },
    {
      title: __('Run'),
      cell: occurrence => <RunsOfFireTime occurrence={occurrence} />
    }
  ];
  return (
    <>
      <Table
        label={__('Fire times')}
        columns={columns}
        rows={occurrences.items}
        keyOf={({ run_id }) => run_id}
      />
      {occurrences.next_cursor && (
        <MoreButton shown={occurrences.items.length} onMore={onMoreOccurrences} />
      )}
    </>
  );
}

/** The run of a fire time, and the backfill that made up for it. */
function RunsOfFireTime({ occurrence }: { occurrence: OccurrenceView }): JSX.Element {
  const { __ } = useWords();
  const { run_id: run, state, backfill_run_id: backfill, backfill_state: made } = occurrence;
  return (
    <span className="nightbook-Links">
      {state !== 'skipped' && <PlaceLink to={{ kind: 'run', id: run }}>{__('Open run')}</PlaceLink>}
      {backfill && made && (
        <PlaceLink to={{ kind: 'run', id: backfill }} className="nightbook-mod-quiet">
          {__('made up for')} <StateChip state={made} />
        </PlaceLink>
      )}
      {state === 'skipped' && !backfill && '–'}
    </span>
  );
}
