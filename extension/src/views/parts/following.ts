/** A scrolling text that grows: it follows its end, unless the reader has scrolled up to read. */
import * as React from 'react';

const NEAR = 80;

export function useFollowedEnd(text: string): React.RefObject<HTMLPreElement> {
  const box = React.useRef<HTMLPreElement>(null);
  const wasAtEnd = React.useRef(true);
  React.useEffect(() => {
    const pre = box.current;
    const note = () => {
      wasAtEnd.current = !pre || pre.scrollHeight - pre.scrollTop - pre.clientHeight < NEAR;
    };
    pre?.addEventListener('scroll', note, { passive: true });
    return () => pre?.removeEventListener('scroll', note);
  }, []);
  React.useEffect(() => {
    if (box.current && wasAtEnd.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, [text]);
  return box;
}
