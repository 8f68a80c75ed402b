/** The frame of the plain page: navigation, the screen of the address, toasts, the door. */
import * as React from 'react';

import { refusalOf } from '../api';
import type { Model } from '../model';
import type { Refusal } from '../tokens';
import { LogIn } from '../views/LogIn';
import { Action } from '../views/parts/actions';
import { Icon, type IconName } from '../views/parts/icons';
import { Empty, Loading, OfflineNote } from '../views/parts/notices';
import { Page } from '../views/parts/Page';
import { type Place, PlaceLink, type Places, PlacesContext } from '../views/parts/places';
import { TellContext, useAttempt } from '../views/parts/tell';
import { useWords } from '../views/parts/words';
import { FormScreen } from '../views/screens/FormScreen';
import {
  NotebooksScreen,
  OverviewScreen,
  RunsScreen,
  SchedulesScreen
} from '../views/screens/ListScreens';
import { CalendarScreen } from '../views/screens/CalendarScreen';
import { CompareScreen } from '../views/screens/CompareScreen';
import { ReaderScreen } from '../views/screens/ReaderScreen';
import { RunScreen } from '../views/screens/RunScreen';
import { ScheduleScreen } from '../views/screens/ScheduleScreen';
import { ModelContext, useConnection, useModel } from '../views/screens/state';
import { Toasts, useToasts } from '../views/Toasts';
import { loginCode, pathOf, type Route, routeOf } from './routes';

interface ShellProps {
  model: Model;
  root: string;
  address(path: string): string;
}

export function Shell({ model, root, address }: ShellProps): JSX.Element {
  const { route, open } = useRouter(root);
  const { toasts, tell, close } = useToasts();
  const places = React.useMemo<Places>(
    () => ({ open, href: place => root + pathOf(place), download: address }),
    [open, root, address]
  );
  return (
    <ModelContext.Provider value={model}>
      <PlacesContext.Provider value={places}>
        <TellContext.Provider value={tell}>
          <Doored route={route} />
          <Toasts toasts={toasts} onClose={close} />
        </TellContext.Provider>
      </PlacesContext.Provider>
    </ModelContext.Provider>
  );
}

function here(root: string): Route {
  const path = window.location.pathname;
  return routeOf(path.startsWith(root) ? path.slice(root.length) : path, window.location.search);
}

function useRouter(root: string): { route: Route; open(place: Place): void } {
  const [route, setRoute] = React.useState(() => here(root));
  React.useEffect(() => {
    const moved = () => setRoute(here(root));
    window.addEventListener('popstate', moved);
    return () => window.removeEventListener('popstate', moved);
  }, [root]);
  const open = React.useCallback(
    (place: Place) => {
      window.history.pushState(null, '', root + pathOf(place));
      setRoute(here(root));
      window.scrollTo(0, 0);
      document.getElementById('nightbook-main')?.focus();
    },
    [root]
  );
  return { route, open };
}

/** Who is not logged in sees the door; a code in the address opens it, and leaves the address. */
function Doored({ route }: { route: Route }): JSX.Element {
  const model = useModel();
  const connection = useConnection();
  const [refusal, setRefusal] = React.useState<Refusal | null>(null);
  const [code] = React.useState(() => loginCode(window.location.hash));
  const isAsked = React.useRef(false);
  React.useEffect(() => {
    if (!isAsked.current) {
      isAsked.current = true;
      window.history.replaceState(null, '', window.location.pathname + window.location.search);
      (code ? model.logIn({ code }) : model.start()).catch(error => {
        setRefusal(refusalOf(error));
        return model.start();
      });
    }
  }, [model, code]);
  const logIn = async (token: string) => {
    try {
      await model.logIn({ token });
      return null;
    } catch (error) {
      return refusalOf(error);
    }
  };
  if (connection === 'signed_out') {
    return <LogIn refusal={refusal} onToken={logIn} />;
  }
  return <Frame route={route} />;
}

function Frame({ route }: { route: Route }): JSX.Element {
  const { __ } = useWords();
  const connection = useConnection();
  useTitle(route);
  return (
    <div className="nightbook-Frame-all">
      <a className="nightbook-Skip" href="#nightbook-main">
        {__('Skip to content')}
      </a>
      <Navigation route={route} />
      <main id="nightbook-main" className="nightbook-Main" tabIndex={-1}>
        {connection === 'offline' && <OfflineNote />}
        {connection === 'starting' ? <Loading rows={6} /> : <Screen route={route} />}
      </main>
    </div>
  );
}

/** The tab of the browser says what it shows. */
function useTitle({ kind }: Route): void {
  const { __ } = useWords();
  const titles: Partial<Record<Route['kind'], string>> = {
    overview: __('Overview'),
    schedules: __('Schedules'),
    schedule: __('Schedule'),
    reader: __('Latest result'),
    calendar: __('Calendar'),
    runs: __('Runs'),
    run: __('Run'),
    comparison: __('Compare two runs'),
    notebooks: __('Notebooks'),
    'schedule-notebook': __('Schedule a notebook')
  };
  const title = titles[kind];
  React.useEffect(() => {
    document.title = title ? `${title} · Nightbook` : 'Nightbook';
  }, [title]);
}

function Navigation({ route }: { route: Route }): JSX.Element {
  const { __ } = useWords();
  const model = useModel();
  const attempt = useAttempt();
  const logOut = () =>
    attempt(
      () => model.logOut(),
      () => null
    );
  const links: [Place, string, IconName, string[]][] = [
    [{ kind: 'overview' }, __('Overview'), 'home', ['overview', 'login']],
    [{ kind: 'schedules' }, __('Schedules'), 'calendar', ['schedules', 'schedule', 'reader']],
    [{ kind: 'runs' }, __('Runs'), 'play', ['runs', 'run', 'comparison']],
    [{ kind: 'calendar' }, __('Calendar'), 'days', ['calendar']],
    [{ kind: 'notebooks' }, __('Notebooks'), 'book', ['notebooks', 'schedule-notebook']]
  ];
  return (
    <header className="nightbook-Top">
      <div className="nightbook-Top-inner">
        <PlaceLink to={{ kind: 'overview' }} className="nightbook-Brand">
          <Brand />
          Nightbook
        </PlaceLink>
        <nav className="nightbook-Nav" aria-label={__('Main')}>
          {links.map(([place, words, icon, kinds]) => (
            <PlaceLink key={words} to={place} current={kinds.includes(route.kind)}>
              <Icon name={icon} />
              {words}
            </PlaceLink>
          ))}
        </nav>
        {model.caller && (
          <div className="nightbook-Who">
            <span>{model.caller.name}</span>
            <Action label={__('Log out')} onAct={logOut} />
          </div>
        )}
      </div>
    </header>
  );
}

function Brand(): JSX.Element {
  return (
    <svg
      className="nightbook-Brand-mark"
      viewBox="0 0 24 24"
      width="24"
      height="24"
      aria-hidden="true"
    >
      <rect className="nightbook-Brand-sky" width="24" height="24" rx="6" />
      <path
        className="nightbook-Brand-moon"
        d="M15.5 4.8a7.5 7.5 0 1 0 4 11.2 6.2 6.2 0 0 1-4-11.2z"
      />
    </svg>
  );
}

function Screen({ route }: { route: Route }): JSX.Element {
  const { __ } = useWords();
  switch (route.kind) {
    case 'overview':
    case 'login':
      return <OverviewScreen />;
    case 'schedules':
      return <SchedulesScreen />;
    case 'runs':
      return <RunsScreen />;
    case 'notebooks':
      return <NotebooksScreen />;
    case 'calendar':
      return <CalendarScreen key={route.day ?? ''} day={route.day} />;
    case 'run':
      return <RunScreen key={route.id} id={route.id} cell={route.cell} inPlace />;
    case 'comparison':
      return <CompareScreen key={`${route.run} ${route.other}`} {...route} />;
    case 'schedule':
      return <ScheduleScreen key={route.id} id={route.id} />;
    case 'reader':
      return <ReaderScreen key={route.schedule} schedule={route.schedule} />;
    case 'schedule-notebook':
      return (
        <Page title={__('Schedule a notebook')}>
          <NotebookForm path={route.path} sha256={route.sha256} />
        </Page>
      );
    default:
      return <Empty icon="search" title={__('There is nothing at this address')} />;
  }
}

function NotebookForm(notebook: { path: string; sha256: string }): JSX.Element {
  const places = React.useContext(PlacesContext);
  return (
    <FormScreen
      notebook={notebook}
      onScheduled={({ id }) => places.open({ kind: 'schedule', id })}
      onStarted={({ id }) => places.open({ kind: 'run', id })}
      onCancel={() => places.open({ kind: 'notebooks' })}
    />
  );
}
