/** What most people leave as it is: where to run, limits, policies, words about the schedule. */
import * as React from 'react';

import type { KernelView, PoolView, Words } from '../../tokens';
import { Check, Choice, Field } from '../parts/field';
import { useWords } from '../parts/words';
import type { Draft, Errors } from './draft';
import { hasZone } from './timing';

export interface MoreProps {
  draft: Draft;
  errors: Errors;
  pools: PoolView[];
  kernels: KernelView[];
  ownKernel: string | null;
  editing: boolean;
  onChange(change: Partial<Draft>): void;
}

export function PlacePart(props: MoreProps): JSX.Element {
  const words = useWords();
  const { __ } = words;
  const { draft, errors, onChange } = props;
  return (
    <fieldset className="nightbook-Part">
      <legend>{__('Where')}</legend>
      <div className="nightbook-Grid">
        <Field label={__('Pool')} error={errors.pool} help={poolHelp(props, words)}>
          {input => (
            <Choice
              input={input}
              value={draft.pool}
              options={poolOptions(props)}
              onChange={pool => onChange({ pool })}
            />
          )}
        </Field>
        <Field label={__('Kernel')} error={errors.kernel}>
          {input => (
            <Choice
              input={input}
              value={draft.kernel}
              options={kernelOptions(props, words)}
              onChange={kernel => onChange({ kernel })}
            />
          )}
        </Field>
      </div>
    </fieldset>
  );
}

function poolOptions({ pools, draft }: MoreProps): [string, string][] {
  const names = new Set([...pools.map(({ name }) => name), draft.pool]);
  return [...names].map(name => [name, name]);
}

function poolHelp({ pools, draft }: MoreProps, { __, _n }: Words): string {
  const pool = pools.find(({ name }) => name === draft.pool);
  if (!pool || pool.workers === 0) {
    return __('No worker serves this pool now: runs wait until one does.');
  }
  return _n(
    '%1 worker, %2 free slots.',
    '%1 workers, %2 free slots.',
    pool.workers,
    pool.free_slots
  );
}

function kernelOptions(
  { kernels, draft, ownKernel }: MoreProps,
  { __ }: Words
): [string, string][] {
  const own = ownKernel ? __('As in the notebook (%1)', ownKernel) : __('As in the notebook');
  const here = kernels.filter(({ pools }) => pools.length === 0 || pools.includes(draft.pool));
  const options = here.map(({ name, display_name }): [string, string] => [
    name,
    `${display_name} (${name})`
  ]);
  if (draft.kernel && !options.some(([name]) => name === draft.kernel)) {
    options.push([draft.kernel, draft.kernel]);
  }
  return [['', own], ...options];
}

type TextKey =
  | 'timeoutMinutes'
  | 'cellTimeoutMinutes'
  | 'retries'
  | 'retryDelayMinutes'
  | 'expireHours'
  | 'priority'
  | 'tags'
  | 'runbookUrl'
  | 'startAt'
  | 'endAt'
  | 'holidays'
  | 'excludeDates'
  | 'jitterMinutes'
  | 'maxRuns'
  | 'pauseAfter';

interface LineProps extends MoreProps {
  of: TextKey;
  field: string;
  label: string;
  help?: string;
  type?: string;
}

export function Line({
  draft,
  errors,
  onChange,
  of,
  field,
  label,
  help,
  type = 'text'
}: LineProps): JSX.Element {
  return (
    <Field label={label} help={help} error={errors[field]}>
      {input => (
        <input
          {...input}
          className="nightbook-Input"
          type={type}
          value={draft[of]}
          onChange={event => onChange({ [of]: event.target.value })}
        />
      )}
    </Field>
  );
}

export function PoliciesPart(props: MoreProps): JSX.Element {
  const { __ } = useWords();
  const { draft, errors, onChange } = props;
  const overlaps: [Draft['overlap'], string][] = [
    ['skip', __('Skip the new one')],
    ['queue_one', __('Queue one; the newest wins')],
    ['queue_all', __('Queue all')],
    ['cancel_previous', __('Cancel the previous one')],
    ['allow', __('Run side by side')]
  ];
  const catchUps: [Draft['catchUp'], string][] = [
    ['latest', __('Run the latest missed one')],
    ['all', __('Run all missed ones')],
    ['none', __('Run none of them')]
  ];
  return (
    <fieldset className="nightbook-Part">
      <legend>{__('Policies')}</legend>
      <div className="nightbook-Grid">
        <Field label={__('If the previous run is still running')} error={errors.overlap}>
          {input => (
            <Choice
              input={input}
              value={draft.overlap}
              options={overlaps}
              onChange={overlap => onChange({ overlap })}
            />
          )}
        </Field>
        <Field label={__('After downtime or a pause')} error={errors.catch_up}>
          {input => (
            <Choice
              input={input}
              value={draft.catchUp}
              options={catchUps}
              onChange={catchUp => onChange({ catchUp })}
            />
          )}
        </Field>
        <Line
          {...props}
          of="startAt"
          field="start_at"
          label={__('Not before')}
          type="datetime-local"
        />
        <Line {...props} of="endAt" field="end_at" label={__('Not after')} type="datetime-local" />
        <Line
          {...props}
          of="maxRuns"
          field="max_runs"
          label={__('At most so many runs')}
          help={__('Empty means for ever.')}
        />
        <Line
          {...props}
          of="pauseAfter"
          field="pause_after_failures"
          label={__('Pause after failures in a row')}
          help={__('Empty means never.')}
        />
      </div>
      <ClockChanges {...props} />
    </fieldset>
  );
}

function ClockChanges({ draft, onChange }: MoreProps): JSX.Element | null {
  const { __ } = useWords();
  const { timing } = draft;
  if (timing.preset === 'once' || !hasZone(timing.preset)) {
    return null;
  }
  return (
    <div className="nightbook-Grid">
      <Field label={__('When clocks skip this time')}>
        {input => (
          <Choice
            input={input}
            value={timing.dstGap}
            options={[
              ['run_after', __('Run right after the gap')],
              ['skip', __('Leave this one out')]
            ]}
            onChange={dstGap => onChange({ timing: { ...timing, dstGap } })}
          />
        )}
      </Field>
      <Field label={__('When clocks show this time twice')}>
        {input => (
          <Choice
            input={input}
            value={timing.dstFold}
            options={[
              ['first', __('Run the first time')],
              ['second', __('Run the second time')],
              ['both', __('Run both times')]
            ]}
            onChange={dstFold => onChange({ timing: { ...timing, dstFold } })}
          />
        )}
      </Field>
    </div>
  );
}

export function AboutPart(props: MoreProps): JSX.Element {
  const { __ } = useWords();
  const { draft, errors, editing, onChange } = props;
  return (
    <fieldset className="nightbook-Part">
      <legend>{__('About this schedule')}</legend>
      <Field label={__('Description')} error={errors.description} wide>
        {input => (
          <textarea
            {...input}
            className="nightbook-Input"
            rows={2}
            maxLength={10_000}
            value={draft.description}
            onChange={event => onChange({ description: event.target.value })}
          />
        )}
      </Field>
      <div className="nightbook-Grid">
        <Line
          {...props}
          of="tags"
          field="tags"
          label={__('Tags')}
          help={__('Separated by commas.')}
        />
        <Line
          {...props}
          of="runbookUrl"
          field="runbook_url"
          label={__('Runbook')}
          help={__('The page that says what to do when it fails.')}
        />
      </div>
      {!editing && (
        <Check
          label={__('Start paused')}
          checked={draft.paused}
          onChange={paused => onChange({ paused })}
        />
      )}
    </fieldset>
  );
}
