import { act, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { Api } from '../src/api';
import { Model } from '../src/model';
import type { ExportFormatView } from '../src/tokens';
import { DownloadMenu } from '../src/views/detail/DownloadMenu';
import { TellContext } from '../src/views/parts/tell';
import { RunScreen } from '../src/views/screens/RunScreen';
import { ModelContext } from '../src/views/screens/state';
import { aRun, FakeTransport, problem, response } from './fakes';

const WHY = 'there is no Chromium. Install chromium beside the server.';

function formats(hasPdf = true): ExportFormatView[] {
  const can = { is_available: true, reason: null };
  return [
    { format: 'ipynb', media_type: 'application/x-ipynb+json', ...can },
    { format: 'html', media_type: 'text/html', ...can },
    { format: 'slides', media_type: 'text/html', ...can },
    {
      format: 'pdf',
      media_type: 'application/pdf',
      is_available: hasPdf,
      reason: hasPdf ? null : WHY
    }
  ];
}

const opener = () => screen.getByRole('button', { name: 'Download' });

describe('DownloadMenu', () => {
  it('saves the form that is chosen, with or without code', async () => {
    const user = userEvent.setup();
    const onSave = jest.fn(async () => undefined);
    render(<DownloadMenu formats={formats()} onSave={onSave} />);

    expect(screen.queryByRole('button', { name: 'PDF' })).toBeNull();
    await user.click(opener());
    await user.click(screen.getByRole('button', { name: 'PDF' }));
    await user.click(screen.getByRole('switch', { name: 'With code' }));
    await user.click(screen.getByRole('button', { name: 'Slides (.html)' }));

    expect(onSave.mock.calls).toEqual([
      ['pdf', true],
      ['slides', false]
    ]);
  });

  it('says why the server cannot make a form, and makes the others', async () => {
    const user = userEvent.setup();
    render(<DownloadMenu formats={formats(false)} onSave={jest.fn()} />);

    await user.click(opener());

    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'PDF' }).disabled).toBe(true);
    expect(screen.getByText(WHY)).toBeTruthy();
    const page = screen.getByRole<HTMLButtonElement>('button', { name: 'Web page (.html)' });
    expect(page.disabled).toBe(false);
  });

  it('is closed by Escape, and gives the focus back', async () => {
    const user = userEvent.setup();
    render(<DownloadMenu formats={formats()} onSave={jest.fn()} />);

    await user.click(opener());
    expect(opener().getAttribute('aria-expanded')).toBe('true');
    await user.tab();
    await user.keyboard('{Escape}');

    expect(opener().getAttribute('aria-expanded')).toBe('false');
    expect(document.activeElement).toBe(opener());
  });

  it('waits for what the server can make', async () => {
    const user = userEvent.setup();
    render(<DownloadMenu formats={null} onSave={jest.fn()} />);

    await user.click(opener());

    expect(screen.getByRole('status').textContent).toContain('Asking');
  });
});

describe('RunScreen', () => {
  const saved: { name: string; bytes: Blob }[] = [];

  beforeEach(() => {
    saved.length = 0;
    let held: Blob;
    URL.createObjectURL = jest.fn((bytes: Blob) => {
      held = bytes;
      return 'blob:1';
    });
    URL.revokeObjectURL = jest.fn();
    jest.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (
      this: HTMLAnchorElement
    ) {
      saved.push({ name: this.download, bytes: held });
    });
  });

  afterEach(() => jest.restoreAllMocks());

  async function open(run = aRun()) {
    const transport = new FakeTransport();
    transport.answers['GET /runs/r1'] = run;
    transport.answers['GET /runs/r1/cells'] = { items: [] };
    transport.answers['GET /runs/r1/artifacts'] = { items: [] };
    transport.answers['GET /exports'] = { items: formats() };
    const model = new Model(new Api(transport));
    const tell = jest.fn();
    render(
      <ModelContext.Provider value={model}>
        <TellContext.Provider value={tell}>
          <RunScreen id="r1" />
        </TellContext.Provider>
      </ModelContext.Provider>
    );
    await act(() => model.start());
    await screen.findByRole('heading', { name: 'sales.ipynb' });
    return { transport, tell, user: userEvent.setup(), model };
  }

  it('gives the browser the file under the name that the server told', async () => {
    const { transport, tell, user, model } = await open();
    transport.answers['GET /runs/r1/export/pdf'] = response('%PDF-', 200, {
      'Content-Disposition': `attachment; filename="_.pdf"; filename*=UTF-8''%C3%BCber.pdf`
    });

    await user.click(opener());
    await user.click(await screen.findByRole('button', { name: 'PDF' }));

    expect(saved).toEqual([{ name: 'über.pdf', bytes: expect.any(Blob) }]);
    const [asked] = transport.asked.filter(({ path }) => path.endsWith('/export/pdf'));
    expect(asked.query).toEqual({ code: 'shown' });
    expect(tell).not.toHaveBeenCalled();
    model.dispose();
  });

  it('tells a refusal in the words of the server, and saves nothing', async () => {
    const { transport, tell, user, model } = await open();
    const words = 'This copy is too large to print.';
    transport.answers['GET /runs/r1/export/pdf'] = problem(413, 'export_too_large', words);

    await user.click(opener());
    await user.click(await screen.findByRole('button', { name: 'PDF' }));

    expect(tell).toHaveBeenCalledWith({ tone: 'error', message: words });
    expect(saved).toEqual([]);
    model.dispose();
  });

  it('offers nothing to download of a run that goes on', async () => {
    const { model } = await open(aRun({ state: 'running', finished_at: null }));

    expect(screen.queryByRole('button', { name: 'Download' })).toBeNull();
    model.dispose();
  });
});
