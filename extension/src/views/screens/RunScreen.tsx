/** One run, fed by the model: followed while it moves, with the form to run it again. */
import * as React from 'react';

import { newKey } from '../../api';
import { sources } from '../../model';
import { isFinal, type RerunDraft, type RunView } from '../../tokens';
import { CompareWith } from '../compare/CompareWith';
import { DownloadMenu } from '../detail/DownloadMenu';
import { NotebookFrame } from '../detail/NotebookFrame';
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

function KnownRun({ run, inPlace = false, rerun = false }: KnownRunProps): JSX.Element {
  const { __ } = useWords();
  const places = usePlaces();
  const model = useModel();
  const attempt = useAttempt();
  const [chosen, setTab] = React.useState<string | null>(null);
  const [isRerunning, setRerunning] = React.useState(rerun);
  const [isComparing, setComparing] = React.useState(false);
  const tab = chosen ?? (inPlace && isFinal(run.state) && run.started_at ? 'notebook' : 'cells');
  const cells = useResource(sources.cells(run.id));
  const artifacts = useResource(sources.artifacts(run.id));
  const log = useResource(tab === 'log' ? sources.log(run.id) : null);
  const live = useLive(run.id, !isFinal(run.state));
  const title = __('Executed notebook %1', run.notebook.path);
  const fresh = `${run.state} ${run.cells_done ?? 0}`;
  const open = () =>
    places.open({ kind: 'executed-notebook', run: run.id, path: run.notebook.path });
  const cancel = (reason: string) =>
    attempt(
      () => model.act(api => api.cancelRun(run.id, reason || null)),
      () => ({ tone: 'info', message: __('The run is being stopped') })
    );
  const showsFrame = inPlace && run.started_at !== null;
  return (
    <RunDetail
      run={run}
      cells={cells.value ?? []}
      live={live}
      artifacts={artifacts.value ?? []}
      log={log.value ?? ''}
      notebook={
        showsFrame && (
          <NotebookFrame run={run.id} title={title} fresh={fresh} isWhole={hasCopy(run)} />
        )
      }
      rerun={isRerunning ? <Rerun run={run} onDone={() => setRerunning(false)} /> : null}
      tab={tab}
      onTab={setTab}
      onRerun={() => setRerunning(true)}
      compare={isComparing ? <Compare run={run} onDone={() => setComparing(false)} /> : null}
      onCompare={() => setComparing(true)}
      onCancel={cancel}
      onOpenNotebook={!inPlace && hasCopy(run) ? open : undefined}
      download={hasCopy(run) && <Download run={run} />}
    />
  );
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
