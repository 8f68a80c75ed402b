/** A run of what the form holds, watched beside the form before the schedule is made or saved. */
import * as React from 'react';

import { sources } from '../../model';
import { isFinal, isRed, type RunView } from '../../tokens';
import { Progress } from '../detail/Progress';
import { Action } from '../parts/actions';
import { secondsBetween, spanWords } from '../parts/moments';
import { Loaded } from '../parts/notices';
import { PlaceLink } from '../parts/places';
import { RunChip, whyLine } from '../parts/state';
import { useAttempt } from '../parts/tell';
import { useWords } from '../parts/words';
import { useLive, useModel, useResource, useRetry } from './state';

export function TestRun({ id }: { id: string }): JSX.Element {
  const { __ } = useWords();
  const run = useResource(sources.run(id));
  return (
    <section className="nightbook-TestRun" aria-label={__('Test run')}>
      <Loaded resource={run} onRetry={useRetry()} rows={1}>
        {value => <Watched run={value} />}
      </Loaded>
    </section>
  );
}

function Watched({ run }: { run: RunView }): JSX.Element {
  const words = useWords();
  const { __ } = words;
  const model = useModel();
  const attempt = useAttempt();
  const isOver = isFinal(run.state);
  const cells = useResource(sources.cells(run.id));
  const usual = useResource(run.started_at ? sources.usual(run.id, run.cells_total) : null);
  const live = useLive(run.id, !isOver);
  const cancel = () =>
    attempt(
      () => model.act(api => api.cancelRun(run.id, null)),
      () => ({ tone: 'info', message: __('The run is being stopped') })
    );
  const why = whyLine(run, words);
  return (
    <>
      <p className="nightbook-TestRun-head">
        <strong>{__('Test run')}</strong>
        <span role="status">
          <RunChip run={run} />
        </span>
        {isOver && run.started_at && (
          <span className="nightbook-faint">
            {spanWords(secondsBetween(run.started_at, run.finished_at ?? run.started_at), words)}
          </span>
        )}
      </p>
      <Progress run={run} cells={cells.value ?? []} live={live} usual={usual.value} />
      {why && <p className={isRed(run) ? 'nightbook-Field-error' : 'nightbook-faint'}>{why}</p>}
      <p className="nightbook-TestRun-ways">
        <PlaceLink to={{ kind: 'run', id: run.id, cell: run.failed_cell ?? undefined }}>
          {run.failed_cell === null ? __('Open run') : __('Show cell %1', run.failed_cell + 1)}
        </PlaceLink>
        {!isOver && <Action label={__('Stop')} icon="stop" onAct={cancel} />}
      </p>
    </>
  );
}
