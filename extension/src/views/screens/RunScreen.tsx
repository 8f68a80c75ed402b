/** One run, fed by the model: followed while it moves, with the form to run it again. */
import * as React from 'react';

import { newKey } from '../../api';
import { sources } from '../../model';
import { type ArtifactView, isFinal, isRed, type RerunDraft, type RunView } from '../../tokens';
import { CompareWith } from '../compare/CompareWith';
import { DownloadMenu } from '../detail/DownloadMenu';
import { Lineage } from '../detail/Lineage';
import { LiveNotebook } from '../detail/LiveNotebook';
import { NotebookFrame } from '../detail/NotebookFrame';
import { Outputs } from '../detail/Outputs';
import { Proof } from '../detail/Proof';
import { RerunForm } from '../detail/RerunForm';
import { RunDetail } from '../detail/RunDetail';
import { Loaded } from '../parts/notices';
import { usePlaces } from '../parts/places';
import { saveFile } from '../parts/saving';
import { useAttempt, useTell } from '../parts/tell';
import { useWords } from '../parts/words';
import { refusalFrom } from './FormScreen';
import { useLive, useModel, useResource, useRetry } from './state';

interface RunScreenProps {
  id: string;
  /** Whether the executed notebook is shown in place; else it is opened as a place of its own. */
  inPlace?: boolean;
  /** Whether the form to run it again is open at once. */
  rerun?: boolean;
  /** The place of the cell that is shown at once. */
  cell?: number | null;
}

/** The executed copy of a run that started is there once it has ended. */
function hasCopy({ state, started_at: started }: RunView): boolean {
  return isFinal(state) && Boolean(started);
}

type KnownRunProps = Omit<RunScreenProps, 'id'> & { run: RunView };

export function RunScreen(props: RunScreenProps): JSX.Element {
  const run = useResource(sources.run(props.id));
  return (
    <Loaded resource={run} onRetry={useRetry()} rows={8}>
      {value => <KnownRun key={value.id} {...props} run={value} />}
    </Loaded>
  );
}

function KnownRun({
  run,
  inPlace = false,
  rerun = false,
  cell = null
}: KnownRunProps): JSX.Element {
  const { __ } = useWords();
  const places = usePlaces();
  const model = useModel();
  const [focus, setFocus] = React.useState(cell);
  const [chosen, setTab] = React.useState<string | null>(cell === null ? null : 'cells');
  const [isRerunning, setRerunning] = React.useState(rerun);
  const [isComparing, setComparing] = React.useState(false);
  const isOver = isFinal(run.state);
  const tab = chosen ?? firstTab(run, inPlace);
  const cells = useResource(sources.cells(run.id));
  const artifacts = useResource(sources.artifacts(run.id));
  const usual = useResource(run.started_at ? sources.usual(run.id, run.cells_total) : null);
  const log = useResource(tab === 'log' ? sources.log(run.id) : null);
  const live = useLive(run.id, !isOver);
  const title = __('Executed notebook %1', run.notebook.path);
  const open = () =>
    places.open({ kind: 'executed-notebook', run: run.id, path: run.notebook.path });
  const showCell = (index: number) => {
    setTab('cells');
    // Told anew, so that a second click brings it back before the eye.
    setFocus(null);
    setTimeout(() => setFocus(index));
  };
  return (
    <RunDetail
      run={run}
      cells={cells.value}
      live={live}
      usual={usual.value}
      artifacts={artifacts.value}
      log={log.value}
      notebook={
        isOver ? (
          inPlace && hasCopy(run) && <NotebookFrame run={run.id} title={title} />
        ) : (
          <LiveNotebook cells={cells.value} live={live} />
        )
      }
      rerun={isRerunning ? <Rerun run={run} onDone={() => setRerunning(false)} /> : null}
      tab={tab}
      onTab={setTab}
      focus={focus}
      onShowCell={showCell}
      outputsOf={index => <CellOutputs run={run.id} index={index} />}
      onBytes={(name, most) => model.api.artifactBytes(run.id, name, most)}
      proof={isOver && hasManifest(artifacts.value) && <ProofOf run={run.id} />}
      lineage={<Relations run={run} />}
      onRerun={() => setRerunning(true)}
      compare={isComparing ? <Compare run={run} onDone={() => setComparing(false)} /> : null}
      onCompare={() => setComparing(true)}
      onOpenNotebook={!inPlace && hasCopy(run) ? open : undefined}
      onDebug={places.debug && hasCopy(run) ? () => places.debug?.(run) : undefined}
      download={hasCopy(run) && <Download run={run} />}
      {...useRunActs(run)}
    />
  );
}

/** What a reader wants first: the notebook as it fills in or as it is, of a failure the cell. */
function firstTab(run: RunView, inPlace: boolean): string {
  if (!isFinal(run.state)) {
    return 'notebook';
  }
  return inPlace && hasCopy(run) && !isRed(run) ? 'notebook' : 'cells';
}

function hasManifest(artifacts: readonly ArtifactView[] | null): boolean {
  return artifacts?.some(({ role }) => role === 'manifest') ?? false;
}

function useRunActs(run: RunView) {
  const { schedule_id: schedule } = run;
  const { __ } = useWords();
  const model = useModel();
  const attempt = useAttempt();
  const places = usePlaces();
  return {
    onCancel: (reason: string) =>
      attempt(
        () => model.act(api => api.cancelRun(run.id, reason || null)),
        () => ({ tone: 'info', message: __('The run is being stopped') })
      ),
    onCompareGood: schedule
      ? () =>
          attempt(
            async () => {
              const good = await model.api.latestGood(schedule);
              places.open({ kind: 'comparison', run: good.id, other: run.id });
            },
            () => null
          )
      : undefined,
    onRepair: (failed: number) =>
      attempt(
        async () => {
          const note = __('Again because of cell %1', failed + 1);
          const made = await model.act(api => api.rerun(run.id, { note }, newKey()));
          places.open({ kind: 'run', id: made.id });
          return made;
        },
        () => ({ tone: 'success', message: __('Run started') })
      )
  };
}

function CellOutputs({ run, index }: { run: string; index: number }): JSX.Element {
  const outputs = useResource(sources.cellOutputs(run, index));
  return (
    <Loaded resource={outputs} onRetry={useRetry()} rows={1}>
      {value => <Outputs outputs={value} />}
    </Loaded>
  );
}

function ProofOf({ run }: { run: string }): JSX.Element {
  const model = useModel();
  const manifest = useResource(sources.manifest(run));
  return (
    <Loaded resource={manifest} onRetry={useRetry()} rows={4}>
      {value => (
        <Proof run={run} manifest={value} onBytes={name => model.api.artifactBytes(run, name)} />
      )}
    </Loaded>
  );
}

function Relations({ run }: { run: RunView }): JSX.Element {
  const parent = useResource(run.rerun_of ? sources.run(run.rerun_of) : null);
  const again = useResource(isFinal(run.state) ? sources.runs({ rerun_of: run.id }) : null);
  return <Lineage run={run} parent={parent.value} again={again.value?.items ?? []} />;
}

function Download({ run }: { run: RunView }): JSX.Element {
  const model = useModel();
  const attempt = useAttempt();
  const formats = useResource(sources.exportFormats);
  return (
    <DownloadMenu
      formats={formats.value}
      onSave={(format, code) =>
        attempt(
          async () => saveFile(await model.api.export(run.id, format, code)),
          () => null
        )
      }
    />
  );
}

/** Other runs of the same schedule, or of the same notebook where there is none. */
function Compare({ run, onDone }: { run: RunView; onDone(): void }): JSX.Element {
  const { schedule_id: schedule, notebook } = run;
  const others = useResource(
    sources.runs(schedule ? { schedule_id: schedule } : { notebook: notebook.path })
  );
  return (
    <Loaded resource={others} rows={3}>
      {page => <CompareWith run={run} others={page.items} onCancel={onDone} />}
    </Loaded>
  );
}

function Rerun({ run, onDone }: { run: RunView; onDone(): void }): JSX.Element {
  const { __ } = useWords();
  const model = useModel();
  const tell = useTell();
  const places = usePlaces();
  const [use, setUse] = React.useState<'original' | 'latest'>('original');
  const { path, sha256 } = run.notebook;
  const pinned = use === 'original' && sha256;
  const detail = useResource(pinned ? sources.notebook(sha256) : sources.latestVersion(path));
  const rerun = (draft: RerunDraft) =>
    refusalFrom(async () => {
      const made = await model.act(api => api.rerun(run.id, draft, newKey()));
      const to = { kind: 'run', id: made.id } as const;
      tell({ tone: 'success', message: __('Run started'), action: { label: __('Open run'), to } });
      onDone();
      places.open(to);
    });
  if (detail.error && !detail.value) {
    return <Loaded resource={detail}>{() => null}</Loaded>;
  }
  return (
    <RerunForm
      run={run}
      declared={detail.value?.parameters ?? null}
      use={use}
      onUse={setUse}
      onRerun={rerun}
      onCancel={onDone}
    />
  );
}
