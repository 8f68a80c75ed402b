/** The smaller tabs of a run: its log and its parameters. */
import * as React from 'react';

import type { RunView } from '../../tokens';
import { useFollowedEnd } from '../parts/following';
import { Empty } from '../parts/notices';
import { useWords } from '../parts/words';

export function LogPart({ text }: { text: string }): JSX.Element {
  const { __ } = useWords();
  const end = useFollowedEnd(text);
  if (!text.trim()) {
    return <Empty icon="list" title={__('The log is empty')} />;
  }
  return (
    // A scrolling region has to be reachable by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <pre ref={end} className="nightbook-Log" tabIndex={0} aria-label={__('Log')}>
      {text}
    </pre>
  );
}

export function GivenParameters({ run }: { run: Pick<RunView, 'parameters'> }): JSX.Element {
  const { __ } = useWords();
  const names = Object.keys(run.parameters);
  if (names.length === 0) {
    return <p className="nightbook-faint">{__('None given: the notebook’s own defaults.')}</p>;
  }
  return (
    <dl className="nightbook-Given">
      {names.map(name => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <code>{JSON.stringify(run.parameters[name])}</code>
          </dd>
        </div>
      ))}
    </dl>
  );
}
