/** The notebooks that were uploaded, each one step from a schedule. */
import * as React from 'react';

import type { NotebookView } from '../../tokens';
import { MoreButton } from '../parts/actions';
import { Moment } from '../parts/moments';
import { Empty } from '../parts/notices';
import { PlaceLink } from '../parts/places';
import { type Column, Table } from '../parts/Table';
import { useWords } from '../parts/words';

interface NotebooksListProps {
  notebooks: readonly NotebookView[];
  more: boolean;
  onMore(): void | Promise<unknown>;
}

export function NotebooksList({ notebooks, more, onMore }: NotebooksListProps): JSX.Element {
  const { __ } = useWords();
  if (notebooks.length === 0) {
    return (
      <Empty icon="book" title={__('No notebooks yet')}>
        {__('Press Schedule in JupyterLab, or run “nightbook run NOTEBOOK” in a terminal.')}
      </Empty>
    );
  }
  const columns: Column<NotebookView>[] = [
    {
      title: __('Notebook'),
      cell: ({ path, sha256 }) => (
        <PlaceLink to={{ kind: 'schedule-notebook', path, sha256 }}>{path}</PlaceLink>
      )
    },
    {
      title: __('Version'),
      minor: true,
      cell: ({ sha256 }) => <code className="nightbook-Code">{sha256.slice(0, 8)}</code>
    },
    { title: __('Versions'), align: 'end', minor: true, cell: ({ versions }) => versions },
    { title: __('Uploaded'), cell: ({ updated_at }) => <Moment at={updated_at} /> }
  ];
  return (
    <>
      <Table
        label={__('Notebooks')}
        columns={columns}
        rows={notebooks}
        keyOf={notebook => notebook.path}
      />
      {more && <MoreButton shown={notebooks.length} onMore={onMore} />}
    </>
  );
}
