/** The notebooks open in this JupyterLab, as our views ask for them: after each save, never while typing. */
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import { Debouncer } from '@lumino/polling';
import { Signal } from '@lumino/signaling';

import type { NotebookDiff, Words } from '../tokens';
import type { OpenNotebooks } from '../views/parts/openNotebooks';
import { madeReady, savedAs, serverPath, snapshot } from './snapshot';
import type { LabTransport } from './transport';

/** A save is told by several signals; they become one look. */
const QUIET_MILLISECONDS = 300;

export class LabNotebooks implements OpenNotebooks {
  constructor(
    private readonly _tracker: INotebookTracker,
    private readonly _contents: Contents.IManager,
    private readonly _transport: LabTransport,
    private readonly _words: Words
  ) {
    _tracker.forEach(panel => this._follow(panel));
    _tracker.widgetAdded.connect((_, panel) => this._follow(panel));
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    const slot = () => listener();
    this._changed.connect(slot);
    return () => void this._changed.disconnect(slot);
  };

  revisionOf(path: string): number | null {
    return this._panelOf(path)?.context.isReady ? (this._revisions.get(path) ?? 0) : null;
  }

  compare(path: string, against: string | null): Promise<NotebookDiff> {
    const panel = this._panelOf(path);
    // What is not saved yet is not waited for: the file is compared as it is.
    const cells = panel && !panel.context.model.dirty ? panel : null;
    return savedAs(this._transport, 'compare', { path, against }, cells);
  }

  async take(path: string): Promise<string | null> {
    const panel = this._panelOf(path);
    const saveLabel = this._words.__('Save and update');
    if (!panel || !(await madeReady(panel, this._words, { saveLabel, offerCell: false }))) {
      return null;
    }
    return (await snapshot(this._transport, path, panel)).sha256;
  }

  private _panelOf(path: string): NotebookPanel | null {
    return this._tracker.find(panel => this._pathOf(panel) === path) ?? null;
  }

  private _pathOf(panel: NotebookPanel): string | null {
    return serverPath(this._contents, panel.context.path);
  }

  private _follow(panel: NotebookPanel): void {
    const { context } = panel;
    const look = () => this._note(panel);
    context.fileChanged.connect(look);
    context.pathChanged.connect(look);
    context.saveState.connect((_, state) => state === 'completed' && look());
    panel.disposed.connect(() => void this._told.invoke());
    context.ready.then(look).catch(() => undefined);
  }

  private _note(panel: NotebookPanel): void {
    const path = this._pathOf(panel);
    if (path) {
      this._saved.add(path);
      void this._told.invoke();
    }
  }

  private _tell(): void {
    this._saved.forEach(path => this._revisions.set(path, (this._revisions.get(path) ?? 0) + 1));
    this._saved.clear();
    this._changed.emit();
  }

  private readonly _revisions = new Map<string, number>();
  private readonly _saved = new Set<string>();
  private readonly _changed = new Signal<this, void>(this);
  private readonly _told = new Debouncer(() => this._tell(), QUIET_MILLISECONDS);
}
