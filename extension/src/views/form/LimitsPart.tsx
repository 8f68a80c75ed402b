/** How long a run may take and wait, and what is tried again after which failure. */
import * as React from 'react';

import { Check, Pills } from '../parts/field';
import { useWords } from '../parts/words';
import { Line, type MoreProps } from './MorePart';

export function LimitsPart(props: MoreProps): JSX.Element {
  const { __ } = useWords();
  return (
    <fieldset className="nightbook-Part">
      <legend>{__('Limits')}</legend>
      <div className="nightbook-Grid">
        <Line
          {...props}
          of="timeoutMinutes"
          field="timeout_seconds"
          label={__('Time limit of a run (minutes)')}
        />
        <Line
          {...props}
          of="cellTimeoutMinutes"
          field="cell_timeout_seconds"
          label={__('Time limit of a cell (minutes)')}
          help={__('Empty means no limit of its own.')}
        />
        <Line
          {...props}
          of="expireHours"
          field="expire_after_seconds"
          label={__('Give up when it has not started within (hours)')}
          help={__('Empty means it waits for a worker for ever.')}
        />
        <Line
          {...props}
          of="priority"
          field="priority"
          label={__('Priority')}
          help={__('0 to 100; higher goes first within a pool.')}
        />
      </div>
    </fieldset>
  );
}

/** Two budgets: the user's own, by kind of failure, and the platform's, which costs the user nothing. */
export function RetriesPart(props: MoreProps): JSX.Element {
  const { __ } = useWords();
  const { draft, onChange } = props;
  const retries = Number(draft.retries) > 0;
  return (
    <fieldset className="nightbook-Part">
      <legend>{__('Retries')}</legend>
      <div className="nightbook-Grid">
        <Line
          {...props}
          of="retries"
          field="retries"
          label={__('Retries after a failure')}
          help={__('Each retry runs the whole notebook again.')}
        />
        {retries && (
          <Line
            {...props}
            of="retryDelayMinutes"
            field="retry_delay_seconds"
            label={__('Wait before the first (minutes)')}
            help={__('Before each later one twice as long, up to ten times.')}
          />
        )}
      </div>
      {retries && <KindsField {...props} />}
      <Check
        label={__('Run again when a worker is lost')}
        help={__('Only safe where running a cell twice does no harm.')}
        checked={draft.retryOnWorkerLoss}
        onChange={retryOnWorkerLoss => onChange({ retryOnWorkerLoss })}
      />
      <p className="nightbook-Field-help">
        {__('What fails before the first cell for no fault of the notebook is tried again anyway.')}
      </p>
    </fieldset>
  );
}

function KindsField({ draft, errors, onChange }: MoreProps): JSX.Element {
  const { __ } = useWords();
  return (
    <Pills
      label={__('Retry when')}
      options={[
        ['code', __('A cell raised an error')],
        ['kernel_died', __('The kernel died')],
        ['out_of_memory', __('The memory was used up')],
        ['timeout', __('A time limit was reached')]
      ]}
      chosen={draft.retryOn}
      error={errors.retry_on}
      onChange={retryOn => onChange({ retryOn })}
    />
  );
}
