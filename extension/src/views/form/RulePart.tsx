/** A recurrence rule from somebody's calendar (RFC 5545), read by the server, and taken over on a click. */
import * as React from 'react';

import type { Refusal, RRuleDraft, RRuleView } from '../../tokens';
import { Field } from '../parts/field';
import { Icon } from '../parts/icons';
import { useWords } from '../parts/words';
import { type Ask, useAsked } from './asking';

export type AskRule = Ask<RRuleDraft, { read: RRuleView }>;

function messageOf({ byField, message }: Refusal): string {
  return Object.values(byField)[0] ?? message;
}

interface RulePartProps {
  zone: string;
  error?: string;
  ask: AskRule;
  onUse(read: RRuleView): void;
}

export function RulePart({ zone, error, ask, onUse }: RulePartProps): JSX.Element {
  const { __ } = useWords();
  const [text, setText] = React.useState('');
  const rrule = text.trim();
  const { told, refusal, asking } = useAsked(rrule ? { rrule, timezone: zone } : null, ask, false);
  const read = told?.read ?? null;
  return (
    <div className="nightbook-Rule">
      <Field
        label={__('Recurrence rule')}
        help={__('As calendars write it: RRULE:FREQ=…, with DTSTART and EXDATE if you like.')}
        error={refusal ? messageOf(refusal) : read || asking ? undefined : error}
        wide
      >
        {input => (
          <textarea
            {...input}
            className="nightbook-Input nightbook-mod-code"
            rows={3}
            maxLength={2000}
            spellCheck={false}
            placeholder="RRULE:FREQ=WEEKLY;BYDAY=MO,WE;BYHOUR=9;BYMINUTE=0"
            value={text}
            onChange={event => setText(event.target.value)}
          />
        )}
      </Field>
      <div className="nightbook-Preview" role="status" aria-busy={asking}>
        <Icon name="calendar" />
        <div>
          <p className="nightbook-Preview-words">
            {read?.words ?? (asking ? __('Reading the rule…') : __('What it means is shown here.'))}
          </p>
          {read && <Rest read={read} />}
        </div>
        <button
          type="button"
          className="nightbook-Button"
          disabled={!read}
          onClick={() => read && onUse(read)}
        >
          {__('Use this rule')}
        </button>
      </div>
    </div>
  );
}

/** What else it says, beside when: it goes to other fields of the form. */
function Rest({ read }: { read: RRuleView }): JSX.Element | null {
  const { __, _n } = useWords();
  const parts = [
    read.max_runs !== null && _n('%1 run in all', '%1 runs in all', read.max_runs),
    read.start_at !== null && __('not before %1', read.start_at.slice(0, 10)),
    read.end_at !== null && __('not after %1', read.end_at.slice(0, 10)),
    read.exclude_dates.length > 0 &&
      _n('%1 day left out', '%1 days left out', read.exclude_dates.length)
  ].filter((part): part is string => typeof part === 'string');
  return parts.length > 0 ? <p className="nightbook-faint">{parts.join(' · ')}</p> : null;
}
