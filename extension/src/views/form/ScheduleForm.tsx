/** The form: a notebook, its parameters, when to run it; one button schedules, the other runs now. */
import * as React from 'react';

import type {
  Finding,
  KernelView,
  ParameterList,
  PoolView,
  Refusal,
  RunDraft,
  ScheduleDraft,
  SchedulePatch,
  ScheduleView
} from '../../tokens';
import { Choice, Field } from '../parts/field';
import { Icon } from '../parts/icons';
import { useWords } from '../parts/words';
import { DaysOffPart } from './DaysOffPart';
import {
  changedDraft,
  type Changes,
  changesWith,
  daysOffOf,
  type Draft,
  draftOf,
  editable,
  errorsOf,
  type Given,
  newDraft,
  patchOf,
  ruleOf,
  runDraftOf,
  scheduleDraftOf,
  testDraftOf
} from './draft';
import type { Neighbours } from './CausesPart';
import { Findings } from './Findings';
import { LimitsPart, RetriesPart } from './LimitsPart';
import { AboutPart, type MoreProps, PlacePart, PoliciesPart } from './MorePart';
import { ParametersPart } from './ParametersPart';
import { type AskPreview, PreviewPart, usePreview } from './PreviewPart';
import type { AskRule } from './RulePart';
import { isSayable, timingErrors, triggerOf } from './timing';
import { TimingPart } from './TimingPart';
import { type Act, useDraft } from './useDraft';

export interface ScheduleFormProps {
  notebook: { path: string; sha256: string };
  parameters: ParameterList;
  findings: readonly Finding[];
  pools: PoolView[];
  kernels: KernelView[];
  /** The kernel that the notebook names. */
  notebookKernel?: string | null;
  /** The schedule being edited; without it the form makes a new one. */
  schedule?: ScheduleView;
  /** The zone proposed for a new schedule; the browser's own where none is given. */
  zone?: string;
  /** The other schedules that this one may follow. */
  neighbours?: Neighbours;
  onPreview: AskPreview;
  /** Reads a calendar's rule; without it none can be pasted. */
  onRule?: AskRule;
  onSchedule?(draft: ScheduleDraft): Promise<Refusal | null>;
  onSave?(patch: SchedulePatch): Promise<Refusal | null>;
  onRun?(draft: RunDraft): Promise<Refusal | null>;
  /** Runs it once, to be watched in place. */
  onTest?(draft: RunDraft): Promise<Refusal | null>;
  /** The test run that was started last. */
  test?: React.ReactNode;
  onCancel?(): void;
  /** Holds what was changed and not saved, for the form of another version that takes this one's place. */
  changes?: React.MutableRefObject<Changes>;
}

export function ScheduleForm(props: ScheduleFormProps): JSX.Element {
  const words = useWords();
  const { __ } = words;
  const { notebook, parameters: declared, schedule } = props;
  const given: Given = { ...notebook, declared, schedule };
  const [before] = React.useState<Draft>(() =>
    schedule ? draftOf(schedule, declared) : newDraft(notebook.path, declared, props.zone)
  );
  const { changes } = props;
  const state = useDraft(changes ? changedDraft(before, changes.current) : before, given);
  const { draft } = state;
  const change = (part: Changes) => {
    if (changes) {
      changes.current = changesWith(changes.current, part, before);
    }
    state.change(part);
  };
  const trigger =
    Object.keys(timingErrors(draft.timing, words)).length === 0 ? triggerOf(draft.timing) : null;
  const faults = errorsOf(draft, given, words);
  const areDaysSound = !faults.holidays && !faults.exclude_dates;
  const wish = trigger && { trigger, ...(areDaysSound ? daysOffOf(draft) : {}) };
  const previewed = usePreview(wish, props.onPreview);
  const errors = { ...triggerFaults(previewed.refusal, draft), ...state.errors };
  const more: MoreProps = {
    draft,
    errors,
    pools: props.pools,
    kernels: props.kernels,
    ownKernel: props.notebookKernel ?? null,
    editing: schedule !== undefined,
    onChange: change
  };
  const send = (current: Draft): Promise<Refusal | null> => {
    if (props.schedule && props.onSave) {
      return props.onSave(patchOf(current, given, before, words));
    }
    return props.onSchedule?.(scheduleDraftOf(current, given, words)) ?? Promise.resolve(null);
  };
  const run = () => state.submit('run', now => props.onRun!(runDraftOf(now, given, words)));
  const test = () => state.submit('test', now => props.onTest!(testDraftOf(now, given, words)));
  return (
    <form
      ref={state.form}
      className="nightbook-Form"
      noValidate
      aria-label={schedule ? __('Edit schedule') : __('Schedule a notebook')}
      onSubmit={event => {
        event.preventDefault();
        void state.submit('schedule', send);
      }}
    >
      <Refused refusal={state.refusal} />
      <Findings findings={props.findings} />
      <NotebookPart {...more} path={notebook.path} sha256={notebook.sha256} />
      <ParametersPart
        declared={declared}
        entries={draft.parameters}
        errors={errors}
        onEntry={(name, entry) => change({ parameters: { ...draft.parameters, [name]: entry } })}
      />
      <TimingPart
        timing={draft.timing}
        errors={errors}
        neighbours={props.neighbours}
        askRule={props.onRule}
        onRule={read => change(ruleOf(read, draft))}
        parameters={editable(declared).map(({ name }) => name)}
        onChange={part => change({ timing: { ...draft.timing, ...part } })}
      >
        {schedule && !isSayable(schedule.trigger) && (
          <p className="nightbook-Field-help">{__('Now: %1', schedule.words)}</p>
        )}
        <PreviewPart trigger={trigger} previewed={previewed} />
      </TimingPart>
      <details className="nightbook-MoreOptions">
        <summary>{__('More options')}</summary>
        <PlacePart {...more} />
        <LimitsPart {...more} />
        <RetriesPart {...more} />
        <PoliciesPart {...more} />
        <DaysOffPart {...more} />
        <AboutPart {...more} />
      </details>
      {props.test}
      <Buttons
        {...props}
        busy={state.busy}
        onRunNow={() => void run()}
        onTestNow={() => void test()}
      />
    </form>
  );
}

/** The server's word on the trigger is shown where the person chose it. */
function triggerFaults(refusal: Refusal | null, draft: Draft): Record<string, string> {
  if (!refusal) {
    return {};
  }
  const { holidays, exclude_dates: dates } = refusal.byField;
  if (holidays || dates) {
    return { ...(holidays ? { holidays } : {}), ...(dates ? { exclude_dates: dates } : {}) };
  }
  const message = Object.values(refusal.byField)[0] ?? refusal.message;
  return { [draft.timing.preset === 'cron' ? 'trigger.expression' : 'trigger']: message };
}

function Refused({ refusal }: { refusal: Refusal | null }): JSX.Element | null {
  if (!refusal) {
    return null;
  }
  return (
    <div className="nightbook-Notice nightbook-mod-bad" role="alert" tabIndex={-1} data-refusal>
      <Icon name="warn" />
      <p>{refusal.message}</p>
    </div>
  );
}

interface NotebookPartProps extends MoreProps {
  path: string;
  sha256: string;
}

function NotebookPart({ draft, errors, onChange, path, sha256 }: NotebookPartProps): JSX.Element {
  const { __ } = useWords();
  return (
    <fieldset className="nightbook-Part">
      <legend>{__('Notebook')}</legend>
      <p className="nightbook-NotebookName">
        <Icon name="book" />
        <span>{path}</span>
      </p>
      <div className="nightbook-Grid">
        <Field label={__('Name of the schedule')} error={errors.name} required>
          {input => (
            <input
              {...input}
              className="nightbook-Input"
              maxLength={200}
              value={draft.name}
              onChange={event => onChange({ name: event.target.value })}
            />
          )}
        </Field>
        <Field label={__('Version')} error={errors.notebook}>
          {input => (
            <Choice
              input={input}
              value={draft.follow}
              options={[
                ['pinned', __('This version (%1)', sha256.slice(0, 8))],
                ['latest', __('Always the latest uploaded')]
              ]}
              onChange={follow => onChange({ follow })}
            />
          )}
        </Field>
      </div>
    </fieldset>
  );
}

interface ButtonsProps extends ScheduleFormProps {
  busy: Act | null;
  onRunNow(): void;
  onTestNow(): void;
}

function Buttons(props: ButtonsProps): JSX.Element {
  const { schedule, busy, onRun, onRunNow, onTest, onTestNow, onCancel } = props;
  const { __ } = useWords();
  return (
    <div className="nightbook-Form-buttons">
      <button
        type="submit"
        className="nightbook-Button nightbook-mod-accept"
        disabled={busy !== null}
        aria-busy={busy === 'schedule'}
      >
        <Icon name={busy === 'schedule' ? 'spinner' : 'calendar'} />
        {schedule ? __('Save') : __('Schedule')}
      </button>
      {onTest && (
        <button
          type="button"
          className="nightbook-Button"
          disabled={busy !== null}
          aria-busy={busy === 'test'}
          title={__('Run it once on this pool and watch it here')}
          onClick={onTestNow}
        >
          <Icon name={busy === 'test' ? 'spinner' : 'check'} />
          {__('Test run')}
        </button>
      )}
      {onRun && (
        <button
          type="button"
          className="nightbook-Button"
          disabled={busy !== null}
          aria-busy={busy === 'run'}
          onClick={onRunNow}
        >
          <Icon name={busy === 'run' ? 'spinner' : 'play'} />
          {__('Run now')}
        </button>
      )}
      {onCancel && (
        <button type="button" className="nightbook-Button" onClick={onCancel}>
          {__('Cancel')}
        </button>
      )}
    </div>
  );
}
