/**
 * An executed notebook, rendered by the server, in a frame of its own origin.
 *
 * `sandbox` with nothing allowed: no script, no form, no access to this page's session.
 */
import * as React from 'react';

import { usePlaces } from '../parts/places';
import { useWords } from '../parts/words';

interface SafeFrameProps {
  /** The path of the rendered notebook in the API. */
  path: string;
  title: string;
  /** Changes when there is more to show, so that the frame is loaded anew. */
  fresh?: string;
  /** Whether the code is shown before anybody chooses. */
  withCode: boolean;
  /** Further ways to the same, with the choice of code as a query. */
  links?(wish: string): React.ReactNode;
}

export function SafeFrame({
  path,
  title,
  fresh,
  withCode,
  links
}: SafeFrameProps): JSX.Element | null {
  const { __ } = useWords();
  const { download } = usePlaces();
  const [code, setCode] = React.useState(withCode);
  if (!download) {
    return null;
  }
  const wish = `code=${code ? 'shown' : 'hidden'}`;
  const source = download(`${path}?${wish}`);
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
          {links?.(wish)}
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

/** The executed copy of one run that has ended. */
export function NotebookFrame({ run, title }: { run: string; title: string }): JSX.Element {
  const { __ } = useWords();
  const { download } = usePlaces();
  return (
    <SafeFrame
      path={`/runs/${run}/notebook.html`}
      title={title}
      withCode
      links={wish => (
        <a
          className="nightbook-Link"
          href={download?.(`/runs/${run}/export/slides?${wish}`)}
          target="_blank"
          rel="noreferrer"
        >
          {__('Open as slides')}
        </a>
      )}
    />
  );
}
