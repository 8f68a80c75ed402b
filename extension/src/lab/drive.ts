/**
 * Runs as a drive of JupyterLab that can only be read: `runs:<run id>/<notebook name>.ipynb`, the files that a
 * run left beside it, and above them folders to browse in.
 */
import { URLExt } from '@jupyterlab/coreutils';
import { type Contents, Drive, ServerConnection } from '@jupyterlab/services';
import { Token } from '@lumino/coreutils';
import { type ISignal, Signal } from '@lumino/signaling';

import { type Api, ApiError, refusalOf } from '../api';
import type { Words } from '../tokens';
import { type Entry, RunFolders } from './folders';

export const DRIVE = 'runs';
export const IRunsDrive = new Token<RunsDrive>(
  'nightbook-lab:IRunsDrive',
  'The drive of runs, which can only be read.'
);

const RUN_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export class RunsDrive extends Drive {
  constructor(
    serverSettings: ServerConnection.ISettings,
    api: Api,
    private readonly _words: Words
  ) {
    super({ name: DRIVE, apiEndpoint: 'nightbook/contents', serverSettings });
    this._folders = new RunFolders(api, _words);
  }

  /** Told of each folder that was asked for: why it could not be listed, or null where it could. */
  get listed(): ISignal<this, string | null> {
    return this._listed;
  }

  override async get(
    localPath: string,
    options: Contents.IFetchOptions = {}
  ): Promise<Contents.IModel> {
    const path = localPath.replace(/^\/+|\/+$/g, '');
    if (RUN_ID.test(path.split('/')[0])) {
      return super.get(path, options);
    }
    const wanted = options.content === false ? [] : await this._list(path);
    return { ...directory(path), content: wanted.map(modelOf), format: 'json' };
  }

  private async _list(path: string): Promise<Entry[]> {
    let found: Entry[] | null;
    try {
      found = await this._folders.list(path);
    } catch (error) {
      const { message } = refusalOf(error);
      this._listed.emit(message);
      throw error instanceof ApiError && error.status === 404 ? notFound(message) : error;
    }
    this._listed.emit(null);
    if (found === null) {
      throw notFound(this._words.__('There is no such folder of runs.'));
    }
    return found;
  }

  /** Asked for at each opening; an executed copy has none. */
  override listCheckpoints(): Promise<Contents.ICheckpointModel[]> {
    return Promise.resolve([]);
  }

  override getDownloadUrl(localPath: string): Promise<string> {
    const [run, ...name] = localPath.split('/');
    const isNotebook = name.length === 1 && name[0].endsWith('.ipynb');
    const place = isNotebook ? 'notebook' : `artifacts/${URLExt.encodeParts(name.join('/'))}`;
    const { baseUrl } = this.serverSettings;
    return Promise.resolve(
      URLExt.join(baseUrl, 'nightbook/download/runs', encodeURIComponent(run), place)
    );
  }

  // ---- nothing is written

  override newUntitled(): Promise<Contents.IModel> {
    return this._refuse();
  }
  override save(): Promise<Contents.IModel> {
    return this._refuse();
  }
  override rename(): Promise<Contents.IModel> {
    return this._refuse();
  }
  override copy(): Promise<Contents.IModel> {
    return this._refuse();
  }
  override delete(): Promise<void> {
    return this._refuse();
  }
  override createCheckpoint(): Promise<Contents.ICheckpointModel> {
    return this._refuse();
  }
  override restoreCheckpoint(): Promise<void> {
    return this._refuse();
  }
  override deleteCheckpoint(): Promise<void> {
    return this._refuse();
  }

  private _refuse(): Promise<never> {
    const { __ } = this._words;
    return Promise.reject(
      new Error(__('Runs are kept as they were: nothing can be changed, added or removed here.'))
    );
  }

  private readonly _folders: RunFolders;
  private readonly _listed = new Signal<this, string | null>(this);
}

/** What JupyterLab's file browser takes for a folder that is gone: it goes back to the first one. */
function notFound(message: string): Error {
  return new ServerConnection.ResponseError(new Response(null, { status: 404 }), message);
}

function modelOf({ kind, name, path, at }: Entry): Contents.IModel {
  const model = { ...directory(path), name, created: at, last_modified: at };
  return kind === 'folder' ? model : { ...model, type: 'notebook' };
}

function directory(path: string): Contents.IModel {
  return {
    name: path.replace(/^.*\//, ''),
    path,
    type: 'directory',
    created: '',
    last_modified: '',
    mimetype: '',
    format: null,
    content: null,
    writable: false
  };
}

/** Where the executed copy of a run is opened. */
export function executedPath(run: string, notebookPath: string): string {
  return `${DRIVE}:${run}/${notebookPath.replace(/^.*\//, '')}`;
}

/** The run that a path of the drive names. */
export function runOf(path: string): string {
  return path.slice(path.indexOf(':') + 1).split('/')[0];
}

/** Says whether a path of the drive is that of an executed copy, and of no other file of a run. */
export function isExecuted(path: string): boolean {
  const [run, name, ...rest] = path.slice(path.indexOf(':') + 1).split('/');
  return RUN_ID.test(run) && rest.length === 0 && (name ?? '').endsWith('.ipynb');
}
