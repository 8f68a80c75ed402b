/** Whether the chosen times are when runs start, or when their results must be ready. */
import * as React from 'react';

import { Check, Field } from '../parts/field';
import { useWords } from '../parts/words';
import type { Errors } from './draft';
import type { Timing } from './timing';

interface FinishPartProps {
  timing: Timing;
  errors: Errors;
  onChange(change: Partial<Timing>): void;
}

export function FinishPart({ timing, errors, onChange }: FinishPartProps): JSX.Element {
  const { __ } = useWords();
  return (
    <div className="nightbook-Finish">
      <Check
        label={__('The result must be ready by then')}
        help={__('The run starts early enough, by how long past runs took.')}
        checked={timing.finishBy}
        onChange={finishBy => onChange({ finishBy })}
      />
      {timing.finishBy && (
        <Field
          label={__('Start earlier by (minutes)')}
          help={__('Empty means by what past runs took, and 30 minutes until there are some.')}
          error={errors['trigger.margin_seconds']}
        >
          {input => (
            <input
              {...input}
              className="nightbook-Input"
              inputMode="decimal"
              value={timing.margin}
              onChange={event => onChange({ margin: event.target.value })}
            />
          )}
        </Field>
      )}
    </div>
  );
}
