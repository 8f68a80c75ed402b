/**
 * A table that becomes a list of cards on a narrow screen.
 *
 * The roles are written out because browsers drop them where CSS changes `display`.
 */
/* eslint-disable jsx-a11y/no-redundant-roles, jsx-a11y/no-interactive-element-to-noninteractive-role */
import * as React from 'react';

export interface Column<Row> {
  title: string;
  cell(row: Row): React.ReactNode;
  /** Left out on a narrow screen. */
  minor?: boolean;
  align?: 'end';
}

interface TableProps<Row> {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf(row: Row): string;
}

export function Table<Row>({ label, columns, rows, keyOf }: TableProps<Row>): JSX.Element {
  return (
    <table className="nightbook-Table" role="table" aria-label={label}>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(column => (
            <th key={column.title} role="columnheader" scope="col" className={classOf(column)}>
              {column.title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map(row => (
          <tr key={keyOf(row)} role="row">
            {columns.map(column => (
              <td
                key={column.title}
                role="cell"
                className={classOf(column)}
                data-title={column.title}
              >
                {column.cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function classOf<Row>({ minor, align }: Column<Row>): string | undefined {
  const classes = [minor && 'nightbook-mod-minor', align && 'nightbook-mod-end'].filter(Boolean);
  return classes.join(' ') || undefined;
}
