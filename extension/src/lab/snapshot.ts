/** A notebook on its way to Nightbook: saved first, then uploaded as saved by the Jupyter server. */
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';

import { ApiError, problemOf, Unreachable } from '../api';
import type { Finding, Words } from '../tokens';
import { hasParametersCell, type Offered, offerParametersCell } from './parameters';
import type { LabTransport } from './transport';

export interface Snapshot {
  path: string;
  sha256: string;
  findings: Finding[];
}

/** The path that the Jupyter server knows; null for a notebook of another drive. */
export function serverPath(contents: Contents.IManager, path: string): string | null {
  // Older versions of shared editing put their documents behind a drive of their own.
  const isHere = ['', 'RTC'].includes(contents.driveName(path));
  return isHere ? contents.localPath(path) : null;
}

export interface Wish {
  /** The words of the button that saves and goes on. */
  saveLabel: string;
  /** Whether a parameters cell is offered where there is none. */
  offerCell: boolean;
  onOffered?(offered: Offered): void;
}

/** Saves an open notebook after asking; answers whether to go on. */
export async function madeReady(panel: NotebookPanel, words: Words, wish: Wish): Promise<boolean> {
  await panel.context.ready;
  if (panel.context.model.dirty && !(await wantsToSave(panel, words, wish.saveLabel))) {
    return false;
  }
  if (wish.offerCell && !hasParametersCell(panel)) {
    const offered = await offerParametersCell(panel, words);
    wish.onOffered?.(offered);
    if (!offered.goOn) {
      return false;
    }
  }
  if (panel.context.model.dirty) {
    await panel.context.save();
  }
  return true;
}

async function wantsToSave(
  panel: NotebookPanel,
  { __ }: Words,
  saveLabel: string
): Promise<boolean> {
  const name = panel.title.label;
  const { button } = await showDialog({
    title: __('Save %1 first?', name),
    body: __('Nightbook runs the notebook as it is saved. It has changes that are not saved yet.'),
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: saveLabel })]
  });
  return button.accept;
}

/** Uploads the saved notebook; with *panel*, only once the file is what its editor shows. */
export function snapshot(
  transport: LabTransport,
  path: string,
  panel: NotebookPanel | null
): Promise<Snapshot> {
  return savedAs(transport, 'snapshot', { path }, panel);
}

/** Has the Jupyter server send the saved notebook on; with *panel*, once it is what its editor shows. */
export async function savedAs<Answer>(
  transport: LabTransport,
  place: 'snapshot' | 'compare',
  wish: { path: string; against?: string | null },
  panel: NotebookPanel | null
): Promise<Answer> {
  const cells = panel?.model ? [...panel.model.cells].map(cell => cell.sharedModel.source) : null;
  const response = await transport
    .ask('POST', place, { body: cells ? { ...wish, cells } : wish })
    .catch(cause => {
      throw new Unreachable(cause);
    });
  if (!response.ok) {
    throw new ApiError(await problemOf(response));
  }
  return (await response.json()) as Answer;
}
