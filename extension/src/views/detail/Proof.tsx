/** The manifest of a run, and whether what is stored is still what it lists. */
import * as React from 'react';

import type { Manifest, ManifestOutput } from '../../tokens';
import { Action } from '../parts/actions';
import { Icon } from '../parts/icons';
import { sizeWords } from '../parts/moments';
import { Facts } from '../parts/Page';
import { usePlaces } from '../parts/places';
import { type Column, Table } from '../parts/Table';
import { useWords } from '../parts/words';

/** Larger ones are not loaded into a browser's memory only to be hashed. */
const LARGEST = 100_000_000;

type Verdict = 'same' | 'different' | 'missing' | 'too_large';

interface ProofProps {
  run: string;
  manifest: Manifest;
  /** The bytes that are stored under a name. */
  onBytes(name: string): Promise<Blob>;
}

export function Proof({ run, manifest, onBytes }: ProofProps): JSX.Element {
  const { __ } = useWords();
  const { download } = usePlaces();
  const { verdicts, verify } = useVerdicts(manifest.outputs, onBytes);
  const canHash = typeof globalThis.crypto?.subtle !== 'undefined';
  const columns: Column<ManifestOutput>[] = [
    { title: __('Name'), cell: ({ name }) => name },
    { title: __('Size'), align: 'end', cell: ({ size }) => sizeWords(size) },
    {
      title: __('SHA-256'),
      minor: true,
      cell: ({ sha256 }) => <code className="nightbook-Code">{sha256.slice(0, 16)}…</code>
    },
    { title: __('Stored bytes'), cell: ({ name }) => <Mark verdict={verdicts[name]} /> }
  ];
  return (
    <div className="nightbook-Proof">
      <ManifestFacts manifest={manifest} />
      <div className="nightbook-Proof-acts">
        {canHash ? (
          <Action label={__('Verify')} icon="check" onAct={verify} />
        ) : (
          <span className="nightbook-faint">
            {__('A browser computes hashes only over HTTPS or on this machine.')}
          </span>
        )}
        {download && (
          <a className="nightbook-Link" href={download(`/runs/${run}/manifest`)} download>
            {__('Download the manifest')}
          </a>
        )}
        <Sum outputs={manifest.outputs} verdicts={verdicts} />
      </div>
      <Table
        label={__('Listed in the manifest')}
        columns={columns}
        rows={manifest.outputs}
        keyOf={({ name }) => name}
      />
    </div>
  );
}

function ManifestFacts({ manifest }: { manifest: Manifest }): JSX.Element {
  const { __ } = useWords();
  const { environment, git, kernel, notebook } = manifest;
  const packages = Object.keys(manifest.packages ?? {}).length;
  const commit =
    git?.commit && `${git.commit.slice(0, 12)}${git.is_dirty ? ` (${__('changed')})` : ''}`;
  return (
    <Facts
      facts={[
        [__('Notebook version'), <code key="n">{notebook.sha256}</code>],
        [__('Commit'), commit && <code>{commit}</code>],
        [__('Python'), environment?.python],
        [__('Packages'), packages > 0 ? String(packages) : null],
        [__('Kernel'), kernel.name],
        [__('Worker'), manifest.worker],
        [__('Made by'), manifest.made_by === 'server' ? __('the server') : __('the worker')]
      ]}
    />
  );
}

function useVerdicts(outputs: readonly ManifestOutput[], onBytes: (name: string) => Promise<Blob>) {
  const [verdicts, setVerdicts] = React.useState<Record<string, Verdict>>({});
  const verify = async () => {
    setVerdicts({});
    for (const output of outputs) {
      const verdict = await verdictOn(output, onBytes);
      setVerdicts(known => ({ ...known, [output.name]: verdict }));
    }
  };
  return { verdicts, verify };
}

async function verdictOn(
  { name, size, sha256 }: ManifestOutput,
  onBytes: (name: string) => Promise<Blob>
): Promise<Verdict> {
  if (size > LARGEST) {
    return 'too_large';
  }
  try {
    const bytes = await (await onBytes(name)).arrayBuffer();
    return (await sha256Of(bytes)) === sha256 ? 'same' : 'different';
  } catch {
    return 'missing';
  }
}

async function sha256Of(bytes: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, byte => byte.toString(16).padStart(2, '0')).join('');
}

function Mark({ verdict }: { verdict: Verdict | undefined }): JSX.Element {
  const { __ } = useWords();
  switch (verdict) {
    case undefined:
      return <span className="nightbook-faint">{__('not checked yet')}</span>;
    case 'same':
      return (
        <span className="nightbook-Verified nightbook-mod-good">
          <Icon name="check" /> {__('as listed')}
        </span>
      );
    case 'too_large':
      return <span className="nightbook-faint">{__('too large to check here')}</span>;
    default:
      return (
        <span className="nightbook-Verified nightbook-mod-bad">
          <Icon name="warn" />{' '}
          {verdict === 'missing' ? __('could not be read') : __('not what was listed')}
        </span>
      );
  }
}

interface SumProps {
  outputs: readonly ManifestOutput[];
  verdicts: Record<string, Verdict>;
}

function Sum({ outputs, verdicts }: SumProps): JSX.Element {
  const { __, _n } = useWords();
  const found = Object.values(verdicts);
  const good = found.filter(verdict => verdict === 'same').length;
  const bad = found.filter(verdict => verdict === 'different' || verdict === 'missing').length;
  const isDone = found.length === outputs.length && found.length > 0;
  return (
    <span role="status">
      {isDone &&
        (bad > 0
          ? _n('%1 file is not as listed.', '%1 files are not as listed.', bad)
          : __('%1 of %2 files were checked, and are as listed.', good, outputs.length))}
    </span>
  );
}
