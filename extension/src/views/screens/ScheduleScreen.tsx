/** One schedule, fed by the model, and its form while it is edited. */
import * as React from 'react';

import { newKey, type Tagged } from '../../api';
import { type Model, sources } from '../../model';
import type { ScheduleView } from '../../tokens';
import { ScheduleDetail } from '../detail/ScheduleDetail';
import { ErrorNote, Loaded } from '../parts/notices';
import { Page } from '../parts/Page';
import { type Places, usePlaces } from '../parts/places';
import { useAttempt } from '../parts/tell';
import { useWords } from '../parts/words';
import { ChangesNote } from './ChangesNote';
import { FormScreen } from './FormScreen';
import { RunsOf } from './ListScreens';
import { useModel, useResource, useRetry } from './state';

const FIRE_TIMES = 5;

interface ScheduleScreenProps {
  id: string;
  /** Whether changes of the notebook are shown at once. */
  review?: boolean;
}

export function ScheduleScreen({ id, review }: ScheduleScreenProps): JSX.Element {
  const [isEditing, setEditing] = React.useState(false);
  const tagged = useResource(sources.schedule(id));
  return (
    <Loaded resource={tagged} onRetry={useRetry()} rows={8}>
      {value =>
        isEditing ? (
          <Editing tagged={value} onDone={() => setEditing(false)} />
        ) : (
          <>
            <ChangesNote schedule={value.value} etag={value.etag} isOpen={review} />
            <Shown schedule={value.value} etag={value.etag} onEdit={() => setEditing(true)} />
          </>
        )
      }
    </Loaded>
  );
}

interface EditingProps {
  tagged: Tagged<ScheduleView>;
  onDone(): void;
}

function Editing({ tagged, onDone }: EditingProps): JSX.Element {
  const { __ } = useWords();
  const { path, sha256: pinned } = tagged.value.notebook;
  const newest = useResource(pinned ? null : sources.newestVersion(path));
  const sha256 = pinned ?? newest.value;
  const changes = React.useRef({});
  if (!sha256) {
    return newest.error ? <ErrorNote message={newest.error.message} /> : <></>;
  }
  return (
    <Page title={__('Edit %1', tagged.value.name)}>
      <ChangesNote schedule={tagged.value} etag={tagged.etag} />
      {/* An update to another version comes with another ETag, which the form reads once. */}
      <FormScreen
        key={sha256}
        notebook={{ path, sha256 }}
        schedule={tagged}
        changes={changes}
        onScheduled={onDone}
        onCancel={onDone}
      />
    </Page>
  );
}

interface ShownProps {
  schedule: ScheduleView;
  etag: string | null;
  onEdit(): void;
}

function Shown({ schedule, etag, onEdit }: ShownProps): JSX.Element {
  const { id, notebook } = schedule;
  const model = useModel();
  const occurrencesOf = sources.occurrences(id);
  const fireTimes = useResource(sources.fireTimes(id, FIRE_TIMES));
  const occurrences = useResource(occurrencesOf);
  const stats = useResource(sources.stats(id));
  const newest = useResource(sources.newestVersion(notebook.path));
  const isBehind =
    !schedule.follows_latest && newest.value !== null && newest.value !== notebook.sha256;
  return (
    <ScheduleDetail
      schedule={schedule}
      fireTimes={fireTimes.value}
      occurrences={occurrences.value}
      stats={stats.value}
      runs={<RunsOf only={{ schedule_id: id }} />}
      newer={isBehind ? newest.value : null}
      onEdit={onEdit}
      onMoreOccurrences={() => model.more(occurrencesOf)}
      {...useScheduleActs(schedule, etag)}
    />
  );
}

function useScheduleActs(schedule: ScheduleView, etag: string | null) {
  const { __ } = useWords();
  const { id, name } = schedule;
  const model: Model = useModel();
  const places: Places = usePlaces();
  const attempt = useAttempt();
  const openRun = (run: string) => ({
    label: __('Open run'),
    to: { kind: 'run', id: run } as const
  });
  return {
    onRun: () =>
      attempt(
        () => model.act(api => api.runSchedule(id, {}, newKey())),
        run => ({ tone: 'success', message: __('Run started'), action: openRun(run.id) })
      ),
    onPause: (reason: string) =>
      attempt(
        () => model.act(api => api.pauseSchedule(id, reason || null)),
        () => ({ tone: 'success', message: __('“%1” is paused', name) })
      ),
    onResume: () =>
      attempt(
        () => model.act(api => api.resumeSchedule(id)),
        () => ({ tone: 'success', message: __('“%1” is active again', name) })
      ),
    onDelete: () =>
      attempt(
        async () => {
          await model.act(api => api.deleteSchedule(id));
          places.open({ kind: 'schedules' });
        },
        () => ({ tone: 'success', message: __('“%1” is deleted; its runs stay', name) })
      ),
    onMoveOn: (sha256: string) =>
      attempt(
        () => model.act(api => api.editSchedule(id, { notebook: sha256 }, etag)),
        () => ({ tone: 'success', message: __('“%1” uses the newest version', name) })
      ),
    onMakeHook: () =>
      attempt(
        () => model.act(api => api.makeHook(id)),
        () => null
      ),
    onCloseHook: () =>
      attempt(
        () => model.act(api => api.closeHook(id)),
        () => ({ tone: 'success', message: __('The hook of “%1” is closed', name) })
      ),
    onLatestGood: () =>
      attempt(
        async () => places.open({ kind: 'run', id: (await model.api.latestGood(id)).id }),
        () => null
      )
  };
}
