/**
 * The file browser of the drive of runs: JupyterLab's own, in a side bar, with nothing in it that writes.
 *
 * It opens executed copies in their viewer, and says why a folder could not be listed.
 */
import type { IDocumentManager } from '@jupyterlab/docmanager';
import { FileBrowser, FilterFileBrowserModel } from '@jupyterlab/filebrowser';
import type { IStateDB } from '@jupyterlab/statedb';
import type { ITranslator } from '@jupyterlab/translation';
import { refreshIcon, ToolbarButton } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { Message } from '@lumino/messaging';
import { Menu } from '@lumino/widgets';
import * as React from 'react';

import { ErrorNote } from '../views/parts/notices';
import { DRIVE, isExecuted, runOf, type RunsDrive } from './drive';
import { nightbookIcon } from './icons';
import { CommandIDs, type Nightbook, NightbookWidget } from './nightbook';
import { FACTORY } from './viewer';

const REFRESH_MILLISECONDS = 60_000;

export interface RunsBrowserOptions {
  nightbook: Nightbook;
  runs: RunsDrive;
  manager: IDocumentManager;
  commands: CommandRegistry;
  translator: ITranslator | null;
  state: IStateDB | null;
}

export class RunsBrowser extends FileBrowser {
  constructor({ nightbook, runs, manager, commands, ...options }: RunsBrowserOptions) {
    const translator = options.translator ?? undefined;
    const state = options.state ?? undefined;
    const model = new FilterFileBrowserModel({
      manager: openingCopies(manager),
      driveName: DRIVE,
      refreshInterval: REFRESH_MILLISECONDS,
      refreshStandby: () => (this.isVisible ? 'when-hidden' : true),
      allowFileUploads: false,
      translator,
      state
    });
    super({ id: 'nightbook-runs-browser', model, translator });
    const { __ } = nightbook.words;
    this.addClass('nightbook-RunsBrowser');
    this.title.icon = nightbookIcon;
    this.title.caption = __('Nightbook runs');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', __('Nightbook runs'));
    // The newest first, which the listing calls ascending. Their names begin with the time, so a column of
    // it would say it twice.
    this.listing.sort({ direction: 'ascending', key: 'last_modified' });
    this.showLastModifiedColumn = false;
    this.showFileCheckboxes = false;
    this.showFileFilter = true;
    this.toolbar.addItem(
      'refresh',
      new ToolbarButton({
        icon: refreshIcon,
        tooltip: __('Look for new runs'),
        onClick: () => void model.refresh()
      })
    );
    this.mainPanel.insertWidget(1, new FolderNote(nightbook, runs, () => void model.refresh()));
    this._menu = new Menu({ commands });
  }

  /** Called once, when this browser is seen for the first time. */
  onFirstShown: (() => void) | null = null;

  handleEvent(event: Event): void {
    if (event.type === 'contextmenu') {
      this._openMenu(event as MouseEvent);
    }
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.node.addEventListener('contextmenu', this);
  }

  protected override onBeforeDetach(message: Message): void {
    this.node.removeEventListener('contextmenu', this);
    super.onBeforeDetach(message);
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.onFirstShown?.();
    this.onFirstShown = null;
    void this.model.refresh();
  }

  /** A menu of what can be done with a run; JupyterLab's own would rename, cut and delete. */
  private _openMenu(event: MouseEvent): void {
    if (event.shiftKey) {
      return; // the browser's own menu
    }
    event.preventDefault();
    event.stopPropagation();
    const item = this.modelForClick(event);
    if (item && isExecuted(item.path)) {
      const args = { id: runOf(item.path) };
      this._menu.clearItems();
      this._menu.addItem({ command: CommandIDs.openRunNotebook, args });
      this._menu.addItem({ command: CommandIDs.showRun, args });
      this._menu.addItem({ command: 'filebrowser:download' });
      this._menu.open(event.clientX, event.clientY);
    }
  }

  private readonly _menu: Menu;
}

/** The manager of documents, for a browser that opens executed copies: never in the editor of notebooks. */
function openingCopies(manager: IDocumentManager): IDocumentManager {
  const chosen = (path: string, factory = 'default') =>
    factory === 'default' && isExecuted(path) ? FACTORY : factory;
  const open: IDocumentManager['open'] = (path, factory, ...rest) =>
    manager.open(path, chosen(path, factory), ...rest);
  const openOrReveal: IDocumentManager['openOrReveal'] = (path, factory, ...rest) =>
    manager.openOrReveal(path, chosen(path, factory), ...rest);
  return Object.create(manager, { open: { value: open }, openOrReveal: { value: openOrReveal } });
}

/** Why the folder that was asked for last could not be listed. */
class FolderNote extends NightbookWidget {
  constructor(
    nightbook: Nightbook,
    runs: RunsDrive,
    private readonly _retry: () => void
  ) {
    super(nightbook);
    this.addClass('nightbook-RunsBrowser-note');
    runs.listed.connect((_, message) => {
      this._message = message;
      this.update();
    });
  }

  protected override render(): JSX.Element {
    return this._message === null ? <></> : super.render();
  }

  protected view(): JSX.Element {
    return <ErrorNote message={this._message ?? ''} onRetry={this._retry} />;
  }

  private _message: string | null = null;
}
