/** The days on which it does not run, and how often it may. */
import * as React from 'react';

import { Choice, Field } from '../parts/field';
import { useWords } from '../parts/words';
import { type Draft, hasJitter } from './draft';
import { Line, type MoreProps } from './MorePart';
import { isTimed } from './timing';

/** Days are those of a clock somewhere; what waits for something else has none. */
export function DaysOffPart(props: MoreProps): JSX.Element | null {
  const { __ } = useWords();
  const { draft, errors, onChange } = props;
  if (!isTimed(draft.timing.preset)) {
    return null;
  }
  const moves: [Draft['onExcluded'], string][] = [
    ['skip', __('Leave it out')],
    ['next_business_day', __('Run on the next business day')],
    ['previous_business_day', __('Run on the business day before')]
  ];
  return (
    <fieldset className="nightbook-Part">
      <legend>{__('Days off')}</legend>
      <div className="nightbook-Grid">
        <Line
          {...props}
          of="holidays"
          field="holidays"
          label={__('Holidays of')}
          help={__('A country (DE), a part of one (DE-BE), or a market (XNYS).')}
        />
        <Line
          {...props}
          of="excludeDates"
          field="exclude_dates"
          label={__('Other days off')}
          help={__('Dates such as 2026-12-24, separated by commas.')}
        />
        <Field label={__('What falls on a day off')} error={errors.on_excluded}>
          {input => (
            <Choice
              input={input}
              value={draft.onExcluded}
              options={moves}
              onChange={onExcluded => onChange({ onExcluded })}
            />
          )}
        </Field>
        {hasJitter(draft) && (
          <Line
            {...props}
            of="jitterMinutes"
            field="jitter_seconds"
            label={__('Spread the start over (minutes)')}
            help={__('Each run starts up to that much later, so that not all start at once.')}
          />
        )}
      </div>
    </fieldset>
  );
}
