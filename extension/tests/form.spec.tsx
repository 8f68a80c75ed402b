import { render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { Api } from '../src/api';
import { Model } from '../src/model';
import type { RRuleView, RunDraft, RunView, ScheduleDraft } from '../src/tokens';
import { ScheduleForm, type ScheduleFormProps } from '../src/views/form/ScheduleForm';
import { ModelContext } from '../src/views/screens/state';
import { TestRun } from '../src/views/screens/TestRun';
import { aParameter, aRun, aSchedule, declaring, FakeTransport, SHA } from './fakes';

const DECLARED = declaring(
  aParameter({ name: 'n', type: 'int', default: 3, help: 'How many days.' }),
  aParameter({ name: 'verbose', type: 'bool', default: false }),
  aParameter({ name: 'region', type: 'str', default: 'north', choices: ['north', 'south'] }),
  aParameter({ name: 'today', type: 'any', editable: false, expression: 'date.today()' })
);

const PREVIEW = {
  preview: {
    schema_version: 1,
    margin: null,
    words: 'Every weekday at 07:30',
    fire_times: [
      { at: '2026-11-24T06:30:00Z', local: '2026-11-24T07:30:00', note: null, starts_at: null }
    ]
  }
};

function show(part: Partial<ScheduleFormProps> = {}) {
  const onSchedule = jest.fn<Promise<null>, [ScheduleDraft]>(async () => null);
  const onRun = jest.fn<Promise<null>, [RunDraft]>(async () => null);
  const props: ScheduleFormProps = {
    notebook: { path: 'reports/sales.ipynb', sha256: SHA },
    parameters: DECLARED,
    findings: [],
    pools: [],
    kernels: [],
    zone: 'Europe/Berlin',
    onPreview: async () => PREVIEW,
    onSchedule,
    onRun,
    ...part
  };
  const { unmount } = render(<ScheduleForm {...props} />);
  return { onSchedule, onRun, unmount, user: userEvent.setup() };
}

const field = (name: string) => screen.getByRole('textbox', { name });
const press = (name: string) => screen.getByRole('button', { name });

describe('ScheduleForm', () => {
  it('shows a typed field with its help for each parameter', () => {
    show();

    expect(field('n')).toHaveProperty('value', '3');
    expect(screen.getByText('How many days.').id).toBe(field('n').getAttribute('aria-describedby'));
    expect(screen.getByRole('switch', { name: 'verbose' })).toHaveProperty('checked', false);
    expect(screen.getByRole('combobox', { name: 'region' })).toBeTruthy();
    expect(screen.getByText('today = date.today()')).toBeTruthy();
  });

  it('refuses abc for a whole number as it is typed', async () => {
    const { user } = show();

    await user.clear(field('n'));
    await user.type(field('n'), 'abc');

    expect(screen.getByRole('alert').textContent).toBe('Enter a whole number, for example 3.');
    expect(field('n').getAttribute('aria-invalid')).toBe('true');
  });

  it('does not send a faulty draft, and puts the focus on the first fault', async () => {
    const { user, onSchedule } = show();
    await user.clear(field('n'));

    await user.click(press('Schedule'));

    expect(onSchedule).not.toHaveBeenCalled();
    expect(document.activeElement).toBe(field('n'));
  });

  it('sends what was entered, with a trigger', async () => {
    const { user, onSchedule } = show();
    await user.clear(field('n'));
    await user.type(field('n'), '7');
    await user.click(screen.getByRole('switch', { name: 'verbose' }));
    await user.selectOptions(screen.getByRole('combobox', { name: 'region' }), 'south');

    await user.click(press('Schedule'));

    expect(onSchedule).toHaveBeenCalledTimes(1);
    expect(onSchedule.mock.calls[0][0]).toMatchObject({
      name: 'sales',
      notebook: SHA,
      parameters: { n: 7, verbose: true, region: 'south' },
      trigger: { kind: 'cron', expression: '30 7 * * MON-FRI', timezone: 'Europe/Berlin' }
    });
  });

  it('runs a test of what was entered, once, marked, and stays', async () => {
    const onTest = jest.fn<Promise<null>, [RunDraft]>(async () => null);
    const { user, onSchedule } = show({ onTest, test: <p>watched here</p> });
    await user.clear(screen.getByRole('textbox', { name: /^Name of/ }));

    await user.click(press('Test run'));

    expect(onTest).toHaveBeenCalledTimes(1);
    expect(onTest.mock.calls[0][0]).toMatchObject({
      notebook: SHA,
      retries: 0,
      tags: ['test'],
      note: 'Test run for “sales”'
    });
    expect(onSchedule).not.toHaveBeenCalled();
    expect(screen.getByText('watched here')).toBeTruthy();
  });

  it('tests nothing while a parameter is faulty', async () => {
    const onTest = jest.fn<Promise<null>, [RunDraft]>(async () => null);
    const { user } = show({ onTest });
    await user.clear(field('n'));

    await user.click(press('Test run'));

    expect(onTest).not.toHaveBeenCalled();
    expect(document.activeElement).toBe(field('n'));
  });

  it('asks for the fire times with the days off', async () => {
    const onPreview = jest.fn(async () => PREVIEW);
    const { user } = show({ onPreview });

    await user.type(field('Holidays of'), 'DE');

    await waitFor(() =>
      expect(onPreview).toHaveBeenLastCalledWith(
        expect.objectContaining({ holidays: 'DE', on_excluded: 'skip' }),
        expect.anything()
      )
    );
  });

  it('follows schedules that are found by their names', async () => {
    const find = jest.fn(async () => [
      { id: 's2', name: 'Import' },
      { id: 's3', name: 'Clean up' }
    ]);
    const neighbours = { find, byId: async (id: string) => ({ id, name: id }) };
    const { user, onSchedule } = show({ neighbours });
    await user.selectOptions(screen.getByRole('combobox', { name: 'Run' }), 'after');
    await user.click(press('Schedule'));
    expect(screen.getByRole('alert').textContent).toBe('Choose at least one schedule.');

    await user.click(await screen.findByRole('button', { name: 'Add Import' }));
    await user.click(screen.getByRole('button', { name: 'Add Clean up' }));
    await user.selectOptions(screen.getByRole('combobox', { name: 'Of these schedules' }), 'any');
    await user.click(screen.getByRole('button', { name: 'Remove Import' }));
    await user.click(press('Schedule'));

    expect(onSchedule.mock.calls[0][0].trigger).toEqual({
      kind: 'after',
      schedule_ids: ['s3'],
      join: 'any',
      states: ['succeeded']
    });
  });

  it('names the schedules that one being edited follows', async () => {
    const trigger = {
      kind: 'after' as const,
      schedule_id: null,
      schedule_ids: ['s2'],
      join: 'all' as const,
      states: ['succeeded' as const]
    };
    const byId = async (id: string) => ({ id, name: 'Import' });
    show({
      schedule: aSchedule({ trigger }),
      neighbours: { find: async () => [], byId },
      onSave: async () => null
    });

    const chosen = within(screen.getByRole('list', { name: 'Chosen schedules' }));

    expect(await chosen.findByText('Import')).toBeTruthy();
  });

  it('lets a program call with the parameters that are chosen', async () => {
    const { user, onSchedule } = show();
    await user.selectOptions(screen.getByRole('combobox', { name: 'Run' }), 'event');
    await user.click(screen.getByRole('checkbox', { name: 'region' }));

    await user.click(press('Schedule'));

    expect(onSchedule.mock.calls[0][0].trigger).toEqual({
      kind: 'event',
      parameters: ['region']
    });
  });

  it('takes the time as the one at which the result must be ready', async () => {
    const fire = PREVIEW.preview.fire_times[0];
    const preview = {
      ...PREVIEW.preview,
      margin: 'starts 45 minutes before it must be ready, as the trigger says',
      fire_times: [{ ...fire, starts_at: '2026-11-24T05:45:00Z' }]
    };
    const { user, onSchedule } = show({ onPreview: async () => ({ preview }) });
    await user.click(screen.getByRole('checkbox', { name: 'The result must be ready by then' }));
    await user.type(field('Start earlier by (minutes)'), '45');

    await user.click(press('Schedule'));

    const [draft] = onSchedule.mock.calls[0];
    expect(draft.trigger).toMatchObject({ finish_by: true, margin_seconds: 2700 });
    expect(draft.jitter_seconds).toBe(0);
    expect(screen.queryByLabelText('Spread the start over (minutes)')).toBeNull();
    expect(await screen.findByText(preview.margin)).toBeTruthy();
    const times = within(screen.getByRole('list', { name: 'Next fire times' }));
    expect(times.getByTitle(/2026-11-24 05:45:00 UTC/)).toBeTruthy();
  });

  it('takes over what a calendar’s rule says', async () => {
    const read = {
      schema_version: 1,
      trigger: { kind: 'cron', expression: '0 9 * * MON,WED', timezone: 'Europe/Berlin' },
      start_at: null,
      end_at: '2026-12-31T22:59:59Z',
      max_runs: 10,
      exclude_dates: ['2026-12-24'],
      words: 'Every Monday and Wednesday at 09:00'
    } as RRuleView;
    const onRule = jest.fn(async () => ({ read }));
    const { user, onSchedule } = show({ onRule });
    await user.selectOptions(screen.getByRole('combobox', { name: 'Run' }), 'rrule');
    await user.click(press('Schedule'));
    expect(screen.getByRole('alert').textContent).toContain('Paste a rule');

    await user.type(field('Recurrence rule'), 'FREQ=WEEKLY;COUNT=10');
    expect(await screen.findByText('Every Monday and Wednesday at 09:00')).toBeTruthy();
    await user.click(press('Use this rule'));
    await user.click(press('Schedule'));

    expect(onRule).toHaveBeenCalledWith(
      { rrule: 'FREQ=WEEKLY;COUNT=10', timezone: 'Europe/Berlin' },
      expect.anything()
    );
    expect(screen.getByRole('checkbox', { name: 'Wed' })).toHaveProperty('checked', true);
    expect(onSchedule.mock.calls[0][0]).toMatchObject({
      trigger: { kind: 'cron', expression: '0 9 * * MON,WED', timezone: 'Europe/Berlin' },
      max_runs: 10,
      exclude_dates: ['2026-12-24'],
      start_at: null
    });
    expect(onSchedule.mock.calls[0][0].end_at).toContain('2026-12-31T22:59');
  });

  it('shows at the rule which part of it has no equal', async () => {
    const byField = { 'rrule.BYWEEKNO': 'No trigger can say BYWEEKNO.' };
    const { user } = show({ onRule: async () => ({ refusal: { message: 'No.', byField } }) });
    await user.selectOptions(screen.getByRole('combobox', { name: 'Run' }), 'rrule');

    await user.type(field('Recurrence rule'), 'FREQ=YEARLY;BYWEEKNO=7');

    expect(await screen.findByText('No trigger can say BYWEEKNO.')).toBeTruthy();
    expect(field('Recurrence rule').getAttribute('aria-invalid')).toBe('true');
    expect(press('Use this rule')).toHaveProperty('disabled', true);
  });

  it('asks after which failures to retry once there are retries', async () => {
    const { user, onSchedule } = show();
    expect(screen.queryByRole('group', { name: 'Retry when' })).toBeNull();
    await user.clear(field('Retries after a failure'));
    await user.type(field('Retries after a failure'), '2');
    await user.click(screen.getByRole('checkbox', { name: 'A cell raised an error' }));
    await user.click(screen.getByRole('checkbox', { name: 'The kernel died' }));
    expect(screen.getByText(/Choose at least one kind/)).toBeTruthy();

    await user.click(screen.getByRole('checkbox', { name: 'The memory was used up' }));
    await user.clear(field('Wait before the first (minutes)'));
    await user.type(field('Wait before the first (minutes)'), '5');
    await user.clear(field('Give up when it has not started within (hours)'));
    await user.click(press('Schedule'));

    expect(onSchedule.mock.calls[0][0]).toMatchObject({
      retries: 2,
      retry_on: ['out_of_memory'],
      retry_delay_seconds: 300,
      expire_after_seconds: null
    });
  });

  it('shows the errors of the server at their fields, until the field is changed', async () => {
    const refusal = {
      message: 'One value is not valid.',
      byField: { 'parameters.n': 'must be at most 5' }
    };
    const { user } = show({ onSchedule: async () => refusal });

    await user.click(press('Schedule'));

    await waitFor(() => expect(document.activeElement).toBe(field('n')));
    const message = screen.getByText('must be at most 5');
    expect(field('n').getAttribute('aria-describedby')).toContain(message.id);
    await user.type(field('n'), '{backspace}4');
    expect(screen.queryByText('must be at most 5')).toBeNull();
  });

  it('opens the options when the fault is among them', async () => {
    const refusal = { message: 'No.', byField: { retries: 'must be at most 3' } };
    const { user } = show({ onSchedule: async () => refusal });

    await user.click(press('Schedule'));

    await waitFor(() => expect(document.querySelector('details')?.open).toBe(true));
    expect(document.activeElement).toBe(screen.getByLabelText('Retries after a failure'));
  });

  it('runs now without a name', async () => {
    const { user, onRun } = show();
    await user.clear(screen.getByLabelText(/Name of the schedule/));

    await user.click(press('Run now'));

    expect(onRun.mock.calls[0][0]).toMatchObject({ notebook: SHA, parameters: {} });
    expect(onRun.mock.calls[0][0]).not.toHaveProperty('trigger');
  });

  it('says in words and fire times what the trigger means', async () => {
    show();

    expect(await screen.findByText('Every weekday at 07:30')).toBeTruthy();
    const times = within(screen.getByRole('list', { name: 'Next fire times' }));
    expect(times.getByTitle(/2026-11-24 06:30:00 UTC/)).toBeTruthy();
  });

  it('shows at the expression what is wrong with a cron', async () => {
    const refusal = {
      message: 'No.',
      byField: { 'trigger.expression': 'A cron expression has five fields.' }
    };
    const { user } = show({ onPreview: async () => ({ refusal }) });

    await user.selectOptions(screen.getByRole('combobox', { name: 'Run' }), 'Custom (cron)');

    expect(await screen.findByText('A cron expression has five fields.')).toBeTruthy();
    expect(field('Cron expression').getAttribute('aria-invalid')).toBe('true');
  });

  it('saves only what was changed of a schedule', async () => {
    const onSave = jest.fn(async () => null);
    const { user } = show({ schedule: aSchedule({ parameters: { n: 5 } }), onSave });
    await user.type(screen.getByLabelText(/Name of the schedule/), '!');

    await user.click(press('Save'));

    expect(onSave).toHaveBeenCalledWith({ name: 'Morning report!' });
  });

  it('hands what was changed to the form of another version, and saves no more than that', async () => {
    const onSave = jest.fn(async () => null);
    const changes = { current: {} };
    const schedule = aSchedule({ parameters: { n: 5 } });
    const { user, unmount } = show({ schedule, onSave, changes });
    await user.type(screen.getByLabelText(/Name of the schedule/), '!');
    await user.selectOptions(screen.getByRole('combobox', { name: 'region' }), 'south');
    await user.click(screen.getByRole('switch', { name: 'verbose' }));
    unmount();

    const newer = declaring(
      aParameter({ name: 'n', type: 'int', default: 4 }),
      aParameter({ name: 'region', type: 'str', default: 'north', choices: ['north', 'south'] }),
      aParameter({ name: 'year', type: 'int', default: 2026 })
    );
    show({ schedule, onSave, changes, parameters: newer });

    expect(field('n')).toHaveProperty('value', '5');
    expect(field('year')).toHaveProperty('value', '2026');
    await user.click(press('Save'));
    expect(onSave).toHaveBeenCalledWith({
      name: 'Morning report!',
      parameters: { n: 5, region: 'south' }
    });
  });

  it('lists the findings, the gravest first', () => {
    show({
      findings: [
        { rule: 'a', severity: 'note', cell: null, message: 'small' },
        { rule: 'b', severity: 'error', cell: 2, message: 'grave' }
      ]
    });

    const rows = within(screen.getByRole('region', { name: 'Pre-flight check' }));
    const [first] = rows.getAllByRole('listitem');
    expect(first.textContent).toBe('Error · cell 3 · grave');
  });
});

describe('TestRun', () => {
  function watch(run: Partial<RunView>) {
    const transport = new FakeTransport();
    transport.answers['GET /runs/r1'] = aRun({ note: 'Test run', ...run });
    transport.answers['GET /runs/r1/cells'] = { items: [], schema_version: 1 };
    transport.answers['POST /runs/r1/cancel'] = aRun({ state: 'running' });
    const model = new Model(new Api(transport), { streaming: false });
    render(
      <ModelContext.Provider value={model}>
        <TestRun id="r1" />
      </ModelContext.Provider>
    );
    return { transport, user: userEvent.setup() };
  }

  it('says why it failed, and leads to the cell', async () => {
    watch({ state: 'failed', reason: 'Cell 3 raised KeyError.', failed_cell: 2 });

    const part = await screen.findByRole('region', { name: 'Test run' });

    expect(await within(part).findByText('Cell 3 raised KeyError.')).toBeTruthy();
    expect(within(part).getByRole('status').textContent).toContain('Failed');
    expect(within(part).getByRole('button', { name: 'Show cell 3' })).toBeTruthy();
    expect(within(part).queryByRole('button', { name: 'Stop' })).toBeNull();
  });

  it('can be stopped while it runs', async () => {
    const { transport, user } = watch({ state: 'running', finished_at: null });

    await user.click(await screen.findByRole('button', { name: 'Stop' }));

    expect(transport.count('POST', '/runs/r1/cancel')).toBe(1);
  });
});
