/** What a run left, with a look at pictures and texts before anything is downloaded. */
import * as React from 'react';

import { refusalOf } from '../../api';
import type { ArtifactView } from '../../tokens';
import { Icon } from '../parts/icons';
import { sizeWords } from '../parts/moments';
import { Empty, ErrorNote, Loading } from '../parts/notices';
import { usePlaces } from '../parts/places';
import { useWords } from '../parts/words';
import { Drawn, PICTURES, plainText } from './Outputs';

const LARGEST_PICTURE = 10_000_000;
/** Of a long text the beginning is shown. */
const SHOWN_BYTES = 65_536;
const TEXTS =
  /^(text\/(plain|csv|markdown|tab-separated-values)|application\/(json|xml|yaml|x-ndjson))\b/;
const TEXT_NAMES = /\.(csv|tsv|json|jsonl|txt|md|log|yaml|yml|toml|py|sql)$/i;

/** Asks for an artifact's bytes; with *most*, for its beginning only. */
export type AskBytes = (name: string, most?: number) => Promise<Blob>;

interface ArtifactsPartProps {
  run: string;
  artifacts: readonly ArtifactView[];
  onBytes?: AskBytes;
}

export function ArtifactsPart({ run, artifacts, onBytes }: ArtifactsPartProps): JSX.Element {
  const { __ } = useWords();
  if (artifacts.length === 0) {
    return (
      <Empty icon="file" title={__('No artifacts yet')}>
        {__('They appear when the run ends. Files written to ./outputs/ become artifacts.')}
      </Empty>
    );
  }
  return (
    <ul className="nightbook-Artifacts" aria-label={__('Artifacts')}>
      {inOrder(artifacts).map(artifact => (
        <ArtifactRow key={artifact.name} run={run} artifact={artifact} onBytes={onBytes} />
      ))}
    </ul>
  );
}

const ORDER = ['output', 'notebook', 'spill', 'manifest', 'journal'];

/** What the notebook wrote comes first; what tells of the run itself comes last. */
function inOrder(artifacts: readonly ArtifactView[]): ArtifactView[] {
  const place = ({ role }: ArtifactView) => ORDER.indexOf(role);
  return [...artifacts].sort((a, b) => place(a) - place(b) || a.name.localeCompare(b.name));
}

type PreviewKind = 'picture' | 'text';

/** How an artifact can be shown here without harm; null where it can only be downloaded. */
export function previewKind({ name, media_type: type, size }: ArtifactView): PreviewKind | null {
  if (PICTURES.some(picture => type.startsWith(picture))) {
    return size <= LARGEST_PICTURE ? 'picture' : null;
  }
  return TEXTS.test(type) || TEXT_NAMES.test(name) ? 'text' : null;
}

type ArtifactRowProps = Omit<ArtifactsPartProps, 'artifacts'> & { artifact: ArtifactView };

function ArtifactRow({ run, artifact, onBytes }: ArtifactRowProps): JSX.Element {
  const { __ } = useWords();
  const [isOpen, setOpen] = React.useState(false);
  const roles = {
    notebook: __('Executed notebook'),
    manifest: __('Manifest'),
    journal: __('Journal'),
    spill: __('Text beyond the limits'),
    output: __('Output')
  };
  const kind = onBytes ? previewKind(artifact) : null;
  return (
    <li className="nightbook-Artifact">
      <ArtifactName run={run} artifact={artifact} />
      <span className="nightbook-faint">{roles[artifact.role]}</span>
      <span className="nightbook-Time">{sizeWords(artifact.size)}</span>
      <code className="nightbook-Code" title={artifact.sha256}>
        {artifact.sha256.slice(0, 12)}
      </code>
      {kind && (
        <button
          type="button"
          className="nightbook-Link"
          aria-expanded={isOpen}
          aria-label={isOpen ? __('Hide %1', artifact.name) : __('Preview %1', artifact.name)}
          onClick={() => setOpen(!isOpen)}
        >
          {isOpen ? __('Hide') : __('Preview')}
        </button>
      )}
      {kind && onBytes && isOpen && <Preview kind={kind} artifact={artifact} onBytes={onBytes} />}
    </li>
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

interface PreviewProps {
  kind: PreviewKind;
  artifact: ArtifactView;
  onBytes: AskBytes;
}

function Preview({ kind, artifact, onBytes }: PreviewProps): JSX.Element {
  const { __ } = useWords();
  const [shown, setShown] = React.useState<Blob | string | null>(null);
  const [error, setError] = React.useState<string | null>(null);
  const ask = React.useRef(onBytes);
  ask.current = onBytes;
  const { name, size, sha256 } = artifact;
  React.useEffect(() => {
    let wanted = true;
    const load = async () => {
      const bytes = await ask.current(name, kind === 'text' ? SHOWN_BYTES : undefined);
      return kind === 'text' ? laidOut(await bytes.slice(0, SHOWN_BYTES).text(), name) : bytes;
    };
    load().then(
      found => wanted && setShown(found),
      problem => wanted && setError(refusalOf(problem).message)
    );
    return () => void (wanted = false);
  }, [kind, name, sha256]);
  if (error) {
    return <ErrorNote message={error} />;
  }
  if (shown === null) {
    return <Loading rows={2} />;
  }
  return (
    <div className="nightbook-Preview-box">
      {typeof shown === 'string' ? (
        // A scrolling region has to be reachable by keyboard.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <pre className="nightbook-Log" tabIndex={0} aria-label={name}>
          {plainText(shown)}
        </pre>
      ) : (
        <Drawn picture={shown} alt={name} />
      )}
      {kind === 'text' && size > SHOWN_BYTES && (
        <p className="nightbook-faint">{__('The first %1 are shown.', sizeWords(SHOWN_BYTES))}</p>
      )}
    </div>
  );
}

/** JSON is written on one line by programs, and read on many by people. */
function laidOut(text: string, name: string): string {
  if (!name.endsWith('.json')) {
    return text;
  }
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // Only its beginning is here, or it is no JSON.
  }
}
