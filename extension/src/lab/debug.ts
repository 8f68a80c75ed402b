/**
 * A copy of a run to work on: its notebook with the run's parameters injected, its kernel chosen, at the
 * cell that failed.
 *
 * Outputs of a run are not trusted, so none but the error of the failed cell comes along, and that as text.
 */
import { Notification } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import type { CommandRegistry } from '@lumino/commands';

import { refusalOf } from '../api';
import type { NotebookFile, RunView, Words } from '../tokens';
import type { Nightbook } from './nightbook';

const ERROR_MARKER = 'papermill-error-cell-tag';
const TRIES = 50;

export interface Bench {
  contents: Contents.IManager;
  commands: CommandRegistry;
}

/** Opens the copy of a run; what goes wrong is told. */
export async function debugRun(nightbook: Nightbook, bench: Bench, id: string): Promise<void> {
  const { words } = nightbook;
  try {
    const run = await nightbook.model.api.run(id);
    const executed = await nightbook.model.api.executed(id);
    const path = await freePath(bench.contents, run);
    await bench.contents.save(path, {
      type: 'notebook',
      format: 'json',
      content: workingCopy(executed, run)
    });
    const kernel = run.kernel ? { name: run.kernel } : undefined;
    const opened: unknown = await bench.commands.execute('docmanager:open', { path, kernel });
    await goTo(opened as NotebookPanel | undefined, run.failed_cell);
    tell(words, bench.commands, run);
  } catch (error) {
    nightbook.tell({ tone: 'error', message: refusalOf(error).message });
  }
}

/** The notebook that a person goes on with: cells and parameters of the run, no outputs but the error. */
export function workingCopy(executed: NotebookFile, run: RunView): NotebookFile {
  const isMarker = ({ metadata: { tags } }: NotebookFile['cells'][number]) =>
    Array.isArray(tags) && tags.includes(ERROR_MARKER);
  const cells = executed.cells
    .filter(cell => !isMarker(cell))
    .map((cell, index) => {
      // What the run noted of a cell would be untrue of this copy as soon as it is run.
      const metadata = without(cell.metadata, 'papermill', 'execution');
      if (cell.cell_type !== 'code') {
        return { ...cell, metadata };
      }
      const errors = (cell.outputs ?? []).filter(({ output_type: type }) => type === 'error');
      const outputs = index === run.failed_cell ? errors : [];
      return { ...cell, metadata, outputs, execution_count: null };
    });
  const metadata = without(executed.metadata, 'papermill', 'nightbook', 'widgets');
  return { ...executed, metadata, cells };
}

function without<Value>(all: Record<string, Value>, ...names: string[]): Record<string, Value> {
  return Object.fromEntries(Object.entries(all).filter(([name]) => !names.includes(name)));
}

/** A name beside the notebook that ran, so that the files it reads are found; else in the first folder. */
async function freePath(contents: Contents.IManager, run: RunView): Promise<string> {
  const folder = PathExt.dirname(run.notebook.path);
  const place = folder && (await isThere(contents, folder)) ? folder : '';
  const stem = PathExt.basename(run.notebook.path, '.ipynb');
  for (let number = 1; number <= TRIES; number += 1) {
    const ending = number === 1 ? '' : `-${number}`;
    const path = PathExt.join(place, `${stem}-debug-${run.id.slice(-6)}${ending}.ipynb`);
    if (!(await isThere(contents, path))) {
      return path;
    }
  }
  throw new Error(`There are ${TRIES} copies of this run already: delete some of them.`);
}

async function isThere(contents: Contents.IManager, path: string): Promise<boolean> {
  try {
    await contents.get(path, { content: false });
    return true;
  } catch {
    return false;
  }
}

async function goTo(panel: NotebookPanel | undefined, cell: number | null): Promise<void> {
  if (!panel || cell === null) {
    return;
  }
  await panel.context.ready;
  await panel.revealed;
  panel.content.activeCellIndex = cell;
  await panel.content.scrollToItem(cell, 'start');
}

function tell({ __ }: Words, commands: CommandRegistry, run: RunView): void {
  const { failed_cell: failed } = run;
  const message =
    failed === null
      ? __(
          'This is a copy of the run, with its parameters. Nothing of it has been executed here yet.'
        )
      : __(
          'This is a copy of the run at cell %1, with its parameters. Run the cells above it first: the memory of the run is gone.',
          failed + 1
        );
  Notification.info(message, {
    autoClose: false,
    actions:
      failed === null
        ? []
        : [
            {
              label: __('Run the cells above'),
              callback: () => void commands.execute('notebook:run-all-above')
            }
          ]
  });
}
