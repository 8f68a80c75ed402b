/** The main page of Nightbook in JupyterLab: one tab, in which places are opened one after another. */
import { MainAreaWidget } from '@jupyterlab/apputils';
import { type ISignal, Signal } from '@lumino/signaling';
import * as React from 'react';

import { Action } from '../views/parts/actions';
import { Icon, type IconName } from '../views/parts/icons';
import { OfflineNote } from '../views/parts/notices';
import { type Place, PlaceLink } from '../views/parts/places';
import { useWords } from '../views/parts/words';
import {
  NotebooksScreen,
  OverviewScreen,
  RunsScreen,
  SchedulesScreen
} from '../views/screens/ListScreens';
import { CalendarScreen } from '../views/screens/CalendarScreen';
import { CompareScreen } from '../views/screens/CompareScreen';
import { RunScreen } from '../views/screens/RunScreen';
import { ScheduleScreen } from '../views/screens/ScheduleScreen';
import { useConnection } from '../views/screens/state';
import { nightbookIcon } from './icons';
import { type Nightbook, NightbookWidget } from './nightbook';

const MOST_STEPS = 50;

export class NightbookPanel extends NightbookWidget {
  constructor(nightbook: Nightbook, place: Place) {
    super(nightbook);
    this._place = place;
  }

  get place(): Place {
    return this._place;
  }

  /** Told when another place is shown. */
  get moved(): ISignal<this, Place> {
    return this._moved;
  }

  go(place: Place): void {
    if (JSON.stringify(place) !== JSON.stringify(this._place)) {
      this._before = [...this._before, this._place].slice(-MOST_STEPS);
      this._show(place);
    }
  }

  protected view(): JSX.Element {
    const back = this._before.length > 0 ? () => this._back() : undefined;
    return <Frame place={this._place} onBack={back} />;
  }

  private _back(): void {
    const place = this._before[this._before.length - 1];
    this._before = this._before.slice(0, -1);
    this._show(place);
  }

  private _show(place: Place): void {
    this._place = place;
    this.node.scrollTop = 0;
    this._moved.emit(place);
    this.update();
  }

  private _place: Place;
  private _before: Place[] = [];
  private readonly _moved = new Signal<this, Place>(this);
}

export function panelIn(nightbook: Nightbook, place: Place): MainAreaWidget<NightbookPanel> {
  const widget = new MainAreaWidget({ content: new NightbookPanel(nightbook, place) });
  widget.id = 'nightbook-panel';
  widget.title.label = nightbook.words.__('Nightbook');
  widget.title.caption = nightbook.words.__('Schedules and runs');
  widget.title.icon = nightbookIcon;
  widget.title.closable = true;
  widget.toolbar.hide();
  return widget;
}

const KINDS = [
  'overview',
  'schedules',
  'runs',
  'notebooks',
  'calendar',
  'run',
  'comparison',
  'schedule'
];

/** The place that saved arguments name; the overview where they name none. */
export function placeOf(args: unknown): Place {
  const place = args as Partial<Record<string, unknown>> | null | undefined;
  const kind = String(place?.kind ?? '');
  const needed = { run: ['id'], schedule: ['id'], comparison: ['run', 'other'] }[kind] ?? [];
  const isWhole = needed.every(name => typeof place?.[name] === 'string');
  return KINDS.includes(kind) && isWhole ? (place as unknown as Place) : { kind: 'overview' };
}

function Frame({ place, onBack }: { place: Place; onBack?(): void }): JSX.Element {
  const connection = useConnection();
  return (
    <div className="nightbook-Panel">
      <Navigation place={place} onBack={onBack} />
      <div className="nightbook-Panel-content">
        {connection === 'offline' && <OfflineNote />}
        <Screen place={place} />
      </div>
    </div>
  );
}

function Navigation({ place, onBack }: { place: Place; onBack?(): void }): JSX.Element {
  const { __ } = useWords();
  const links: [Place, string, IconName, string][] = [
    [{ kind: 'overview' }, __('Overview'), 'home', ''],
    [{ kind: 'schedules' }, __('Schedules'), 'calendar', 'schedule'],
    [{ kind: 'runs' }, __('Runs'), 'play', place.kind === 'comparison' ? 'comparison' : 'run'],
    [{ kind: 'calendar' }, __('Calendar'), 'days', ''],
    [{ kind: 'notebooks' }, __('Notebooks'), 'book', '']
  ];
  return (
    <nav className="nightbook-Panel-nav" aria-label={__('Nightbook')}>
      {links.map(([to, words, icon, detail]) => (
        <span
          key={to.kind}
          className={[to.kind, detail].includes(place.kind) ? 'nightbook-mod-current' : ''}
        >
          <PlaceLink to={to}>
            <Icon name={icon} />
            {words}
          </PlaceLink>
        </span>
      ))}
      {onBack && <Action label={__('Back')} icon="left" onAct={onBack} />}
    </nav>
  );
}

function Screen({ place }: { place: Place }): JSX.Element {
  switch (place.kind) {
    case 'schedules':
      return <SchedulesScreen />;
    case 'runs':
      return <RunsScreen />;
    case 'notebooks':
      return <NotebooksScreen />;
    case 'calendar':
      return <CalendarScreen key={place.day ?? ''} day={place.day} />;
    case 'run':
      return (
        <RunScreen key={`${place.id} ${place.rerun ?? ''}`} id={place.id} rerun={place.rerun} />
      );
    case 'comparison':
      return <CompareScreen key={`${place.run} ${place.other}`} {...place} />;
    case 'schedule':
      return <ScheduleScreen key={place.id} id={place.id} review={place.review} />;
    default:
      return <OverviewScreen />;
  }
}
