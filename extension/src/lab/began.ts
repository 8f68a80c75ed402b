/** The runs that this tab began: each is followed to its end, so that a toast can tell of it. */
import { type ISignal, Signal } from '@lumino/signaling';

import { Api } from '../api';
import { type Model, sources } from '../model';
import type { RerunDraft, RunDraft, RunNowDraft, RunView } from '../tokens';
import { isFinal } from '../tokens';

/** The API, which also says which runs were begun through it. */
export class TabApi extends Api {
  get began(): ISignal<this, RunView> {
    return this._began;
  }

  override async startRun(draft: RunDraft, key?: string): Promise<RunView> {
    return this._tell(await super.startRun(draft, key));
  }

  override async rerun(id: string, draft: RerunDraft, key?: string): Promise<RunView> {
    return this._tell(await super.rerun(id, draft, key));
  }

  override async runSchedule(id: string, draft: RunNowDraft = {}, key?: string): Promise<RunView> {
    return this._tell(await super.runSchedule(id, draft, key));
  }

  private _tell(run: RunView): RunView {
    this._began.emit(run);
    return run;
  }

  private readonly _began = new Signal<this, RunView>(this);
}

/** Calls *ended* once for each run that *api* began, when it has ended. */
export function followToTheEnd(api: TabApi, model: Model, ended: (run: RunView) => void): void {
  const unwatch = new Map<string, () => void>();
  api.began.connect((_, run) => {
    if (!unwatch.has(run.id)) {
      unwatch.set(run.id, model.watch(sources.run(run.id)));
    }
  });
  model.changed.connect(() => {
    for (const [id, stop] of unwatch) {
      const run = model.read(sources.run(id)).value;
      if (run && isFinal(run.state)) {
        unwatch.delete(id);
        stop();
        ended(run);
      }
    }
  });
}
