/** Tabs by the usual keys: arrows move, Home and End jump, the chosen panel is in the tab order. */
import * as React from 'react';

export interface Tab {
  key: string;
  title: string;
  count?: number;
  content(): React.ReactNode;
}

interface TabsProps {
  label: string;
  tabs: readonly Tab[];
  chosen: string;
  onChoose(key: string): void;
}

export function Tabs({ label, tabs, chosen, onChoose }: TabsProps): JSX.Element {
  const id = React.useId();
  const list = React.useRef<HTMLDivElement>(null);
  const current = tabs.find(({ key }) => key === chosen) ?? tabs[0];
  const move = (event: React.KeyboardEvent) => {
    const place = tabs.indexOf(current);
    const next = placeAfter(event.key, place, tabs.length);
    if (next !== null) {
      event.preventDefault();
      onChoose(tabs[next].key);
      list.current?.querySelectorAll<HTMLElement>('[role="tab"]')[next]?.focus();
    }
  };
  return (
    <div className="nightbook-Tabs">
      <div ref={list} className="nightbook-Tabs-list" role="tablist" aria-label={label}>
        {tabs.map(({ key, title, count }) => (
          <button
            key={key}
            type="button"
            role="tab"
            id={`${id}-${key}-tab`}
            className="nightbook-Tab"
            aria-selected={key === current.key}
            aria-controls={`${id}-panel`}
            tabIndex={key === current.key ? 0 : -1}
            onClick={() => onChoose(key)}
            onKeyDown={move}
          >
            {title}
            {count !== undefined && <span className="nightbook-Tab-count">{count}</span>}
          </button>
        ))}
      </div>
      <div
        id={`${id}-panel`}
        className="nightbook-Tabs-panel"
        role="tabpanel"
        aria-labelledby={`${id}-${current.key}-tab`}
      >
        {current.content()}
      </div>
    </div>
  );
}

function placeAfter(key: string, place: number, count: number): number | null {
  switch (key) {
    case 'ArrowRight':
      return (place + 1) % count;
    case 'ArrowLeft':
      return (place + count - 1) % count;
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return null;
  }
}
