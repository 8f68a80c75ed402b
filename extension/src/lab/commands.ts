/** The commands that act on a notebook: the one that is open, or the one selected in the file browser. */
import type { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';

import { newKey, refusalOf } from '../api';
import type { FormOptions } from './form';
import type { Nightbook } from './nightbook';
import { madeReady, serverPath, snapshot, type Snapshot, type Wish } from './snapshot';

export interface Surroundings {
  contents: Contents.IManager;
  tracker: INotebookTracker | null;
  browsers: IFileBrowserFactory | null;
  settings(): Promise<ISettingRegistry.ISettings | null>;
  showForm(options: FormOptions): void;
}

/** What a command is asked to act on; by default the notebook that is open. */
export interface Target {
  path?: string;
  /** The first notebook that is selected in the file browser. */
  selected?: boolean;
}

export class NotebookActions {
  constructor(
    private readonly _nightbook: Nightbook,
    private readonly _around: Surroundings
  ) {}

  /** Whether there is something to act on. */
  isPossible({ path, selected }: Target): boolean {
    return Boolean(path ?? this._around.tracker?.currentWidget ?? (selected && this._selected()));
  }

  schedule(target: Target): Promise<void> {
    return this._once(async () => {
      const settings = await this._around.settings();
      const taken = await this._take(target, {
        saveLabel: this._nightbook.words.__('Save and schedule'),
        offerCell: settings?.composite.offerParametersCell === true,
        onOffered: ({ askAgain }) => {
          if (!askAgain) {
            void settings?.set('offerParametersCell', false);
          }
        }
      });
      if (taken) {
        const zone = settings?.composite.timezone as string | undefined;
        this._around.showForm({ path: taken.path, sha256: taken.sha256, zone });
      }
    });
  }

  runNow(target: Target): Promise<void> {
    return this._once(async () => {
      const saveLabel = this._nightbook.words.__('Save and run');
      const taken = await this._take(target, { saveLabel, offerCell: false });
      if (taken) {
        await this._start(taken);
      }
    });
  }

  private async _start({ path, sha256 }: Snapshot): Promise<void> {
    const { model, tell, words } = this._nightbook;
    const { __ } = words;
    this._nightbook.start();
    try {
      const run = await model.act(api => api.startRun({ notebook: sha256 }, newKey()));
      const action = { label: __('Open run'), to: { kind: 'run', id: run.id } as const };
      tell({ tone: 'success', message: __('Run started'), action });
    } catch (error) {
      // Values that the notebook does not have by itself are entered in the form.
      const to = { kind: 'schedule-notebook', path, sha256 } as const;
      tell({
        tone: 'error',
        message: refusalOf(error).message,
        action: { label: __('Open form'), to }
      });
    }
  }

  /** Saves and uploads what is acted on; null where the person turned back. */
  private async _take(target: Target, wish: Wish): Promise<Snapshot | null> {
    const { transport, words } = this._nightbook;
    const { contents } = this._around;
    const panel = this._panelOf(target);
    const shown = panel?.context.path ?? target.path ?? this._selected();
    const path = shown && serverPath(contents, shown);
    if (!path) {
      throw new Error(words.__('Choose a notebook among the files of this Jupyter server.'));
    }
    const isReady = !panel || (await madeReady(panel, words, wish));
    return isReady ? snapshot(transport, path, panel) : null;
  }

  /** The open panel of what is acted on, if it is open. */
  private _panelOf({ path, selected }: Target): NotebookPanel | null {
    const { tracker } = this._around;
    const wanted = path ?? (selected ? this._selected() : undefined);
    if (!wanted) {
      return tracker?.currentWidget ?? null;
    }
    return tracker?.find(({ context }) => context.path === wanted) ?? null;
  }

  private _selected(): string | undefined {
    const browser = this._around.browsers?.tracker.currentWidget;
    const items = browser ? [...browser.selectedItems()] : [];
    return items.find(({ type }) => type === 'notebook')?.path;
  }

  /** One act at a time; a refusal is told, so that nothing is left silent. */
  private async _once(act: () => Promise<void>): Promise<void> {
    if (this._isBusy) {
      return;
    }
    this._isBusy = true;
    try {
      await act();
    } catch (error) {
      this._nightbook.tell({ tone: 'error', message: refusalOf(error).message });
    } finally {
      this._isBusy = false;
    }
  }

  private _isBusy = false;
}
