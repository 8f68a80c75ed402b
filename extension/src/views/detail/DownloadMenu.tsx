/** The executed copy as a file: one form a line, and of those the server cannot make, why. */
import * as React from 'react';

import type { ExportFormat, ExportFormatView, Words } from '../../tokens';
import { Action } from '../parts/actions';
import { Icon } from '../parts/icons';
import { useWords } from '../parts/words';

interface DownloadMenuProps {
  /** Null while the server has not told them. */
  formats: readonly ExportFormatView[] | null;
  onSave(format: ExportFormat, code: boolean): Promise<unknown>;
}

export function DownloadMenu({ formats, onSave }: DownloadMenuProps): JSX.Element {
  const { __ } = useWords();
  const [isOpen, setOpen] = React.useState(false);
  const id = React.useId();
  const opener = React.useRef<HTMLButtonElement>(null);
  const leave = (event: React.KeyboardEvent) => {
    if (event.key === 'Escape' && isOpen) {
      setOpen(false);
      opener.current?.focus();
    }
  };
  return (
    // Keys are heard where the focus is, on the buttons within.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div className="nightbook-Menu" onKeyDown={leave}>
      <button
        ref={opener}
        type="button"
        className="nightbook-Button nightbook-mod-plain"
        aria-expanded={isOpen}
        aria-controls={id}
        onClick={() => setOpen(!isOpen)}
      >
        <Icon name="save" />
        {__('Download')}
        <Icon name={isOpen ? 'up' : 'down'} />
      </button>
      <div id={id} className="nightbook-Menu-list" hidden={!isOpen}>
        {isOpen && <Choices formats={formats} onSave={onSave} />}
      </div>
    </div>
  );
}

function Choices({ formats, onSave }: DownloadMenuProps): JSX.Element {
  const words = useWords();
  const { __ } = words;
  const [code, setCode] = React.useState(true);
  if (!formats) {
    return <p role="status">{__('Asking what the server can make…')}</p>;
  }
  return (
    <>
      <label className="nightbook-Switch">
        <input
          type="checkbox"
          role="switch"
          checked={code}
          onChange={event => setCode(event.target.checked)}
        />
        <span>{__('With code')}</span>
      </label>
      <ul>
        {formats.map(({ format, is_available: can, reason }) => (
          <li key={format}>
            <Action
              label={formatWords(format, words)}
              disabled={!can}
              onAct={() => onSave(format, code)}
            />
            {!can && reason && <p className="nightbook-faint">{reason}</p>}
          </li>
        ))}
      </ul>
    </>
  );
}

function formatWords(format: ExportFormat, { __ }: Words): string {
  return {
    ipynb: __('Notebook (.ipynb)'),
    html: __('Web page (.html)'),
    slides: __('Slides (.html)'),
    pdf: __('PDF')
  }[format];
}
