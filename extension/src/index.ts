/** The plug-ins of JupyterLab. Each only joins parts of `lab/` to what the shell offers. */
import {
  ILabShell,
  ILayoutRestorer,
  IRouter,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  Dialog,
  ICommandPalette,
  type MainAreaWidget,
  showDialog,
  WidgetTracker
} from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { runIcon } from '@jupyterlab/ui-components';

import { drive, runsBrowser } from './lab/browsing';
import { NotebookActions, type Target } from './lab/commands';
import { debugRun } from './lab/debug';
import { executedPath } from './lab/drive';
import { formDialog, type FormOptions, formTab } from './lab/form';
import { launchIcon, nightbookIcon, runsIcon, scheduleIcon } from './lab/icons';
import { LINK, linkedRun, withoutLink } from './lab/link';
import { LabNotebooks } from './lab/openNotebooks';
import { CommandIDs, INightbook, Nightbook, wordsOf } from './lab/nightbook';
import { type NightbookPanel, panelIn, placeOf } from './lab/panel';
import { NotebookRunsPanel } from './lab/sidePanel';
import { FACTORY, type RunViewer, RunViewerFactory } from './lab/viewer';
import { refusalOf } from './api';
import { isFinal } from './tokens';

const SETTINGS = 'nightbook-lab:plugin';
const CATEGORY = 'Nightbook';

const RUN_ARGS = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', description: 'The id of a run' } }
} as const;

const TARGET_ARGS = {
  type: 'object',
  properties: {
    path: { type: 'string', description: 'The path of a notebook; by default the open one' },
    selected: {
      type: 'boolean',
      description: 'Whether to take the notebook that is selected in the file browser'
    }
  }
} as const;

const state: JupyterFrontEndPlugin<Nightbook> = {
  id: 'nightbook-lab:state',
  description: 'The state of Nightbook that its other plug-ins show.',
  autoStart: true,
  provides: INightbook,
  optional: [ITranslator, INotebookTracker],
  activate: (
    app: JupyterFrontEnd,
    translator: ITranslator | null,
    tracker: INotebookTracker | null
  ) => {
    const words = wordsOf((translator ?? nullTranslator).load('nightbook'));
    const { contents, serverSettings } = app.serviceManager;
    const nightbook = new Nightbook(app.commands, serverSettings, words);
    if (tracker) {
      nightbook.openNotebooks = new LabNotebooks(tracker, contents, nightbook.transport, words);
    }
    return nightbook;
  }
};

const notebookActs: JupyterFrontEndPlugin<void> = {
  id: SETTINGS,
  description: 'Schedules and runs notebooks from the toolbar, menus and the command palette.',
  autoStart: true,
  requires: [INightbook],
  optional: [INotebookTracker, IFileBrowserFactory, ISettingRegistry, ICommandPalette, ILabShell],
  activate: (
    { commands, serviceManager, shell }: JupyterFrontEnd,
    nightbook: Nightbook,
    tracker: INotebookTracker | null,
    browsers: IFileBrowserFactory | null,
    registry: ISettingRegistry | null,
    palette: ICommandPalette | null,
    labShell: ILabShell | null
  ) => {
    const { __ } = nightbook.words;
    // Loading the settings is what puts the toolbar button and the menu entries in place.
    const loaded = registry?.load(SETTINGS).catch(() => null) ?? Promise.resolve(null);
    const showForm = (options: FormOptions) => {
      if (!labShell) {
        void formDialog(nightbook, options);
        return;
      }
      const tab = formTab(nightbook, options);
      const open = [...labShell.widgets('main')].find(({ id }) => id === tab.id);
      if (open) {
        tab.dispose();
      } else {
        shell.add(tab, 'main');
      }
      shell.activateById(tab.id);
    };
    const actions = new NotebookActions(nightbook, {
      contents: serviceManager.contents,
      tracker,
      browsers,
      settings: () => loaded,
      showForm
    });
    commands.addCommand(CommandIDs.schedule, {
      label: __('Schedule Notebook…'),
      caption: __('Schedule this notebook'),
      icon: scheduleIcon,
      isEnabled: args => actions.isPossible(args as Target),
      describedBy: { args: TARGET_ARGS },
      execute: args => actions.schedule(args as Target)
    });
    commands.addCommand(CommandIDs.runNow, {
      label: __('Run Notebook in Nightbook Now'),
      caption: __('Run this notebook once, in a worker'),
      icon: runIcon,
      isEnabled: args => actions.isPossible(args as Target),
      describedBy: { args: TARGET_ARGS },
      execute: args => actions.runNow(args as Target)
    });
    commands.addCommand(CommandIDs.openForm, {
      label: __('Schedule a Version of a Notebook'),
      describedBy: {
        args: {
          type: 'object',
          required: ['path', 'sha256'],
          properties: {
            path: { type: 'string', description: 'The path of the notebook' },
            sha256: { type: 'string', description: 'The version, by its SHA-256' }
          }
        }
      },
      execute: async args => {
        const settings = await loaded;
        const zone = settings?.composite.timezone as string | undefined;
        showForm({ zone, path: String(args.path), sha256: String(args.sha256) });
      }
    });
    tracker?.currentChanged.connect(() => {
      commands.notifyCommandChanged(CommandIDs.schedule);
      commands.notifyCommandChanged(CommandIDs.runNow);
    });
    palette?.addItem({ command: CommandIDs.schedule, category: CATEGORY });
    palette?.addItem({ command: CommandIDs.runNow, category: CATEGORY });
  }
};

const panel: JupyterFrontEndPlugin<void> = {
  id: 'nightbook-lab:panel',
  description: 'Shows schedules and runs in the main area.',
  autoStart: true,
  requires: [INightbook],
  optional: [ILayoutRestorer, ILauncher, ICommandPalette, ILabShell],
  activate: (
    { commands, shell }: JupyterFrontEnd,
    nightbook: Nightbook,
    restorer: ILayoutRestorer | null,
    launcher: ILauncher | null,
    palette: ICommandPalette | null,
    labShell: ILabShell | null
  ) => {
    const { __ } = nightbook.words;
    const tracker = new WidgetTracker<MainAreaWidget<NightbookPanel>>({ namespace: 'nightbook' });
    let opened: MainAreaWidget<NightbookPanel> | null = null;
    const show = async (widget: MainAreaWidget<NightbookPanel>) => {
      if (!labShell) {
        // Notebook 7 has room for one main widget only. A link in the dialog has moved it already.
        if (widget.isAttached) {
          return;
        }
        widget.addClass('nightbook-mod-dialog');
        const buttons = [Dialog.okButton({ label: __('Close') })];
        await showDialog({ title: widget.title.label, body: widget, buttons });
        return;
      }
      if (!widget.isAttached) {
        shell.add(widget, 'main');
      }
      shell.activateById(widget.id);
    };
    commands.addCommand(CommandIDs.openPanel, {
      label: args => (args.isLauncher ? __('Nightbook') : __('Open Nightbook')),
      caption: __('Schedules and runs'),
      icon: args => (args.isLauncher ? launchIcon : nightbookIcon),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            place: { type: 'object', description: 'What to show, for example {"kind": "runs"}' },
            isLauncher: { type: 'boolean', description: 'Whether the launcher asks' }
          }
        }
      },
      execute: async args => {
        const isOpen = opened !== null && !opened.isDisposed;
        const widget = opened && isOpen ? opened : panelIn(nightbook, placeOf(args.place));
        if (!isOpen) {
          opened = widget;
          widget.content.moved.connect(() => void tracker.save(widget));
          void tracker.add(widget);
        } else if (args.place) {
          widget.content.go(placeOf(args.place));
        }
        await show(widget);
      }
    });
    commands.addCommand(CommandIDs.showRun, {
      label: __('Show a Run'),
      describedBy: { args: RUN_ARGS },
      execute: args =>
        commands.execute(CommandIDs.openPanel, { place: { kind: 'run', id: String(args.id) } })
    });
    void restorer?.restore(tracker, {
      command: CommandIDs.openPanel,
      args: widget => ({ place: { ...widget.content.place } }),
      name: () => 'panel'
    });
    launcher?.add({
      command: CommandIDs.openPanel,
      args: { isLauncher: true },
      category: 'Other',
      rank: 1
    });
    palette?.addItem({ command: CommandIDs.openPanel, category: CATEGORY });
  }
};

const viewer: JupyterFrontEndPlugin<void> = {
  id: 'nightbook-lab:viewer',
  description: 'Opens executed notebooks, read-only and untrusted.',
  autoStart: true,
  requires: [INightbook, IRenderMimeRegistry, NotebookPanel.IContentFactory, IEditorServices],
  optional: [ILayoutRestorer],
  activate: (
    { commands, docRegistry, serviceManager }: JupyterFrontEnd,
    nightbook: Nightbook,
    rendermime: IRenderMimeRegistry,
    contentFactory: NotebookPanel.IContentFactory,
    { mimeTypeService }: IEditorServices,
    restorer: ILayoutRestorer | null
  ) => {
    const { __ } = nightbook.words;
    const factory = new RunViewerFactory({
      rendermime,
      contentFactory,
      mimeTypeService,
      nightbook
    });
    const tracker = new WidgetTracker<RunViewer>({ namespace: 'nightbook-run' });
    factory.widgetCreated.connect((_, widget) => {
      widget.context.pathChanged.connect(() => void tracker.save(widget));
      void tracker.add(widget);
    });
    docRegistry.addWidgetFactory(factory);
    commands.addCommand(CommandIDs.openRunNotebook, {
      label: __('Open an Executed Notebook'),
      icon: runsIcon,
      describedBy: { args: RUN_ARGS },
      execute: async args => {
        const id = String(args.id);
        try {
          const run = await nightbook.model.api.run(id);
          if (!isFinal(run.state) || !run.started_at) {
            nightbook.tell({
              tone: 'info',
              message: isFinal(run.state)
                ? __('This run never started, so it left no executed copy.')
                : __('The executed copy is there when the run has ended.'),
              action: { label: __('Open run'), to: { kind: 'run', id } }
            });
            return;
          }
          await commands.execute('docmanager:open', {
            path: executedPath(id, run.notebook.path),
            factory: FACTORY
          });
        } catch (error) {
          nightbook.tell({ tone: 'error', message: refusalOf(error).message });
        }
      }
    });
    commands.addCommand(CommandIDs.debugRun, {
      label: __('Open a Copy of a Run to Debug'),
      icon: runsIcon,
      describedBy: { args: RUN_ARGS },
      execute: args =>
        debugRun(nightbook, { contents: serviceManager.contents, commands }, String(args.id))
    });
    void restorer?.restore(tracker, {
      command: 'docmanager:open',
      args: ({ context }) => ({ path: context.path, factory: FACTORY }),
      name: ({ context }) => context.path
    });
  }
};

const sidePanel: JupyterFrontEndPlugin<void> = {
  id: 'nightbook-lab:side-panel',
  description: 'Lists the schedules and runs of the open notebook.',
  autoStart: true,
  requires: [INightbook, INotebookTracker],
  optional: [ILayoutRestorer],
  activate: (
    { commands, serviceManager, shell }: JupyterFrontEnd,
    nightbook: Nightbook,
    tracker: INotebookTracker,
    restorer: ILayoutRestorer | null
  ) => {
    const widget = new NotebookRunsPanel(nightbook, tracker, serviceManager.contents, {
      schedule: () => void commands.execute(CommandIDs.schedule),
      runNow: () => void commands.execute(CommandIDs.runNow)
    });
    shell.add(widget, 'right', { rank: 650 });
    restorer?.add(widget, widget.id);
  }
};

const links: JupyterFrontEndPlugin<void> = {
  id: 'nightbook-lab:links',
  description: 'Follows links to runs.',
  autoStart: true,
  requires: [INightbook],
  optional: [IRouter],
  activate: (app: JupyterFrontEnd, nightbook: Nightbook, router: IRouter | null) => {
    if (!router) {
      return;
    }
    app.commands.addCommand(CommandIDs.followLink, {
      label: nightbook.words.__('Follow a Link to a Run'),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            path: { type: 'string' },
            search: { type: 'string' },
            hash: { type: 'string' }
          }
        }
      },
      execute: args => {
        const location = args as unknown as IRouter.ILocation;
        const id = linkedRun(location);
        // The layout is restored after the router's rules, so to await it here would wait for ever.
        void app.restored.then(() => {
          router.navigate(withoutLink(location), { skipRouting: true });
          return id && app.commands.execute(CommandIDs.showRun, { id });
        });
      }
    });
    // Rules from rank 30 on wait for more than they need.
    router.register({ command: CommandIDs.followLink, pattern: LINK, rank: 20 });
  }
};

export default [state, notebookActs, panel, drive, runsBrowser, viewer, sidePanel, links];
