import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { Api } from '../src/api';
import { Model } from '../src/model';
import { ENGLISH, type NotebookDiff } from '../src/tokens';
import { changeWords } from '../src/views/detail/NotebookChanges';
import { type OpenNotebooks, OpenNotebooksContext } from '../src/views/parts/openNotebooks';
import { PlacesContext } from '../src/views/parts/places';
import { TellContext } from '../src/views/parts/tell';
import { ChangedNotebookBadge, ChangesNote } from '../src/views/screens/ChangesNote';
import { ModelContext } from '../src/views/screens/state';
import { aSchedule, FakeTransport, problem } from './fakes';

const NEW = 'b'.repeat(64);
const SCHEDULE = aSchedule({ follows_latest: false });

function aDiff(fields: Partial<NotebookDiff> = {}): NotebookDiff {
  return {
    schema_version: 1,
    against: 'a'.repeat(64),
    sha256: NEW,
    is_same: false,
    parameters: [{ name: 'region', change: 'changed', left: 'north', right: 'south' }],
    files: [],
    kernel: { name: 'kernel', change: 'same', left: 'python3', right: 'python3' },
    cells: [
      {
        id: 'p',
        cell_type: 'code',
        change: 'changed',
        source_change: 'changed',
        outputs_change: 'same',
        source: "region = 'south'",
        lines: [
          { mark: '-', text: "region = 'north'" },
          { mark: '+', text: "region = 'south'" }
        ],
        left: { index: 0, state: null, seconds: null, outputs: [] },
        right: { index: 0, state: null, seconds: null, outputs: [] }
      }
    ],
    ...fields
  };
}

const SAME = aDiff({ is_same: true, parameters: [], cells: [] });

/** An editor in which a test saves, and a server. */
function world(node: React.ReactNode, isOpen = true) {
  let saved = () => undefined as void;
  const editor = {
    revision: isOpen ? 1 : null,
    compare: jest.fn<Promise<NotebookDiff>, [string, string | null]>(async () => aDiff()),
    take: jest.fn<Promise<string | null>, [string]>(async () => NEW)
  };
  const notebooks: OpenNotebooks = {
    subscribe: listener => {
      saved = listener;
      return () => undefined;
    },
    revisionOf: () => editor.revision,
    compare: editor.compare,
    take: editor.take
  };
  const save = () =>
    act(async () => {
      editor.revision = (editor.revision ?? 0) + 1;
      saved();
    });
  const transport = new FakeTransport();
  const model = new Model(new Api(transport), { streaming: false, pollSeconds: 3600 });
  const [tell, open] = [jest.fn(), jest.fn()];
  render(
    <ModelContext.Provider value={model}>
      <PlacesContext.Provider value={{ open }}>
        <TellContext.Provider value={tell}>
          <OpenNotebooksContext.Provider value={notebooks}>{node}</OpenNotebooksContext.Provider>
        </TellContext.Provider>
      </PlacesContext.Provider>
    </ModelContext.Provider>
  );
  return { editor, save, transport, tell, open, user: userEvent.setup() };
}

const CHANGED = /changed since this schedule was made/;

describe('A notebook that changed since its schedule was made', () => {
  it('has a badge that says what changed and leads to the review', async () => {
    const { open, user, editor } = world(<ChangedNotebookBadge schedule={SCHEDULE} />);

    expect(await screen.findByText(CHANGED)).toBeTruthy();
    expect(screen.getByText('1 cell changed · parameters: region')).toBeTruthy();
    await user.click(screen.getByRole('button', { name: 'Review and update' }));

    const { path, sha256 } = SCHEDULE.notebook;
    expect(editor.compare).toHaveBeenCalledWith(path, sha256);
    expect(open).toHaveBeenCalledWith({ kind: 'schedule', id: SCHEDULE.id, review: true });
  });

  it('has none where it is the same, and costs nothing where it is not open', async () => {
    const { editor, save } = world(<ChangedNotebookBadge schedule={SCHEDULE} />, false);
    expect(editor.compare).not.toHaveBeenCalled();

    editor.compare.mockResolvedValue(SAME);
    await save();

    await waitFor(() => expect(editor.compare).toHaveBeenCalledTimes(1));
    expect(screen.queryByText(CHANGED)).toBeNull();
  });

  it('keeps the last answer while a save is compared, and where it cannot be', async () => {
    const { editor, save } = world(<ChangedNotebookBadge schedule={SCHEDULE} />);
    await screen.findByText(CHANGED);

    let answer: (diff: NotebookDiff) => void = () => undefined;
    editor.compare.mockReturnValueOnce(new Promise(resolve => (answer = resolve)));
    await save();
    expect(screen.getByText(CHANGED)).toBeTruthy();

    await act(async () => answer(SAME));
    expect(screen.queryByText(CHANGED)).toBeNull();

    editor.compare.mockRejectedValueOnce(new Error('away'));
    await save();
    expect(screen.queryByText(CHANGED)).toBeNull();
  });

  it('shows its lines and parameters, named after where they stand', async () => {
    const { user } = world(<ChangesNote schedule={SCHEDULE} etag={'"3"'} />);

    await user.click(await screen.findByRole('button', { name: 'Review changes' }));

    expect(screen.getByRole('columnheader', { name: 'In the schedule' })).toBeTruthy();
    expect(screen.getByText('In the notebook:')).toBeTruthy();
    expect(screen.getByRole('heading', { name: 'Cells' })).toBeTruthy();
  });

  it('is taken over after a question, on the version that was read', async () => {
    const { transport, user, tell, editor } = world(
      <ChangesNote schedule={SCHEDULE} etag={'"3"'} />
    );
    transport.answers[`PATCH /schedules/${SCHEDULE.id}`] = SCHEDULE;
    await user.click(
      await screen.findByRole('button', { name: 'Update schedule to this notebook' })
    );
    expect(editor.take).not.toHaveBeenCalled();
    editor.compare.mockResolvedValue(SAME);
    await user.click(screen.getByRole('button', { name: 'Update' }));

    const edit = transport.asked.find(({ method }) => method === 'PATCH');
    expect(edit?.body).toEqual({ notebook: NEW });
    expect(edit?.headers).toMatchObject({ 'If-Match': '"3"' });
    expect(tell).toHaveBeenCalledWith(expect.objectContaining({ tone: 'success' }));
    await waitFor(() => expect(screen.queryByText(CHANGED)).toBeNull());
  });

  it('stays where somebody else was faster, and tells so', async () => {
    const { transport, user, tell } = world(<ChangesNote schedule={SCHEDULE} etag={'"3"'} />);
    transport.answers[`PATCH /schedules/${SCHEDULE.id}`] = () =>
      problem(412, 'stale', 'Somebody changed it.');
    await user.click(
      await screen.findByRole('button', { name: 'Update schedule to this notebook' })
    );
    await user.click(screen.getByRole('button', { name: 'Update' }));

    expect(tell).toHaveBeenCalledWith({ tone: 'error', message: 'Somebody changed it.' });
    expect(screen.getByText(CHANGED)).toBeTruthy();
  });

  it('is only uploaded for a schedule that follows the latest version', async () => {
    const { transport, user, editor } = world(
      <ChangesNote schedule={aSchedule({ follows_latest: true })} etag={'"3"'} />
    );
    await user.click(
      await screen.findByRole('button', { name: 'Update schedule to this notebook' })
    );
    await user.click(screen.getByRole('button', { name: 'Update' }));

    expect(editor.take).toHaveBeenCalledTimes(1);
    expect(transport.asked.some(({ method }) => method === 'PATCH')).toBe(false);
  });

  it('changes nothing where the person does not save', async () => {
    const { transport, user, editor, tell } = world(
      <ChangesNote schedule={SCHEDULE} etag={'"3"'} />
    );
    editor.take.mockResolvedValue(null);
    await user.click(
      await screen.findByRole('button', { name: 'Update schedule to this notebook' })
    );
    await user.click(screen.getByRole('button', { name: 'Update' }));

    expect(transport.asked.some(({ method }) => method === 'PATCH')).toBe(false);
    expect(tell).not.toHaveBeenCalled();
  });
});

it('names files and another kernel in words', () => {
  const diff = aDiff({
    cells: [],
    parameters: [],
    files: [{ name: 'a.csv', change: 'added', left: null, right: 'c' }],
    kernel: { name: 'kernel', change: 'changed', left: 'python3', right: 'ir' }
  });

  expect(changeWords(diff, ENGLISH)).toBe('files: a.csv · another kernel');
});
