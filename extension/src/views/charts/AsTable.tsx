/** The numbers of a chart, for whoever reads better than looks: folded away until asked for. */
import * as React from 'react';

import { type Column, Table } from '../parts/Table';
import { useWords } from '../parts/words';

interface AsTableProps<Row> {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf(row: Row): string;
}

export function AsTable<Row>(props: AsTableProps<Row>): JSX.Element {
  const { __ } = useWords();
  const [isOpen, setOpen] = React.useState(false);
  return (
    <details
      className="nightbook-AsTable"
      open={isOpen}
      onToggle={event => setOpen(event.currentTarget.open)}
    >
      <summary>{__('Show as a table')}</summary>
      {isOpen && <Table {...props} />}
    </details>
  );
}
