"""The story in JupyterLab: schedule the open notebook, run it, read its executed copy, run it again."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from nightbook.client import Client

Shots = Callable[[str], Path]
Execute = Callable[[str, dict[str, Any]], None]
OpenForm = Callable[[], Locator]


def _open(page: Page, execute: Execute, name: str) -> Locator:
    execute("docmanager:open", {"path": name})
    panel = page.locator(".jp-NotebookPanel:visible")
    expect(panel.locator(".jp-CodeCell").first).to_be_visible()
    return panel


def _toast(page: Page, words: str) -> Locator:
    toast = page.locator(".Toastify__toast").filter(has_text=words).last
    expect(toast).to_be_visible(timeout=60_000)
    return toast


def test_the_story(
    lab: Page, execute: Execute, open_form: OpenForm, api: Client, shots: Shots, scheme: str
) -> None:
    _open(lab, execute, "daily_sales.ipynb")
    shots("1-notebook")

    form = open_form()
    form.get_by_label("Name of the schedule").fill(f"Daily sales, {scheme}")
    form.get_by_label("region").select_option("south")
    form.get_by_label("Time zone").fill("Europe/Berlin")
    fire_times = form.get_by_role("list", name="Next fire times").get_by_role("listitem")
    expect(fire_times).to_have_count(5)
    expect(fire_times.first).to_contain_text("07:30")
    expect(form.get_by_role("status")).to_contain_text("Monday to Friday, Europe/Berlin")
    shots("2-form")
    form.get_by_role("button", name="Schedule", exact=True).click()

    toast = _toast(lab, f"Daily sales, {scheme}")
    lab.wait_for_timeout(500)  # it slides in
    shots("3-toast")
    toast.get_by_role("button", name="Open schedule").click()
    expect(lab.get_by_role("heading", name=f"Daily sales, {scheme}")).to_be_visible()
    shots("4-schedule")
    made = next(schedule for schedule in api.schedules.list() if schedule.name == f"Daily sales, {scheme}")
    assert (made.trigger.expression, made.trigger.timezone) == ("30 7 * * MON-FRI", "Europe/Berlin")
    assert made.parameters == {"region": "south"}

    lab.get_by_role("button", name="Run now").click()
    run = _newest_run(api, schedule_id=made.id)
    api.runs.wait(run.id, timeout=90)
    execute("nightbook:show-run", {"id": str(run.id)})
    expect(lab.get_by_text("Succeeded").first).to_be_visible(timeout=20_000)
    shots("5-run")

    execute("nightbook:open-run-notebook", {"id": str(run.id)})
    copy = lab.locator(".nightbook-Executed:visible")
    expect(copy.get_by_role("heading", name="Daily sales")).to_be_visible()
    expect(lab.get_by_text("Executed copy")).to_be_visible()
    shots("6-copy")
    before = copy.locator(".jp-CodeCell").first.inner_text()
    copy.locator(".jp-CodeCell .cm-content").first.click()
    lab.keyboard.type("changed")
    assert copy.locator(".jp-CodeCell").first.inner_text() == before

    lab.get_by_role("button", name="Re-run…").click()
    again = lab.get_by_role("form", name="Run again")
    again.get_by_label("region").select_option("east")
    shots("7-again")
    again.get_by_role("button", name="Run again").click()
    child = api.runs.wait(_newest_run(api, rerun_of=run.id).id, timeout=90)
    _toast(lab, "succeeded")
    assert (child.parameters["region"], child.rerun_of) == ("east", run.id)
    shots("8-done")


def _newest_run(api: Client, **filters: Any) -> Any:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for run in api.runs.list(**filters):
            return run
        time.sleep(0.2)
    raise AssertionError("no run was made")


def test_unsaved_changes_are_saved_first_after_asking(
    lab: Page, execute: Execute, api: Client, shots: Shots, scheme: str
) -> None:
    panel = _open(lab, execute, "long_progress.ipynb")
    panel.locator(".jp-CodeCell .cm-content").last.click()
    lab.keyboard.press("Control+End")
    lab.keyboard.type(f"\n# changed in the {scheme} theme")

    lab.get_by_role("button", name="Schedule this notebook").click()
    dialog = lab.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Save and schedule")).to_be_visible()
    shots("asked")
    dialog.get_by_role("button", name="Save and schedule").click()

    expect(lab.get_by_role("form", name="Schedule a notebook")).to_be_visible()
    version = next(iter(api.notebooks.versions("long_progress.ipynb")))
    assert f"changed in the {scheme} theme" in api.notebooks.content(version.sha256).decode()


def test_runs_stand_beside_their_notebook(
    lab: Page, execute: Execute, api: Client, stack: Any, shots: Shots
) -> None:
    api.notebooks.upload(stack.folder / "notebooks" / "export_customers.ipynb")
    run = api.runs.wait(api.runs.create("export_customers.ipynb").id, timeout=90)
    _open(lab, execute, "export_customers.ipynb")

    lab.get_by_role("tab", name="Runs of this notebook").click()

    side = lab.get_by_role("region", name="Runs of this notebook")
    expect(side.get_by_text("Succeeded").first).to_be_visible()
    shots("side")
    assert run.state == "succeeded"


def test_all_ways_to_the_form_are_there(lab: Page, execute: Execute, shots: Shots) -> None:
    _open(lab, execute, "daily_sales.ipynb")

    item = lab.locator(".jp-DirListing-item[data-file-type='notebook']").filter(has_text="daily_sales")
    item.click(button="right")
    expect(lab.get_by_role("menuitem", name=re.compile("Schedule Notebook"))).to_be_visible()
    shots("context-menu")
    lab.keyboard.press("Escape")
    lab.keyboard.press("Control+Shift+C")
    lab.locator(".lm-CommandPalette-input").fill("Schedule Notebook")
    expect(lab.locator(".lm-CommandPalette-item").filter(has_text="Schedule Notebook").first).to_be_visible()
    lab.keyboard.press("Escape")
    execute("launcher:create", {})
    expect(lab.locator(".jp-LauncherCard").filter(has_text="Nightbook")).to_be_visible()
    shots("launcher")


def test_a_notebook_that_changed_is_reviewed_and_taken_over(
    lab: Page,
    execute: Execute,
    api: Client,
    stack: Any,
    shots: Shots,
    scheme: str,
    findings: Callable[..., list[str]],
) -> None:
    name = f"changing_{scheme}.ipynb"
    path = stack.folder / "notebooks" / name
    path.write_bytes((stack.folder / "notebooks" / "daily_sales.ipynb").read_bytes())
    first = api.notebooks.upload(path, path=name)
    nine = {"kind": "cron", "expression": "0 9 * * *", "timezone": "Europe/Berlin"}
    made = api.schedules.create(f"Changing, {scheme}", first.sha256, nine)
    panel = _open(lab, execute, name)
    lab.get_by_role("tab", name="Runs of this notebook").click()
    side = lab.get_by_role("region", name="Runs of this notebook")
    expect(side.get_by_text(made.name)).to_be_visible()
    badge = side.get_by_text("The notebook changed since this schedule was made.")

    panel.locator(".jp-CodeCell .cm-content").last.click()
    lab.keyboard.press("Control+End")
    lab.keyboard.type("\n# another line")
    lab.wait_for_timeout(1_000)
    expect(badge).to_be_hidden()  # nothing is saved yet
    execute("docmanager:save", {})
    expect(badge).to_be_visible()
    expect(side.get_by_text("1 cell changed")).to_be_visible()
    shots("1-badge")
    assert findings(".nightbook-Side") == []

    side.get_by_role("button", name="Review and update").click()
    changes = lab.get_by_role("region", name="Changes of the notebook")
    expect(changes.get_by_text("# another line")).to_be_visible()
    shots("2-review")
    lab.get_by_role("button", name="Edit", exact=True).click()
    expect(lab.get_by_role("form")).to_be_visible()
    expect(changes.get_by_role("button", name="Review changes")).to_be_visible()
    shots("3-form")
    changes.get_by_role("button", name="Update schedule to this notebook").click()
    shots("4-question")
    assert findings(".nightbook-Panel") == []
    changes.get_by_role("button", name="Update", exact=True).click()
    save = lab.get_by_role("button", name="Save and update")
    toast = lab.locator(".Toastify__toast").filter(has_text="now runs version")
    expect(save.or_(toast).first).to_be_visible()
    if save.is_visible():  # JupyterLab itself may have changed the notebook's metadata
        save.click()

    _toast(lab, "now runs version")
    expect(changes).to_be_hidden()
    expect(badge).to_be_hidden()
    now = api.schedules.show(made.id).notebook.sha256
    assert now not in {None, first.sha256}
    assert "# another line" in api.notebooks.content(now).decode()
