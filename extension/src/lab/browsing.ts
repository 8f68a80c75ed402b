/** The plug-ins of the drive of runs: the drive itself, and the side bar that it is browsed in. */
import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator } from '@jupyterlab/translation';

import { IRunsDrive, RunsDrive } from './drive';
import { nightbookIcon } from './icons';
import { CommandIDs, INightbook, type Nightbook } from './nightbook';
import { RunsBrowser } from './runsBrowser';

export const drive: JupyterFrontEndPlugin<RunsDrive> = {
  id: 'nightbook-lab:drive',
  description: 'Offers runs as a drive that can only be read.',
  autoStart: true,
  provides: IRunsDrive,
  requires: [INightbook],
  activate: ({ serviceManager }: JupyterFrontEnd, nightbook: Nightbook) => {
    const { contents, serverSettings } = serviceManager;
    const made = new RunsDrive(serverSettings, nightbook.model.api, nightbook.words);
    contents.addDrive(made);
    return made;
  }
};

export const runsBrowser: JupyterFrontEndPlugin<void> = {
  id: 'nightbook-lab:runs-browser',
  description: 'Browses runs by date, schedule and state, in a side bar.',
  autoStart: true,
  requires: [INightbook, IRunsDrive, IDocumentManager],
  optional: [
    ILabShell,
    IFileBrowserFactory,
    ILayoutRestorer,
    ICommandPalette,
    IStateDB,
    ITranslator
  ],
  activate: (
    { commands }: JupyterFrontEnd,
    nightbook: Nightbook,
    runs: RunsDrive,
    manager: IDocumentManager,
    labShell: ILabShell | null,
    browsers: IFileBrowserFactory | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    state: IStateDB | null,
    translator: ITranslator | null
  ) => {
    if (!labShell) {
      return;
    }
    const browser = new RunsBrowser({ nightbook, runs, manager, commands, state, translator });
    // JupyterLab's keys for files, pressed here, must not act on the files of the other browser. But a browser
    // that joins the tracker is its current one at once, so this one joins when it is first seen.
    browser.onFirstShown = () => void browsers?.tracker.add(browser);
    labShell.add(browser, 'left', { rank: 510, type: nightbook.words.__('Nightbook Runs') });
    restorer?.add(browser, browser.id);
    commands.addCommand(CommandIDs.browseRuns, {
      label: nightbook.words.__('Browse Runs'),
      caption: nightbook.words.__('Executed notebooks by date, schedule and state'),
      icon: nightbookIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => labShell.activateById(browser.id)
    });
    palette?.addItem({ command: CommandIDs.browseRuns, category: 'Nightbook' });
  }
};
