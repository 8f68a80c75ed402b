/** Runs as a drive of JupyterLab that can only be read: `runs:<run id>/<notebook name>.ipynb`. */
import { URLExt } from '@jupyterlab/coreutils';
import { type Contents, Drive, type ServerConnection } from '@jupyterlab/services';

export const DRIVE = 'runs';

export class RunsDrive extends Drive {
  constructor(serverSettings: ServerConnection.ISettings) {
    super({ name: DRIVE, apiEndpoint: 'nightbook/contents', serverSettings });
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
}

/** Where the executed copy of a run is opened. */
export function executedPath(run: string, notebookPath: string): string {
  return `${DRIVE}:${run}/${notebookPath.replace(/^.*\//, '')}`;
}

/** The run that a path of the drive names. */
export function runOf(path: string): string {
  return path.slice(path.indexOf(':') + 1).split('/')[0];
}
