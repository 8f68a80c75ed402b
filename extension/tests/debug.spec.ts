import type { NotebookFile } from '../src/tokens';
import { aRun } from './fakes';

jest.mock('@jupyterlab/apputils', () => ({ Notification: { info: jest.fn() } }));
jest.mock('@jupyterlab/coreutils', () => ({
  PathExt: {
    dirname: (path: string) => path.split('/').slice(0, -1).join('/'),
    basename: (path: string, ending: string) => path.split('/').pop()?.replace(ending, ''),
    join: (...parts: string[]) => parts.filter(Boolean).join('/')
  }
}));

import { Notification } from '@jupyterlab/apputils';

import { debugRun, workingCopy } from '../src/lab/debug';

const ERROR = { output_type: 'error', ename: 'ValueError', evalue: 'no', traceback: ['t'] };
const RUN = aRun({
  id: '0193-abcdef',
  state: 'failed',
  kernel: 'python3',
  failed_cell: 1,
  notebook: { path: 'reports/sales.ipynb', sha256: 'a' }
});

function code(source: string, outputs: object[], tags: string[] = []) {
  const metadata = { tags, papermill: { status: 'completed' }, execution: {} };
  return { cell_type: 'code', id: source, source, metadata, outputs, execution_count: 3 };
}

const EXECUTED = {
  nbformat: 4,
  nbformat_minor: 5,
  metadata: { kernelspec: { name: 'python3' }, papermill: {}, nightbook: {}, widgets: {} },
  cells: [
    code('note', [], ['papermill-error-cell-tag']),
    code('region = "south"', [{ output_type: 'stream', text: 'x' }], ['injected-parameters']),
    code('anchor', [], ['papermill-error-cell-tag']),
    code('fails()', [{ output_type: 'display_data', data: { 'text/html': '<b>' } }, ERROR]),
    { cell_type: 'markdown', source: 'after', metadata: {} }
  ]
} as unknown as NotebookFile;

describe('the copy to debug', () => {
  it('has the injected parameters and the kernel, and no output but the error', () => {
    const copy = workingCopy(EXECUTED, RUN);

    expect(copy.metadata).toEqual({ kernelspec: { name: 'python3' } });
    expect(copy.cells.map(({ source, outputs }) => [source, outputs])).toEqual([
      ['region = "south"', []],
      ['fails()', [ERROR]],
      ['after', undefined]
    ]);
    expect(copy.cells[0].metadata).toEqual({ tags: ['injected-parameters'] });
    expect(copy.cells[0].execution_count).toBeNull();
  });
});

describe('debugRun', () => {
  function bench(there: string[]) {
    const panel = {
      context: { ready: Promise.resolve() },
      revealed: Promise.resolve(),
      content: { activeCellIndex: 0, scrollToItem: jest.fn(async () => undefined) }
    };
    const contents = {
      get: jest.fn(async (path: string) => {
        if (!there.includes(path)) {
          throw new Error('404');
        }
      }),
      save: jest.fn(async () => undefined)
    };
    const commands = { execute: jest.fn(async () => panel) };
    const nightbook = {
      words: { __: (text: string) => text },
      tell: jest.fn(),
      model: { api: { run: async () => RUN, executed: async () => EXECUTED } }
    };
    const open = () => debugRun(nightbook as never, { contents, commands } as never, RUN.id);
    return { panel, contents, commands, nightbook, open };
  }

  it('opens it beside the notebook, with its kernel, at the failed cell', async () => {
    const { panel, commands, contents, open } = bench(['reports']);

    await open();

    const path = 'reports/sales-debug-abcdef.ipynb';
    expect(contents.save).toHaveBeenCalledWith(path, expect.objectContaining({ type: 'notebook' }));
    const args = { path, kernel: { name: 'python3' } };
    expect(commands.execute).toHaveBeenCalledWith('docmanager:open', args);
    expect(panel.content.activeCellIndex).toBe(1);
    expect(Notification.info).toHaveBeenCalled();
  });

  it('writes over no earlier copy, and into the first folder where the other is not here', async () => {
    const { contents, open } = bench(['sales-debug-abcdef.ipynb']);

    await open();

    expect(contents.save).toHaveBeenCalledWith('sales-debug-abcdef-2.ipynb', expect.anything());
  });

  it('tells what goes wrong', async () => {
    const { contents, nightbook, open } = bench(['reports']);
    contents.save.mockRejectedValue(new Error('The disk is full.'));

    await open();

    expect(nightbook.tell).toHaveBeenCalledWith({ tone: 'error', message: 'The disk is full.' });
  });
});
