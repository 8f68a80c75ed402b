/**
 * The newest good result of a schedule, for readers: code hidden, under a link that stays.
 *
 * While newer runs fail it goes on showing the last good one, and says so.
 */
import * as React from 'react';

import type { ArtifactView, RunView } from '../../tokens';
import { Action } from '../parts/actions';
import { Icon } from '../parts/icons';
import { Moment, sizeWords } from '../parts/moments';
import { Card, Page } from '../parts/Page';
import { PlaceLink, usePlaces } from '../parts/places';
import { stateWords } from '../parts/state';
import { useTell } from '../parts/tell';
import { useWords } from '../parts/words';
import { SafeFrame } from './NotebookFrame';

export interface ReaderProps {
  schedule: string;
  /** The newest run that succeeded, and the newest that ended. */
  good: RunView;
  newest: RunView;
  artifacts: readonly ArtifactView[];
}

export function Reader({ schedule, good, newest, artifacts }: ReaderProps): JSX.Element {
  const { __ } = useWords();
  const name = good.schedule_name ?? good.notebook.path;
  const files = artifacts.filter(({ role }) => role === 'output');
  return (
    <Page
      title={name}
      below={
        <p className="nightbook-Lead">
          {__('The result of')} <Moment at={good.fire_at ?? good.started_at} />
        </p>
      }
      actions={<ReaderActions schedule={schedule} run={good} />}
    >
      <Freshness good={good} newest={newest} />
      <SafeFrame
        path={`/schedules/${schedule}/latest-successful/notebook.html`}
        title={name}
        fresh={good.id}
        withCode={false}
      />
      {files.length > 0 && <Files schedule={schedule} files={files} />}
    </Page>
  );
}

/** Whether this is today's, in words that cannot be overlooked. */
function Freshness({ good, newest }: Pick<ReaderProps, 'good' | 'newest'>): JSX.Element {
  const words = useWords();
  const { __ } = words;
  if (good.id === newest.id) {
    return (
      <p className="nightbook-AllWell">
        <Icon name="check" /> {__('This is the newest result.')}
      </p>
    );
  }
  return (
    <div className="nightbook-Notice nightbook-mod-warn" role="alert">
      <Icon name="warn" />
      <p>
        {__('The newest run, of')} <Moment at={newest.fire_at ?? newest.started_at} />
        {', '}
        {__(
          'did not succeed (%1). This result is from',
          stateWords(newest.state, words).toLowerCase()
        )}{' '}
        <Moment at={good.fire_at ?? good.started_at} />.
      </p>
      <PlaceLink to={{ kind: 'run', id: newest.id }}>{__('See what happened')}</PlaceLink>
    </div>
  );
}

function ReaderActions({ schedule, run }: { schedule: string; run: RunView }): JSX.Element {
  const { __ } = useWords();
  const places = usePlaces();
  const tell = useTell();
  const href = places.href?.({ kind: 'reader', schedule });
  const copy = async () => {
    const link = new URL(href ?? '', window.location.href).href;
    try {
      await navigator.clipboard.writeText(link);
      tell({
        tone: 'success',
        message: __('The link is copied. It always leads to the newest good result.')
      });
    } catch {
      // The clipboard is closed to pages on plain HTTP; the link itself can be copied by hand.
      tell({ tone: 'info', message: link });
    }
  };
  return (
    <>
      {href && <Action label={__('Copy link')} icon="out" onAct={copy} />}
      <PlaceLink to={{ kind: 'run', id: run.id }}>{__('About this run')}</PlaceLink>
      <PlaceLink to={{ kind: 'schedule', id: schedule }}>{__('Schedule')}</PlaceLink>
    </>
  );
}

interface FilesProps {
  schedule: string;
  files: readonly ArtifactView[];
}

function Files({ schedule, files }: FilesProps): JSX.Element {
  const { __ } = useWords();
  const { download } = usePlaces();
  const address = (name: string) => name.split('/').map(encodeURIComponent).join('/');
  return (
    <Card title={__('Files')}>
      <ul className="nightbook-Rows" aria-label={__('Files')}>
        {files.map(({ name, size }) => (
          <li key={name} className="nightbook-Row">
            <span className="nightbook-Row-main">
              <a
                className="nightbook-Link"
                href={download?.(
                  `/schedules/${schedule}/latest-successful/artifacts/${address(name)}`
                )}
                download
              >
                {name}
              </a>
            </span>
            <span className="nightbook-Time">{sizeWords(size)}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
