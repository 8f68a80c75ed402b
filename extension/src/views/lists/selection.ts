/** What long lists share: what they are given, and which of their rows are selected. */
import * as React from 'react';

export interface LongListProps<Row> {
  rows: readonly Row[];
  more: boolean;
  filtered: boolean;
  /** Whether the oldest come first. */
  isUp: boolean;
  onTurn(): void;
  onMore(): void | Promise<unknown>;
  onLook(from: number, to: number): void;
}

/** The selected ids, and their rows; a row that left the list is selected no more. */
export function useSelection<Row extends { id: string }>(rows: readonly Row[]) {
  const [selected, setSelected] = React.useState<ReadonlySet<string>>(() => new Set());
  const chosen = React.useMemo(
    () => (selected.size === 0 ? [] : rows.filter(({ id }) => selected.has(id))),
    [rows, selected]
  );
  return { selected, chosen, setSelected };
}
