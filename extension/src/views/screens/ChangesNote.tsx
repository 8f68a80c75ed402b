/** Whether the open notebook is still the one of a schedule: asked after each save, of notebooks that are open. */
import * as React from 'react';

import type { NotebookDiff, ScheduleView } from '../../tokens';
import { ChangedBadge, NotebookChanges } from '../detail/NotebookChanges';
import { OpenNotebooksContext } from '../parts/openNotebooks';
import { useAttempt } from '../parts/tell';
import { useWords } from '../parts/words';
import { useModel } from './state';

const NEVER = () => () => undefined;

interface Changes {
  /** Null where nothing changed, or where it cannot be told. */
  diff: NotebookDiff | null;
  again(): void;
}

/** The last answer stays until the next one is there, so that a save makes nothing flicker. */
function useChanges({ notebook: { path, sha256 } }: ScheduleView): Changes {
  const open = React.useContext(OpenNotebooksContext);
  const revision = React.useSyncExternalStore(
    open?.subscribe ?? NEVER,
    () => open?.revisionOf(path) ?? null
  );
  const [diff, setDiff] = React.useState<NotebookDiff | null>(null);
  const [turn, setTurn] = React.useState(0);
  React.useEffect(() => {
    let isCurrent = true;
    const settle = (answer: NotebookDiff | null) => isCurrent && setDiff(answer);
    if (!open || revision === null) {
      settle(null);
    } else {
      // A notebook that cannot be compared (no file yet, a save under way) is no news.
      open.compare(path, sha256).then(settle, () => undefined);
    }
    return () => void (isCurrent = false);
  }, [open, path, sha256, revision, turn]);
  return { diff: diff?.is_same === false ? diff : null, again: () => setTurn(turn + 1) };
}

export function ChangedNotebookBadge({ schedule }: { schedule: ScheduleView }): JSX.Element | null {
  const { diff } = useChanges(schedule);
  return diff && <ChangedBadge id={schedule.id} diff={diff} />;
}

interface ChangesNoteProps {
  schedule: ScheduleView;
  etag: string | null;
  isOpen?: boolean;
}

export function ChangesNote(props: ChangesNoteProps): JSX.Element | null {
  const { schedule, etag, isOpen } = props;
  const { __ } = useWords();
  const model = useModel();
  const attempt = useAttempt();
  const open = React.useContext(OpenNotebooksContext);
  const { diff, again } = useChanges(schedule);
  const update = async (): Promise<string | null> => {
    const sha256 = (await open?.take(schedule.notebook.path)) ?? null;
    if (sha256) {
      // One that follows the latest version has it by the upload alone.
      await (schedule.follows_latest
        ? model.refresh('schedule', 'notebook')
        : model.act(api => api.editSchedule(schedule.id, { notebook: sha256 }, etag)));
    }
    return sha256;
  };
  const onUpdate = () =>
    attempt(update, sha256 => {
      again();
      const version = sha256?.slice(0, 8) ?? '';
      const message = __('“%1” now runs version %2', schedule.name, version);
      return sha256 ? { tone: 'success', message } : null;
    });
  return diff && <NotebookChanges diff={diff} isOpen={isOpen} onUpdate={onUpdate} />;
}
