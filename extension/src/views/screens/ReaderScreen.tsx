/** The reader's page, fed by the model. */
import * as React from 'react';

import { ApiError } from '../../api';
import { sources } from '../../model';
import { Reader } from '../detail/Reader';
import { Empty, Loaded } from '../parts/notices';
import { useWords } from '../parts/words';
import { useResource, useRetry } from './state';

export function ReaderScreen({ schedule }: { schedule: string }): JSX.Element {
  const { __ } = useWords();
  const results = useResource(sources.results(schedule));
  const good = results.value?.good.id ?? null;
  const artifacts = useResource(good ? sources.artifacts(good) : null);
  const retry = useRetry();
  if (!results.value && results.error instanceof ApiError && results.error.code === 'no_run_yet') {
    return (
      <Empty icon="book" title={__('There is no result yet')}>
        {__(
          'It is shown here as soon as a run of this schedule succeeds. The link stays the same.'
        )}
      </Empty>
    );
  }
  return (
    <Loaded resource={results} onRetry={retry} rows={8}>
      {value => <Reader schedule={schedule} {...value} artifacts={artifacts.value ?? []} />}
    </Loaded>
  );
}
