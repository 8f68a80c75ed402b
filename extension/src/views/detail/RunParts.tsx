/** The smaller tabs of a run: log, artifacts, attempts, parameters. */
import * as React from 'react';

import type { ArtifactView, AttemptView, RunView } from '../../tokens';
import { Icon } from '../parts/icons';
import { Moment, sizeWords, Span } from '../parts/moments';
import { Empty } from '../parts/notices';
import { usePlaces } from '../parts/places';
import { classWords, StateChip } from '../parts/state';
import { type Column, Table } from '../parts/Table';
import { useWords } from '../parts/words';

export function LogPart({ text }: { text: string }): JSX.Element {
  const { __ } = useWords();
  const end = React.useRef<HTMLPreElement>(null);
  React.useEffect(() => {
    const pre = end.current;
    // Follows the end, unless the reader has scrolled up to read.
    if (pre && pre.scrollHeight - pre.scrollTop - pre.clientHeight < 80) {
      pre.scrollTop = pre.scrollHeight;
    }
  }, [text]);
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

interface ArtifactsPartProps {
  run: string;
  artifacts: readonly ArtifactView[];
}

export function ArtifactsPart({ run, artifacts }: ArtifactsPartProps): JSX.Element {
  const { __ } = useWords();
  if (artifacts.length === 0) {
    return (
      <Empty icon="file" title={__('No artifacts yet')}>
        {__('They appear when the run ends. Files written to ./outputs/ become artifacts.')}
      </Empty>
    );
  }
  const roles = {
    notebook: __('Executed notebook'),
    manifest: __('Manifest'),
    journal: __('Journal'),
    spill: __('Text beyond the limits'),
    output: __('Output')
  };
  const columns: Column<ArtifactView>[] = [
    { title: __('Name'), cell: artifact => <ArtifactName run={run} artifact={artifact} /> },
    { title: __('Kind'), cell: ({ role }) => roles[role] },
    { title: __('Size'), align: 'end', cell: ({ size }) => sizeWords(size) },
    {
      title: __('SHA-256'),
      minor: true,
      cell: ({ sha256 }) => (
        <code className="nightbook-Code" title={sha256}>
          {sha256.slice(0, 12)}
        </code>
      )
    }
  ];
  return (
    <Table label={__('Artifacts')} columns={columns} rows={artifacts} keyOf={({ name }) => name} />
  );
}

function ArtifactName({ run, artifact }: { run: string; artifact: ArtifactView }): JSX.Element {
  const { download } = usePlaces();
  const path = artifact.name.split('/').map(encodeURIComponent).join('/');
  return download ? (
    <a className="nightbook-Link" href={download(`/runs/${run}/artifacts/${path}`)} download>
      <Icon name="save" /> {artifact.name}
    </a>
  ) : (
    <span>{artifact.name}</span>
  );
}

export function AttemptsPart({ attempts }: { attempts: readonly AttemptView[] }): JSX.Element {
  const words = useWords();
  const { __ } = words;
  if (attempts.length === 0) {
    return <Empty icon="clock" title={__('No worker has claimed this run yet')} />;
  }
  const why = ({ class: failure, reason }: AttemptView) =>
    [failure && classWords(failure, words), reason].filter(Boolean).join(': ');
  const columns: Column<AttemptView>[] = [
    { title: __('Fence'), cell: ({ fence }) => fence },
    { title: __('State'), cell: ({ state }) => <AttemptChip state={state} /> },
    { title: __('Worker'), cell: ({ worker }) => worker ?? '–' },
    { title: __('Started'), cell: ({ started_at }) => <Moment at={started_at} /> },
    { title: __('Took'), align: 'end', cell: attempt => <AttemptSpan attempt={attempt} /> },
    { title: __('Why'), cell: why }
  ];
  return (
    <Table
      label={__('Attempts')}
      columns={columns}
      rows={attempts}
      keyOf={({ fence }) => String(fence)}
    />
  );
}

function AttemptSpan({ attempt }: { attempt: AttemptView }): JSX.Element {
  return <Span start={attempt.started_at} end={attempt.finished_at} />;
}

function AttemptChip({ state }: { state: AttemptView['state'] }): JSX.Element {
  const { __ } = useWords();
  return state === 'handed_back' ? <span>{__('Handed back')}</span> : <StateChip state={state} />;
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
