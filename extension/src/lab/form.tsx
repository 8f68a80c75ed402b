/** The form as a tab of its own, or as a dialog where the shell has room for one widget only. */
import { Dialog, MainAreaWidget } from '@jupyterlab/apputils';
import type { Widget } from '@lumino/widgets';
import * as React from 'react';

import { FormScreen } from '../views/screens/FormScreen';
import { scheduleIcon } from './icons';
import { type Nightbook, NightbookWidget } from './nightbook';

export interface FormOptions {
  path: string;
  sha256: string;
  zone?: string;
}

class FormContent extends NightbookWidget {
  constructor(
    nightbook: Nightbook,
    private readonly _options: FormOptions,
    private readonly _done: () => void
  ) {
    super(nightbook);
    this.addClass('nightbook-FormTab');
  }

  protected view(): JSX.Element {
    const { path, sha256, zone } = this._options;
    return (
      <FormScreen
        key={sha256}
        notebook={{ path, sha256 }}
        zone={zone || undefined}
        onScheduled={this._done}
        onStarted={this._done}
        onCancel={this._done}
      />
    );
  }
}

export function titleOf({ __ }: Nightbook['words'], path: string): string {
  return __('Schedule %1', path.replace(/^.*\//, ''));
}

export function formTab(nightbook: Nightbook, options: FormOptions): MainAreaWidget {
  const content = new FormContent(nightbook, options, () => widget.dispose());
  const widget: MainAreaWidget = new MainAreaWidget({ content });
  widget.id = `nightbook-form-${options.sha256}-${options.path}`;
  widget.title.label = titleOf(nightbook.words, options.path);
  widget.title.caption = options.path;
  widget.title.icon = scheduleIcon;
  widget.title.closable = true;
  widget.toolbar.hide();
  return widget;
}

/** Shows the form over everything else; for Notebook 7, which ignores a second main widget. */
export async function formDialog(nightbook: Nightbook, options: FormOptions): Promise<void> {
  const body: Widget = new FormContent(nightbook, options, () => dialog.dispose());
  const dialog: Dialog<unknown> = new Dialog({
    title: titleOf(nightbook.words, options.path),
    body,
    buttons: [Dialog.cancelButton({ label: nightbook.words.__('Close') })],
    hasClose: true
  });
  await dialog.launch().catch(() => undefined);
}
