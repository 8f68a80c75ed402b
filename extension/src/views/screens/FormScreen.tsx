/** The form, fed by the model: for a new schedule of a notebook, or for one that is edited. */
import * as React from 'react';

import { newKey, refusalOf } from '../../api';
import { type Model, sources } from '../../model';
import type { Refusal, RunView, ScheduleView, Words } from '../../tokens';
import type { Neighbours } from '../form/CausesPart';
import type { AskPreview } from '../form/PreviewPart';
import type { AskRule } from '../form/RulePart';
import { ScheduleForm, type ScheduleFormProps } from '../form/ScheduleForm';
import { momentWords } from '../parts/moments';
import { Loaded } from '../parts/notices';
import { useTell } from '../parts/tell';
import { useWords } from '../parts/words';
import { useModel, useResource, useRetry } from './state';
import { TestRun } from './TestRun';

/** Runs *work*; a refusal becomes something that the form can show. */
export async function refusalFrom(work: () => Promise<unknown>): Promise<Refusal | null> {
  try {
    await work();
    return null;
  } catch (error) {
    return refusalOf(error);
  }
}

const FIRE_TIMES = 5;

export function previewOf(model: Model): AskPreview {
  return async (wish, signal) => {
    try {
      return { preview: await model.api.preview({ ...wish, count: FIRE_TIMES }, signal) };
    } catch (error) {
      return { refusal: refusalOf(error) };
    }
  };
}

export function rulesOf(model: Model): AskRule {
  return async (wish, signal) => {
    try {
      return { read: await model.api.readRRule(wish, signal) };
    } catch (error) {
      return { refusal: refusalOf(error) };
    }
  };
}

const MOST_FOUND = 8;

function neighboursOf({ api }: Model, own?: string): Neighbours {
  return {
    find: async q => {
      // One more than are shown: the schedule itself may be among them.
      const found = await api.schedules({ q: q || undefined, limit: MOST_FOUND + 1 });
      return found.items.filter(({ id }) => id !== own).slice(0, MOST_FOUND);
    },
    byId: async id => (await api.schedule(id)).value
  };
}

/** One key for as long as the same thing is asked for, so that a second click makes no second run. */
function useKeys(): (draft: unknown) => string {
  const keys = React.useRef(new Map<string, string>());
  return draft => {
    const wish = JSON.stringify(draft);
    const key = keys.current.get(wish) ?? newKey();
    keys.current.set(wish, key);
    return key;
  };
}

interface FormScreenProps {
  notebook: { path: string; sha256: string };
  schedule?: { value: ScheduleView; etag: string | null };
  zone?: string;
  onScheduled?(schedule: ScheduleView): void;
  onStarted?(run: RunView): void;
  onCancel?(): void;
  changes?: ScheduleFormProps['changes'];
}

export function FormScreen(props: FormScreenProps): JSX.Element {
  const { notebook, schedule } = props;
  const model = useModel();
  const detail = useResource(sources.notebook(notebook.sha256));
  const findings = useResource(sources.findings(notebook.sha256));
  const pools = useResource(sources.pools);
  const kernels = useResource(sources.kernels);
  const acts = useActs(props);
  const { onTest, testRun } = useTest();
  const onPreview = React.useMemo(() => previewOf(model), [model]);
  const onRule = React.useMemo(() => rulesOf(model), [model]);
  const own = schedule?.value.id;
  const neighbours = React.useMemo(() => neighboursOf(model, own), [model, own]);
  return (
    <Loaded resource={detail} onRetry={useRetry()} rows={8}>
      {({ version, parameters }) => (
        <ScheduleForm
          key={`${notebook.sha256} ${schedule?.value.id ?? ''}`}
          notebook={{ ...notebook, path: notebook.path || version.path }}
          parameters={parameters}
          findings={findings.value ?? version.findings}
          pools={pools.value ?? []}
          kernels={kernels.value ?? []}
          notebookKernel={version.kernel}
          schedule={schedule?.value}
          zone={props.zone}
          neighbours={neighbours}
          onPreview={onPreview}
          onRule={onRule}
          onCancel={props.onCancel}
          changes={props.changes}
          onTest={onTest}
          test={testRun && <TestRun key={testRun} id={testRun} />}
          {...acts}
        />
      )}
    </Loaded>
  );
}

/** The newest test run that this form has started. */
function useTest(): Pick<ScheduleFormProps, 'onTest'> & { testRun: string | null } {
  const model = useModel();
  const [testRun, setTestRun] = React.useState<string | null>(null);
  const onTest: ScheduleFormProps['onTest'] = draft =>
    refusalFrom(async () => {
      setTestRun((await model.act(api => api.startRun(draft, newKey()))).id);
    });
  return { onTest, testRun };
}

/** What a new schedule is told by: its name, and when it runs for the first time. */
function scheduledWords({ name, next_fire_at: next, words }: ScheduleView, { __ }: Words): string {
  return next
    ? __('“%1” is scheduled. It runs next on %2.', name, momentWords(next))
    : __('“%1” is scheduled: %2', name, words);
}

type Acts = Pick<ScheduleFormProps, 'onSchedule' | 'onSave' | 'onRun'>;

function useActs({ schedule, onScheduled, onStarted }: FormScreenProps): Acts {
  const model = useModel();
  const tell = useTell();
  const words = useWords();
  const { __ } = words;
  const keyOf = useKeys();
  const [etag] = React.useState(schedule?.etag ?? null);
  if (schedule) {
    return {
      onSave: patch =>
        refusalFrom(async () => {
          const { id } = schedule.value;
          const saved = await model.act(api => api.editSchedule(id, patch, etag));
          tell({ tone: 'success', message: __('“%1” is saved', saved.value.name) });
          onScheduled?.(saved.value);
        })
    };
  }
  return {
    onSchedule: draft =>
      refusalFrom(async () => {
        const made = await model.act(api => api.createSchedule(draft, keyOf(draft)));
        const to = { kind: 'schedule', id: made.id } as const;
        const message = scheduledWords(made, words);
        tell({ tone: 'success', message, action: { label: __('Open schedule'), to } });
        onScheduled?.(made);
      }),
    onRun: draft =>
      refusalFrom(async () => {
        const run = await model.act(api => api.startRun(draft, newKey()));
        const to = { kind: 'run', id: run.id } as const;
        tell({
          tone: 'success',
          message: __('Run started'),
          action: { label: __('Open run'), to }
        });
        onStarted?.(run);
      })
  };
}
