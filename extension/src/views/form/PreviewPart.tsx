/** What the chosen trigger means: in words, and as the next fire times. */
import * as React from 'react';

import type { PreviewDraft, PreviewView, Trigger } from '../../tokens';
import { Icon } from '../parts/icons';
import { Moment } from '../parts/moments';
import { useWords } from '../parts/words';
import { type Ask, type Asked, useAsked } from './asking';
import { ownZone } from './zones';

export type PreviewWish = Omit<PreviewDraft, 'count'>;

export type AskPreview = Ask<PreviewWish, { preview: PreviewView }>;

type Previewed = Asked<{ preview: PreviewView }>;

export function usePreview(wished: PreviewWish | null, ask: AskPreview): Previewed {
  return useAsked(wished?.trigger.kind === 'manual' ? null : wished, ask, true);
}

interface PreviewPartProps {
  trigger: Trigger | null;
  previewed: Previewed;
}

export function PreviewPart({ trigger, previewed }: PreviewPartProps): JSX.Element | null {
  const { __ } = useWords();
  if (!trigger) {
    return null;
  }
  if (trigger.kind === 'manual') {
    return (
      <Shown>
        <p className="nightbook-Preview-words">{__('Runs only when somebody starts it.')}</p>
      </Shown>
    );
  }
  const { told, asking } = previewed;
  const preview = told?.preview ?? null;
  if (!preview) {
    return asking ? <Shown asking>{__('Working out the next fire times…')}</Shown> : null;
  }
  const zone = 'timezone' in trigger ? trigger.timezone : undefined;
  return (
    <Shown asking={asking}>
      <p className="nightbook-Preview-words">{preview.words}</p>
      {preview.margin && <p className="nightbook-faint">{preview.margin}</p>}
      {isAboutTimes(trigger) && <Times preview={preview} zone={zone} />}
    </Shown>
  );
}

/** A trigger that waits for something else has no times to show. */
function isAboutTimes({ kind }: Trigger): boolean {
  return kind !== 'after' && kind !== 'event';
}

function Times({ preview, zone }: FireTimesProps): JSX.Element {
  const { __ } = useWords();
  return preview.fire_times.length === 0 ? (
    <p className="nightbook-Field-error">{__('This time is past: it would never run.')}</p>
  ) : (
    <FireTimes preview={preview} zone={zone} />
  );
}

function Shown({ asking, children }: { asking?: boolean; children: React.ReactNode }): JSX.Element {
  return (
    <div className="nightbook-Preview" role="status" aria-busy={asking ?? false}>
      <Icon name="calendar" />
      <div>{children}</div>
    </div>
  );
}

interface FireTimesProps {
  preview: PreviewView;
  zone?: string;
}

export function FireTimes({ preview, zone }: FireTimesProps): JSX.Element {
  const { __ } = useWords();
  const elsewhere = zone !== undefined && zone !== ownZone();
  return (
    <ol className="nightbook-FireTimes" aria-label={__('Next fire times')}>
      {preview.fire_times.map(({ at, local, note, starts_at: start }) => (
        <li key={at}>
          <Moment at={at} />
          {elsewhere && (
            <span className="nightbook-faint">{__('%1 in %2', clock(local), zone)}</span>
          )}
          {start && (
            <span className="nightbook-faint">
              {__('starts')} <Moment at={start} />
            </span>
          )}
          {note && <span className="nightbook-FireTimes-note">{note}</span>}
        </li>
      ))}
    </ol>
  );
}

function clock(local: string): string {
  return local.slice(0, 16).replace('T', ' ');
}
