/**
 * The executed notebook, rendered by the server, in a frame of its own origin.
 *
 * `sandbox` with nothing allowed: no script, no form, no access to this page's session.
 */
import * as React from 'react';

import { usePlaces } from '../parts/places';
import { useWords } from '../parts/words';

interface NotebookFrameProps {
  run: string;
  title: string;
  /** Changes when there is more to show, so that the frame is loaded anew. */
  fresh?: string;
  /** Whether the run has ended, so that there are slides of it. */
  isWhole?: boolean;
}

export function NotebookFrame({
  run,
  title,
  fresh,
  isWhole
}: NotebookFrameProps): JSX.Element | null {
  const { __ } = useWords();
  const { download } = usePlaces();
  const [code, setCode] = React.useState(true);
  if (!download) {
    return null;
  }
  const wish = `code=${code ? 'shown' : 'hidden'}`;
  const source = download(`/runs/${run}/notebook.html?${wish}`);
  return (
    <div className="nightbook-Frame">
      <div className="nightbook-Frame-bar">
        <label className="nightbook-Switch">
          <input
            type="checkbox"
            role="switch"
            checked={code}
            onChange={event => setCode(event.target.checked)}
          />
          <span>{__('Show code')}</span>
        </label>
        <span className="nightbook-Frame-links">
          <a className="nightbook-Link" href={source} target="_blank" rel="noreferrer">
            {__('Open in a tab of its own')}
          </a>
          {isWhole && (
            <a
              className="nightbook-Link"
              href={download(`/runs/${run}/export/slides?${wish}`)}
              target="_blank"
              rel="noreferrer"
            >
              {__('Open as slides')}
            </a>
          )}
        </span>
      </div>
      <iframe
        key={`${source}#${fresh ?? ''}`}
        className="nightbook-Frame-page"
        src={source}
        title={title}
        sandbox=""
      />
    </div>
  );
}
