/**
 * The outputs of a running cell, as text and pictures only.
 *
 * Nothing of a notebook becomes markup here: HTML is shown by its plain text, and pictures are drawn on
 * a canvas, which the page's policy allows and which runs nothing.
 */
import * as React from 'react';

import type { NotebookOutput } from '../../tokens';
import { useFollowedEnd } from '../parts/following';
import { useWords } from '../parts/words';

/** Colours and cursor moves of terminals. */
// eslint-disable-next-line no-control-regex
const ANSI = /\u001b\[[0-9;?]*[A-Za-z]|\u001b\][^\u0007]*\u0007/g;

export const PICTURES = ['image/png', 'image/jpeg', 'image/gif'];

function joined(text: unknown): string {
  return Array.isArray(text) ? text.join('') : typeof text === 'string' ? text : '';
}

/** Text as a terminal leaves it: no codes, and a carriage return overwrites its line. */
export function plainText(text: string): string {
  return text
    .replace(ANSI, '')
    .replace(/\r\n/g, '\n')
    .split('\n')
    .map(line => line.slice(line.lastIndexOf('\r', line.length - 2) + 1).replace(/\r$/, ''))
    .join('\n');
}

interface OutputsProps {
  outputs: readonly NotebookOutput[];
  /** Whether there is more to come, so that long texts are shown by their end. */
  growing?: boolean;
}

export function Outputs({ outputs, growing = false }: OutputsProps): JSX.Element {
  return (
    <div className="nightbook-Outputs">
      {outputs.map((output, place) => (
        <Output key={place} output={output} growing={growing} />
      ))}
    </div>
  );
}

interface OutputProps {
  output: NotebookOutput;
  growing: boolean;
}

function Output({ output, growing }: OutputProps): JSX.Element | null {
  const { __ } = useWords();
  if (output.output_type === 'stream') {
    const isError = output.name === 'stderr';
    const tone = isError ? 'nightbook-mod-stderr' : '';
    const text = joined(output.text);
    return growing ? <Growing text={text} tone={tone} /> : <Printed text={text} tone={tone} />;
  }
  if (output.output_type === 'error') {
    const trace = (output.traceback ?? []).join('\n') || `${output.ename}: ${output.evalue}`;
    return <Printed text={trace} tone="nightbook-mod-bad" />;
  }
  const data = output.data ?? {};
  const picture = PICTURES.find(
    type => typeof data[type] === 'string' || Array.isArray(data[type])
  );
  const text = joined(data['text/plain']);
  if (picture) {
    return <Picture type={picture} base64={joined(data[picture])} alt={text || __('A picture')} />;
  }
  if (text) {
    return <Printed text={text} tone="" />;
  }
  const types = Object.keys(data).join(', ');
  return types ? (
    <p className="nightbook-faint">{__('%1: shown in the executed notebook.', types)}</p>
  ) : null;
}

interface PrintedProps {
  text: string;
  tone: string;
  box?: React.RefObject<HTMLPreElement>;
}

/** Long texts scroll, so they have to be reachable by keyboard. */
function Printed({ text, tone, box }: PrintedProps): JSX.Element {
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <pre ref={box} className={`nightbook-Output ${tone}`.trim()} tabIndex={0}>
      {plainText(text)}
    </pre>
  );
}

function Growing({ text, tone }: Omit<PrintedProps, 'box'>): JSX.Element {
  return <Printed text={text} tone={tone} box={useFollowedEnd(text)} />;
}

interface PictureProps {
  type: string;
  base64: string;
  alt: string;
}

export function Picture({ type, base64, alt }: PictureProps): JSX.Element {
  const picture = React.useMemo(() => blobOf(type, base64), [type, base64]);
  return picture ? <Drawn picture={picture} alt={alt} /> : <p className="nightbook-faint">{alt}</p>;
}

/** A picture on a canvas, which runs nothing; its words until it is drawn, or where it cannot be. */
export function Drawn({ picture, alt }: { picture: Blob; alt: string }): JSX.Element {
  const canvas = React.useRef<HTMLCanvasElement>(null);
  const [isDrawn, setDrawn] = React.useState(false);
  React.useEffect(() => {
    let wanted = true;
    createImageBitmap(picture).then(
      bitmap => {
        if (wanted && canvas.current) {
          canvas.current.width = bitmap.width;
          canvas.current.height = bitmap.height;
          canvas.current.getContext('2d')?.drawImage(bitmap, 0, 0);
          setDrawn(true);
        }
      },
      () => undefined
    );
    return () => void (wanted = false);
  }, [picture]);
  return (
    <>
      {!isDrawn && <p className="nightbook-faint">{alt}</p>}
      <canvas
        ref={canvas}
        className="nightbook-Picture"
        role="img"
        aria-label={alt}
        hidden={!isDrawn}
      />
    </>
  );
}

function blobOf(type: string, base64: string): Blob | null {
  try {
    const bytes = Uint8Array.from(atob(base64.replace(/\s/g, '')), letter => letter.charCodeAt(0));
    return new Blob([bytes], { type });
  } catch {
    return null;
  }
}
