/** The parameters of a notebook, as its parameters cell declares them. */
import * as React from 'react';

import type { ParameterList } from '../../tokens';
import { useWords } from '../parts/words';
import { editable, type Errors } from './draft';
import { ParameterField } from './ParameterField';
import { type Entry, entryOf } from './values';

interface ParametersPartProps {
  declared: ParameterList;
  entries: Record<string, Entry>;
  errors: Errors;
  onEntry(name: string, entry: Entry): void;
}

export function ParametersPart({
  declared,
  entries,
  errors,
  onEntry
}: ParametersPartProps): JSX.Element {
  const { __ } = useWords();
  const computed = declared.items.filter(parameter => !parameter.editable);
  return (
    <fieldset className="nightbook-Part">
      <legend>{__('Parameters')}</legend>
      <NoParameters declared={declared} />
      <div className="nightbook-Grid">
        {editable(declared).map(parameter => (
          <ParameterField
            key={parameter.name}
            parameter={parameter}
            entry={entries[parameter.name] ?? entryOf(parameter, parameter.default)}
            error={errors[`parameters.${parameter.name}`]}
            onChange={entry => onEntry(parameter.name, entry)}
          />
        ))}
      </div>
      {computed.length > 0 && (
        <p className="nightbook-Field-help">
          {__('Computed by the notebook itself:')}{' '}
          {computed.map(({ name, expression }) => (
            <code key={name} className="nightbook-Code">
              {expression ? `${name} = ${expression}` : name}
            </code>
          ))}
        </p>
      )}
    </fieldset>
  );
}

function NoParameters({ declared }: { declared: ParameterList }): JSX.Element | null {
  const { __ } = useWords();
  if (!declared.has_parameters_cell) {
    return (
      <p className="nightbook-Field-help">
        {__(
          'This notebook has no parameters cell. To make values of it changeable here, put them in one cell and give that cell the tag “parameters”.'
        )}
      </p>
    );
  }
  return declared.items.length === 0 ? (
    <p className="nightbook-Field-help">{__('The parameters cell declares no values.')}</p>
  ) : null;
}
