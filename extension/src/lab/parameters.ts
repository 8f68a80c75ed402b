/** The parameters cell of an open notebook: found by its tag, offered where there is none. */
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { Widget } from '@lumino/widgets';

import type { Words } from '../tokens';

const TAG = 'parameters';

/** What became of the offer: whether to go on, and whether to ask again another time. */
export interface Offered {
  goOn: boolean;
  askAgain: boolean;
}

export function hasParametersCell({ model }: NotebookPanel): boolean {
  const cells = model ? [...model.cells] : [];
  return cells.some(cell => cell.type === 'code' && tagsOf(cell).includes(TAG));
}

/** Asks which cell holds the parameters, and does what was chosen. */
export async function offerParametersCell(panel: NotebookPanel, words: Words): Promise<Offered> {
  const { __ } = words;
  const tag = Dialog.okButton({ label: __('Tag the selected cell') });
  const none = Dialog.cancelButton({ label: __('Continue without') });
  const canTag = panel.content.activeCell?.model.type === 'code';
  const insertLabel = __('Insert a parameters cell');
  const insert = Dialog.createButton({ label: insertLabel, accept: !canTag });
  const chosen = await showDialog({
    title: __('This notebook has no parameters cell'),
    body: bodyOf(
      __(
        'Values in a code cell tagged “parameters” become a form, and each run can have its own. ' +
          'Tag the selected cell, or insert a new one and fill it in before you schedule.'
      )
    ),
    buttons: [Dialog.cancelButton(), none, insert, ...(canTag ? [tag] : [])],
    checkbox: { label: __('Do not ask again'), caption: __('Settings › Nightbook changes it back') }
  });
  const askAgain = !chosen.isChecked;
  switch (chosen.button.label) {
    case tag.label:
      tagActiveCell(panel);
      return { goOn: true, askAgain };
    case insert.label:
      insertCell(panel);
      return { goOn: false, askAgain };
    default:
      return { goOn: chosen.button.label === none.label, askAgain };
  }
}

/** Wide enough for four buttons in a row. */
function bodyOf(text: string): Widget {
  const body = new Widget();
  body.addClass('nightbook-Offer');
  body.node.textContent = text;
  return body;
}

interface Tagged {
  getMetadata(key: string): unknown;
}

function tagsOf(cell: Tagged): string[] {
  const tags = cell.getMetadata('tags');
  return Array.isArray(tags) ? tags.map(String) : [];
}

function tagActiveCell(panel: NotebookPanel): void {
  const cell = panel.content.activeCell?.model;
  cell?.setMetadata('tags', [...tagsOf(cell), TAG]);
}

/** The languages in which `#` begins a comment; elsewhere the new cell is left empty. */
const HASH = ['python', 'r', 'julia', 'bash', 'ruby', 'perl'];

/** Puts a parameters cell below a leading title, and the cursor into it. */
function insertCell(panel: NotebookPanel): void {
  const { model, content } = panel;
  if (!model) {
    return;
  }
  const language = model.defaultKernelLanguage.toLowerCase();
  const place = model.cells.length > 0 && model.cells.get(0).type === 'markdown' ? 1 : 0;
  model.sharedModel.insertCell(place, {
    cell_type: 'code',
    source: HASH.includes(language) ? '# Parameters: one `name = value` a line.\n' : '',
    metadata: { tags: [TAG] }
  });
  content.activeCellIndex = place;
  content.mode = 'edit';
}
