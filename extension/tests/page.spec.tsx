import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { Api } from '../src/api';
import { Model } from '../src/model';
import { loginCode, pathOf, routeOf } from '../src/page/routes';
import { Shell } from '../src/page/Shell';
import type { Place } from '../src/views/parts/places';
import { anOverview, aRun, FakeTransport, problem, SHA } from './fakes';

describe('routes', () => {
  it.each<Place>([
    { kind: 'overview' },
    { kind: 'schedules' },
    { kind: 'runs' },
    { kind: 'notebooks' },
    { kind: 'run', id: 'a b/c' },
    { kind: 'run', id: 'r1', cell: 8 },
    { kind: 'schedule', id: '0193' },
    { kind: 'reader', schedule: '0193' },
    { kind: 'schedule-notebook', path: 'a b/ü?.ipynb', sha256: SHA }
  ])('finds the place of its own address: %j', place => {
    const [pathname, search] = pathOf(place).split('?');

    expect(routeOf(pathname, search && `?${search}`)).toEqual(place);
  });

  it('knows what is nowhere', () => {
    expect(routeOf('/runs/a/b')).toEqual({ kind: 'nowhere' });
    expect(routeOf('/elsewhere')).toEqual({ kind: 'nowhere' });
  });

  it('reads the one-time code of an address', () => {
    expect(loginCode('#login=abc')).toBe('abc');
    expect(loginCode('#other')).toBeNull();
  });
});

const ME = { name: 'ana', scopes: [], token_id: 't', csrf_token: 'c' };

const OVERVIEW = anOverview({
  failing: [
    {
      schedule_id: 's1',
      schedule_name: 'Morning report',
      in_a_row: 3,
      since: '2026-11-21T06:31:00Z',
      run_id: 'r9',
      state: 'failed',
      class: 'code',
      reason: 'Cell 9 raised ValueError: no rows.',
      finished_at: '2026-11-23T06:31:00Z'
    }
  ],
  failing_count: 1
});

describe('Shell', () => {
  const models: Model[] = [];
  afterEach(() => models.splice(0).forEach(model => model.dispose()));

  function open(address: string, root = '', answers: Record<string, unknown> = {}) {
    window.history.replaceState(null, '', address);
    const transport = new FakeTransport();
    transport.answers['GET /overview'] = OVERVIEW;
    transport.answers['GET /runs'] = { items: [aRun()], next_cursor: null };
    Object.assign(transport.answers, answers);
    const model = new Model(new Api(transport), { streaming: false, pollSeconds: 3600 });
    models.push(model);
    window.scrollTo = jest.fn();
    render(<Shell model={model} root={root} address={path => `${root}/api/v1${path}`} />);
    return { transport, model, user: userEvent.setup() };
  }

  it('exchanges the code of the address for a session, and takes it out of the address', async () => {
    const { transport } = open('/runs#login=once');
    transport.answers['POST /sessions'] = {
      name: 'ana',
      scopes: [],
      token_id: 't',
      csrf_token: 'c'
    };

    await screen.findByRole('grid', { name: 'Runs' });

    expect(transport.asked[0]).toMatchObject({ path: '/sessions', body: { code: 'once' } });
    expect(window.location.hash).toBe('');
  });

  it('shows the door with the reason when the code is not valid', async () => {
    const refused = () => problem(401, 'bad_code', 'That code was used already.');
    open('/#login=old', '', { 'POST /sessions': refused, 'GET /me': refused });

    expect((await screen.findByRole('alert')).textContent).toBe('That code was used already.');
  });

  it('shows what was asked for after a token opened the door', async () => {
    const refused = problem(401, 'unauthenticated', 'Log in.');
    const { transport, user } = open('/runs', '', { 'GET /me': refused });
    await user.type(await screen.findByLabelText('Token'), 'nb_1');
    Object.assign(transport.answers, { 'POST /sessions': ME, 'GET /me': ME });

    await user.click(screen.getByRole('button', { name: 'Log in' }));

    expect(await screen.findByRole('grid', { name: 'Runs' })).toBeTruthy();
  });

  it('goes from place to place without loading the page, below its root', async () => {
    const { user } = open('/book/', '/book');
    await screen.findByRole('heading', { name: 'Overview' });

    await user.click(screen.getByRole('link', { name: 'Runs' }));

    expect(window.location.pathname).toBe('/book/runs');
    expect(screen.getByRole('link', { current: 'page' }).textContent).toBe('Runs');
    expect(document.title).toBe('Runs · Nightbook');
    expect(await screen.findByRole('heading', { name: 'Runs' })).toBeTruthy();
  });

  it('says that Nightbook is away, and keeps what it has', async () => {
    const { transport, model } = open('/');
    await screen.findByText('Morning report');
    transport.isAway = true;

    await act(() => model.refresh().catch(() => undefined));

    await waitFor(() => expect(screen.getByText(/cannot be reached/)).toBeTruthy());
    expect(screen.getByText('Morning report')).toBeTruthy();
  });
});

describe('styles', () => {
  const read = (name: string) => readFileSync(join(__dirname, '../style', name), 'utf8');
  const both = read('base.css') + read('pages.css');

  it('defines on the plain page every variable that the views use', () => {
    const used = new Set(both.match(/var\(--jp-[a-z0-9-]+/g)?.map(text => text.slice(4)));
    const defined = new Set(read('web.css').match(/--jp-[a-z0-9-]+(?=:)/g));

    expect([...used].filter(name => !defined.has(name))).toEqual([]);
  });

  it('takes every colour of the views from a variable', () => {
    const colours = both.match(/#[0-9a-f]{3,8}\b|rgba?\(|hsla?\(/gi);

    expect(colours).toBeNull();
  });
});
