/**
 * Executed notebooks, to be read: Lab's own renderers, untrusted, without kernel, never written.
 *
 * A `StaticNotebook` has no commands that run or edit cells, and its file starts no session.
 */
import type { Cell } from '@jupyterlab/cells';
import type { IEditorMimeTypeService } from '@jupyterlab/codeeditor';
import { ABCWidgetFactory, type DocumentRegistry, DocumentWidget } from '@jupyterlab/docregistry';
import { type INotebookModel, type NotebookPanel, StaticNotebook } from '@jupyterlab/notebook';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { refreshIcon, Toolbar, ToolbarButton } from '@jupyterlab/ui-components';
import * as React from 'react';

import { sources } from '../model';
import type { RunView } from '../tokens';
import { Moment } from '../views/parts/moments';
import { RunChip } from '../views/parts/state';
import { useWords } from '../views/parts/words';
import { useResource } from '../views/screens/state';
import { runOf } from './drive';
import { runsIcon } from './icons';
import { type Nightbook, NightbookWidget } from './nightbook';

export const FACTORY = 'Executed notebook';

class ReadOnlyNotebook extends StaticNotebook {
  protected override onCellInserted(index: number, cell: Cell): void {
    super.onCellInserted(index, cell);
    // A cell's own `editable` would outweigh the editor's setting.
    cell.syncEditable = false;
    cell.readOnly = true;
  }
}

export class RunViewer extends DocumentWidget<StaticNotebook, INotebookModel> {}

export interface RunViewerOptions {
  rendermime: IRenderMimeRegistry;
  contentFactory: NotebookPanel.IContentFactory;
  mimeTypeService: IEditorMimeTypeService;
  nightbook: Nightbook;
}

export class RunViewerFactory extends ABCWidgetFactory<RunViewer, INotebookModel> {
  constructor(private readonly _options: RunViewerOptions) {
    super({
      name: FACTORY,
      label: _options.nightbook.words.__('Executed Notebook'),
      // For no type of file: it is asked for by name, and is no choice for notebooks elsewhere.
      fileTypes: [],
      modelName: 'notebook',
      readOnly: true,
      canStartKernel: false,
      preferKernel: false
    });
  }

  protected createNewWidget(context: DocumentRegistry.IContext<INotebookModel>): RunViewer {
    const { rendermime, contentFactory, mimeTypeService, nightbook } = this._options;
    const content = new ReadOnlyNotebook({
      rendermime: rendermime.clone({ resolver: context.urlResolver }),
      contentFactory,
      mimeTypeService,
      notebookConfig: { ...StaticNotebook.defaultNotebookConfig, windowingMode: 'defer' }
    });
    content.addClass('jp-Notebook');
    content.addClass('nightbook-Executed');
    content.model = context.model;
    const toolbar = new Toolbar();
    const viewer = new RunViewer({ content, context, toolbar });
    viewer.title.icon = runsIcon;
    fill(toolbar, viewer, nightbook);
    return viewer;
  }
}

function fill(toolbar: Toolbar, viewer: RunViewer, nightbook: Nightbook): void {
  const { __ } = nightbook.words;
  const id = runOf(viewer.context.path);
  const open = (rerun: boolean) => nightbook.open({ kind: 'run', id, rerun });
  toolbar.addItem('state', new StateLine(nightbook, id));
  toolbar.addItem('spacer', Toolbar.createSpacerItem());
  toolbar.addItem(
    'rerun',
    new ToolbarButton({
      label: __('Re-run…'),
      tooltip: __('Run again, with changed parameters if you like'),
      onClick: () => open(true)
    })
  );
  toolbar.addItem(
    'page',
    new ToolbarButton({
      label: __('Run page'),
      tooltip: __('Cells, log, artifacts and attempts of this run'),
      onClick: () => open(false)
    })
  );
  toolbar.addItem(
    'reload',
    new ToolbarButton({
      icon: refreshIcon,
      tooltip: __('Load this copy again'),
      onClick: () => void viewer.context.revert()
    })
  );
}

class StateLine extends NightbookWidget {
  constructor(
    nightbook: Nightbook,
    private readonly _run: string
  ) {
    super(nightbook);
    this.addClass('nightbook-StateLine');
  }

  protected view(): JSX.Element {
    return <KnownState id={this._run} />;
  }
}

function KnownState({ id }: { id: string }): JSX.Element | null {
  const { __ } = useWords();
  const run: RunView | null = useResource(sources.run(id)).value;
  return (
    run && (
      <span role="status">
        <RunChip run={run} />
        <span className="nightbook-StateLine-words">
          {__('Executed copy')} · <Moment at={run.started_at ?? run.created_at} />
        </span>
      </span>
    )
  );
}
