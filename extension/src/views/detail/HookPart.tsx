/** The way in for programs: where an event schedule is called, and the secret that opens it. */
import * as React from 'react';

import type { HookView, ScheduleView } from '../../tokens';
import { Action, Confirm } from '../parts/actions';
import { Icon } from '../parts/icons';
import { usePlaces } from '../parts/places';
import { useWords } from '../parts/words';

interface HookPartProps {
  schedule: ScheduleView;
  /** Makes a new secret; the old one ends. Null where that was refused. */
  onMake(): Promise<HookView | null>;
  onClose(): Promise<unknown>;
}

export function HookPart({ schedule, onMake, onClose }: HookPartProps): JSX.Element {
  const { __ } = useWords();
  const [made, setMade] = React.useState<HookView | null>(null);
  const make = async () => setMade(await onMake());
  const close = async () => {
    await onClose();
    setMade(null);
  };
  const parameters = (schedule.trigger.kind === 'event' && schedule.trigger.parameters) || [];
  return (
    <div className="nightbook-Hook">
      <p role="status">
        {schedule.has_hook
          ? __('Open: whoever has its secret can fire this schedule.')
          : __('Closed: no program can fire this schedule yet.')}
      </p>
      {made && <Secret made={made} parameters={parameters} />}
      <div className="nightbook-Hook-ways">
        {schedule.has_hook ? (
          <>
            <Confirm
              label={__('Change the secret')}
              question={__('Make a new secret? The old one opens nothing from then on.')}
              yes={__('Change it')}
              no={__('Keep it')}
              onConfirm={make}
            />
            <Confirm
              label={__('Close')}
              question={__('Close the hook? Its secret opens nothing from then on.')}
              yes={__('Close it')}
              no={__('Keep it open')}
              onConfirm={close}
            />
          </>
        ) : (
          <Action label={__('Open it with a secret')} tone="accept" onAct={make} />
        )}
      </div>
    </div>
  );
}

interface SecretProps {
  made: HookView;
  parameters: readonly string[];
}

function Secret({ made, parameters }: SecretProps): JSX.Element {
  const { __ } = useWords();
  const places = usePlaces();
  // JupyterLab is at another address than the server, which only its own page knows.
  const address = places.href
    ? new URL(made.path, location.href).href
    : `$NIGHTBOOK_API_URL${made.path}`;
  const body = Object.fromEntries(parameters.map(name => [name, '…']));
  const command = [
    `curl -X POST "${address}"`,
    `-H "Authorization: Bearer ${made.secret}"`,
    `-H "Content-Type: application/json"`,
    `-d '${JSON.stringify(body)}'`
  ].join(' \\\n  ');
  return (
    <div className="nightbook-Notice nightbook-mod-calm">
      <Icon name="note" />
      <p>{__('The secret is shown this once. Keep it where your program finds it.')}</p>
      <div role="group" aria-label={__('How to call it')} className="nightbook-Hook-call">
        <pre>{command}</pre>
      </div>
      <Action
        label={__('Copy the secret')}
        onAct={() => navigator.clipboard.writeText(made.secret)}
      />
    </div>
  );
}
