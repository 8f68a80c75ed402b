/**
 * What all parts of the JupyterLab face share: one model, one way to places, one way to tell.
 *
 * Nothing is asked of the server before the first of them is shown.
 */
import { Notification } from '@jupyterlab/apputils';
import type { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { Token } from '@lumino/coreutils';
import * as React from 'react';

import { Model } from '../model';
import type { RunView, Words } from '../tokens';
import { type Place, type Places, PlacesContext } from '../views/parts/places';
import { stateWords, whyLine } from '../views/parts/state';
import { type OpenNotebooks, OpenNotebooksContext } from '../views/parts/openNotebooks';
import { TellContext, type Told } from '../views/parts/tell';
import { WordsContext } from '../views/parts/words';
import { ModelContext } from '../views/screens/state';
import { followToTheEnd, TabApi } from './began';
import { LabTransport } from './transport';

export const CommandIDs = {
  schedule: 'nightbook:schedule-notebook',
  runNow: 'nightbook:run-notebook-now',
  openPanel: 'nightbook:open-panel',
  showRun: 'nightbook:show-run',
  browseRuns: 'nightbook:browse-runs',
  openRunNotebook: 'nightbook:open-run-notebook',
  debugRun: 'nightbook:debug-run',
  openForm: 'nightbook:open-form',
  followLink: 'nightbook:follow-link'
} as const;

export const INightbook = new Token<Nightbook>(
  'nightbook-lab:INightbook',
  'The state of Nightbook in this tab, and the ways to its places.'
);

const TOAST_MILLISECONDS = 5000;

/** The shell's translator in our shape; views take its functions apart, so they are bound here. */
export function wordsOf(bundle: TranslationBundle): Words {
  return {
    __: (sentence, ...values) => bundle.__(sentence, ...values),
    _n: (one, many, count, ...values) => bundle._n(one, many, count, ...values)
  };
}

export class Nightbook {
  constructor(
    private readonly _commands: CommandRegistry,
    serverSettings: ServerConnection.ISettings,
    readonly words: Words
  ) {
    this.transport = new LabTransport(serverSettings);
    const api = new TabApi(this.transport);
    this.model = new Model(api);
    this.places = {
      open: place => this.open(place),
      debug: run => this._commands.execute(CommandIDs.debugRun, { id: run.id }),
      download: path => this.transport.address(`download${path}`)
    };
    followToTheEnd(api, this.model, run => this._tellEnd(run));
  }

  readonly transport: LabTransport;
  readonly model: Model;
  readonly places: Places;
  /** Null where the shell has no notebooks, as on the start page of Notebook 7. */
  openNotebooks: OpenNotebooks | null = null;

  /** Begins to ask the server; a second call changes nothing. */
  start(): void {
    if (!this._isStarted) {
      this._isStarted = true;
      void this.model.start();
    }
  }

  open(place: Place): void {
    const [command, args] = commandOf(place);
    void this._commands.execute(command, args);
  }

  readonly tell = ({ tone, message, action }: Told): void => {
    Notification.emit(message, tone, {
      autoClose: tone === 'error' ? false : TOAST_MILLISECONDS,
      actions: action && [{ label: action.label, callback: () => this.open(action.to) }]
    });
  };

  private _tellEnd(run: RunView): void {
    const { __ } = this.words;
    const name = run.notebook.path.replace(/^.*\//, '');
    const why = whyLine(run, this.words);
    const state = stateWords(run.state, this.words);
    this.tell({
      tone: run.state === 'succeeded' ? 'success' : 'error',
      message: [`${name}: ${state}`, why].filter(Boolean).join('. '),
      action: { label: __('Open run'), to: { kind: 'run', id: run.id } }
    });
  }

  private _isStarted = false;
}

function commandOf(place: Place): [string, ReadonlyPartialJSONObject] {
  switch (place.kind) {
    case 'executed-notebook':
      return [CommandIDs.openRunNotebook, { id: place.run }];
    case 'schedule-notebook':
      return [CommandIDs.openForm, { path: place.path, sha256: place.sha256 }];
    default:
      return [CommandIDs.openPanel, { place: { ...place } }];
  }
}

interface FaceProps {
  nightbook: Nightbook;
  children: React.ReactNode;
}

/** Gives views what they ask for by context. */
export function Face({ nightbook, children }: FaceProps): JSX.Element {
  return (
    <WordsContext.Provider value={nightbook.words}>
      <ModelContext.Provider value={nightbook.model}>
        <PlacesContext.Provider value={nightbook.places}>
          <OpenNotebooksContext.Provider value={nightbook.openNotebooks}>
            <TellContext.Provider value={nightbook.tell}>{children}</TellContext.Provider>
          </OpenNotebooksContext.Provider>
        </PlacesContext.Provider>
      </ModelContext.Provider>
    </WordsContext.Provider>
  );
}

/** A widget that shows views of Nightbook. */
export abstract class NightbookWidget extends ReactWidget {
  constructor(protected readonly nightbook: Nightbook) {
    super();
    this.addClass('nightbook-Widget');
  }

  protected abstract view(): JSX.Element;

  protected render(): JSX.Element {
    this.nightbook.start();
    return <Face nightbook={this.nightbook}>{this.view()}</Face>;
  }
}
