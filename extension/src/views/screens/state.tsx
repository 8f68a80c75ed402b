/** How a screen reads the model: what it watches is loaded and kept fresh while it is shown. */
import * as React from 'react';

import type { Connection, LivePicture, Model, Resource, Source } from '../../model';

export const ModelContext = React.createContext<Model | null>(null);

export function useModel(): Model {
  const model = React.useContext(ModelContext);
  if (!model) {
    throw new Error('A screen is shown inside a ModelContext.');
  }
  return model;
}

const NOTHING: Resource<never> = { value: null, error: null, loading: true };

/** What is known of *source*; null watches nothing. */
export function useResource<Value>(source: Source<Value> | null): Resource<Value> {
  const model = useModel();
  const key = source?.key;
  const current = React.useRef(source);
  current.current = source;
  React.useEffect(() => (current.current ? model.watch(current.current) : undefined), [model, key]);
  return React.useSyncExternalStore(model.subscribe, () =>
    current.current ? model.read(current.current) : NOTHING
  );
}

/** As `useResource`, but an old list stays until the one for new filters is there. */
export function useKept<Value>(source: Source<Value>): Resource<Value> {
  const resource = useResource(source);
  const kept = React.useRef(resource);
  if (resource.value !== null || resource.error !== null) {
    kept.current = resource;
  }
  return kept.current.value !== null ? kept.current : resource;
}

export function useLive(runId: string, following: boolean): LivePicture {
  const model = useModel();
  React.useEffect(() => (following ? model.follow(runId) : undefined), [model, runId, following]);
  return React.useSyncExternalStore(model.subscribe, () => model.live(runId));
}

export function useConnection(): Connection {
  const model = useModel();
  return React.useSyncExternalStore(model.subscribe, () => model.connection);
}

/** Loads again at a person's wish; what goes wrong is shown where the value would be. */
export function useRetry(): () => void {
  const model = useModel();
  return () => void model.refresh().catch(() => undefined);
}
