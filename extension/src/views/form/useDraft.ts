/** The state of a form: the draft, which faults are shown by now, and the focus after a refusal. */
import * as React from 'react';

import type { Refusal } from '../../tokens';
import { useWords } from '../parts/words';
import { type Draft, type Errors, errorsOf, type Given } from './draft';

export type Act = 'schedule' | 'run' | 'test';

export interface DraftState {
  draft: Draft;
  errors: Errors;
  refusal: Refusal | null;
  busy: Act | null;
  form: React.RefObject<HTMLFormElement>;
  change(change: Partial<Draft>): void;
  submit(act: Act, send: (draft: Draft) => Promise<Refusal | null>): Promise<void>;
}

export function useDraft(initial: Draft, given: Given): DraftState {
  const words = useWords();
  const [draft, setDraft] = React.useState(initial);
  const [refusal, setRefusal] = React.useState<Refusal | null>(null);
  const [busy, setBusy] = React.useState<DraftState['busy']>(null);
  const [tries, setTries] = React.useState(0);
  const [touched, setTouched] = React.useState<ReadonlySet<string>>(new Set());
  const form = React.useRef<HTMLFormElement>(null);

  const all = errorsOf(draft, given, words);
  // Nobody is told of a fault in a field that they have not come to yet.
  const own = tries > 0 ? all : pick(all, field => isOf(field, touched));
  // A fault found here is newer than what the server said of an earlier draft.
  const errors = { ...refusal?.byField, ...own };

  React.useEffect(() => {
    if (tries > 0) {
      focusFirstFault(form.current);
    }
  }, [tries]);

  const change = (part: Partial<Draft>) => {
    setDraft(old => ({ ...old, ...part }));
    const changed = changedFields(draft, part);
    setTouched(old => new Set([...old, ...changed]));
    // The server's word on a field holds until that field is changed.
    setRefusal(
      old => old && { ...old, byField: pick(old.byField, field => !isOf(field, changed)) }
    );
  };

  const submit: DraftState['submit'] = async (act, send) => {
    const faults = errorsOf(draft, given, words, act === 'schedule' ? undefined : 'run');
    if (Object.keys(faults).length > 0) {
      setTries(count => count + 1);
      return;
    }
    setBusy(act);
    const refused = await send(draft);
    setBusy(null);
    setRefusal(refused);
    if (refused) {
      setTries(count => count + 1);
    }
  };

  return { draft, errors, refusal, busy, form, change, submit };
}

/** The fields that a change touches, by the API's names. */
function changedFields(draft: Draft, part: Partial<Draft>): Set<string> {
  const changed = new Set<string>();
  for (const key of Object.keys(part).filter(name => name !== 'parameters')) {
    changed.add(key === 'timing' ? 'trigger' : snake(key));
  }
  for (const [name, entry] of Object.entries(part.parameters ?? {})) {
    if (entry !== draft.parameters[name]) {
      changed.add(`parameters.${name}`);
    }
  }
  return changed;
}

function isOf(field: string, names: ReadonlySet<string>): boolean {
  return [...names].some(name => field === name || field.startsWith(`${name}.`));
}

function pick(errors: Errors, wanted: (field: string) => boolean): Errors {
  return Object.fromEntries(Object.entries(errors).filter(([field]) => wanted(field)));
}

const RENAMED: Record<string, string> = {
  timeoutMinutes: 'timeout_seconds',
  follow: 'notebook',
  cellTimeoutMinutes: 'cell_timeout_seconds',
  jitterMinutes: 'jitter_seconds',
  retryDelayMinutes: 'retry_delay_seconds',
  expireHours: 'expire_after_seconds',
  pauseAfter: 'pause_after_failures'
};

function snake(name: string): string {
  return RENAMED[name] ?? name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
}

function focusFirstFault(form: HTMLFormElement | null): void {
  const faulty = form?.querySelector<HTMLElement>('[aria-invalid="true"]');
  faulty?.closest('details')?.setAttribute('open', '');
  (faulty ?? form?.querySelector<HTMLElement>('[data-refusal]'))?.focus();
}
