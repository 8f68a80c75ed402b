/** Triggers that are no times: runs of other schedules that have ended, and calls of a program. */
import * as React from 'react';

import { Check, Choice, Field } from '../parts/field';
import { Icon } from '../parts/icons';
import { useWords } from '../parts/words';
import type { Errors } from './draft';
import type { Ends, Timing } from './timing';

export interface KnownSchedule {
  id: string;
  name: string;
}

/** How the form finds other schedules, by a part of their name or by their ids. */
export interface Neighbours {
  find(q: string): Promise<KnownSchedule[]>;
  byId(id: string): Promise<KnownSchedule>;
}

interface PartProps {
  timing: Timing;
  errors: Errors;
  onChange(change: Partial<Timing>): void;
}

const PAUSE_MILLISECONDS = 250;

export function AfterPart({
  timing,
  errors,
  neighbours,
  onChange
}: PartProps & { neighbours: Neighbours }): JSX.Element {
  const { __ } = useWords();
  const names = useNames(timing.after, neighbours);
  const ends: [Ends, string][] = [
    ['succeeded', __('succeeded')],
    ['red', __('failed, timed out or was lost')],
    ['any', __('ended in any way')]
  ];
  const add = (one: KnownSchedule) => {
    names.learn(one);
    onChange({ after: [...timing.after, one.id] });
  };
  return (
    <div className="nightbook-After">
      <Finder
        chosen={timing.after}
        error={errors['trigger.schedule_ids']}
        neighbours={neighbours}
        onAdd={add}
      />
      {timing.after.length > 0 && (
        <ul className="nightbook-After-chosen" aria-label={__('Chosen schedules')}>
          {timing.after.map(id => (
            <li key={id}>
              <span>{names.of(id)}</span>
              <button
                type="button"
                className="nightbook-Button nightbook-mod-plain"
                aria-label={__('Remove %1', names.of(id))}
                onClick={() => onChange({ after: timing.after.filter(other => other !== id) })}
              >
                <Icon name="cross" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <div className="nightbook-Grid">
        <Field label={__('Once a run of it has')}>
          {input => (
            <Choice
              input={input}
              value={timing.ends}
              options={ends}
              onChange={chosen => onChange({ ends: chosen })}
            />
          )}
        </Field>
        {timing.after.length > 1 && (
          <Field label={__('Of these schedules')}>
            {input => (
              <Choice
                input={input}
                value={timing.join}
                options={[
                  ['all', __('each of them')],
                  ['any', __('any of them')]
                ]}
                onChange={join => onChange({ join })}
              />
            )}
          </Field>
        )}
      </div>
    </div>
  );
}

interface FinderProps {
  chosen: readonly string[];
  error?: string;
  neighbours: Neighbours;
  onAdd(schedule: KnownSchedule): void;
}

function Finder({ chosen, error, neighbours, onAdd }: FinderProps): JSX.Element {
  const { __ } = useWords();
  const [q, setQ] = React.useState('');
  const found = useFound(q, neighbours);
  const offered = found?.filter(({ id }) => !chosen.includes(id));
  return (
    <>
      <Field label={__('After the schedule')} error={error}>
        {input => (
          <input
            {...input}
            className="nightbook-Input"
            type="search"
            autoComplete="off"
            placeholder={__('Find by name')}
            value={q}
            onChange={event => setQ(event.target.value)}
            onKeyDown={event => event.key === 'Enter' && event.preventDefault()}
          />
        )}
      </Field>
      <div role="status">
        {offered?.length === 0 && (
          <p className="nightbook-Field-help">
            {q.trim() ? __('No other schedule has that in its name.') : __('There is no other.')}
          </p>
        )}
      </div>
      {offered && offered.length > 0 && (
        <ul className="nightbook-After-found" aria-label={__('Schedules to choose from')}>
          {offered.map(one => (
            <li key={one.id}>
              <button
                type="button"
                className="nightbook-Button nightbook-mod-plain"
                aria-label={__('Add %1', one.name)}
                onClick={() => {
                  onAdd(one);
                  setQ('');
                }}
              >
                {one.name}
              </button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** What fits *q*, once the person has paused; null before the first answer. */
function useFound(q: string, neighbours: Neighbours): KnownSchedule[] | null {
  const [found, setFound] = React.useState<KnownSchedule[] | null>(null);
  const latest = React.useRef(neighbours);
  latest.current = neighbours;
  React.useEffect(() => {
    let isWanted = true;
    const timer = setTimeout(async () => {
      const answer = await latest.current.find(q.trim()).catch(() => null);
      if (isWanted && answer) {
        setFound(answer);
      }
    }, PAUSE_MILLISECONDS);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [q]);
  return found;
}

/** The names of schedules that are known by their ids only; an id stands for one that is gone. */
function useNames(ids: readonly string[], neighbours: Neighbours) {
  const [names, setNames] = React.useState<Record<string, string>>({});
  const latest = React.useRef(neighbours);
  latest.current = neighbours;
  const learn = ({ id, name }: KnownSchedule) => setNames(old => ({ ...old, [id]: name }));
  const unknown = ids.filter(id => !(id in names)).join(' ');
  React.useEffect(() => {
    for (const id of unknown.split(' ').filter(Boolean)) {
      latest.current.byId(id).then(learn, () => learn({ id, name: id }));
    }
  }, [unknown]);
  return { learn, of: (id: string) => names[id] ?? id };
}

export function EventPart({
  timing,
  parameters,
  onChange
}: Omit<PartProps, 'errors'> & { parameters: readonly string[] }): JSX.Element {
  const { __ } = useWords();
  const toggle = (name: string, on: boolean) =>
    onChange({
      settable: on ? [...timing.settable, name] : timing.settable.filter(other => other !== name)
    });
  return (
    <div className="nightbook-Event">
      <p className="nightbook-Field-help">
        {__('Its page then gives the address to call and a secret of its own.')}
      </p>
      {parameters.length > 0 && (
        <fieldset>
          <legend>{__('A call may set')}</legend>
          {parameters.map(name => (
            <Check
              key={name}
              label={name}
              checked={timing.settable.includes(name)}
              onChange={on => toggle(name, on)}
            />
          ))}
        </fieldset>
      )}
    </div>
  );
}
