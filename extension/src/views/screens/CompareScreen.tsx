/** Two runs side by side, fed by the model. */
import * as React from 'react';

import { sources } from '../../model';
import { RunCompare } from '../compare/RunCompare';
import { Loaded } from '../parts/notices';
import { useResource, useRetry } from './state';

export function CompareScreen({ run, other }: { run: string; other: string }): JSX.Element {
  const diff = useResource(sources.diff(run, other));
  return (
    <Loaded resource={diff} onRetry={useRetry()} rows={8}>
      {value => <RunCompare diff={value} />}
    </Loaded>
  );
}
