"""The story in Notebook 7, whose pages have room for one document each: the form is a dialog there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from nightbook.client import Client

Shots = Callable[[str], Path]


@pytest.fixture(scope="module")
def notebook_7(start_jupyter: Callable[..., Any], stamped: Callable[[str, str], Path]) -> Any:
    folder = stamped("notebook", "notebook")
    return start_jupyter("notebook", folder, JUPYTERLAB_DIR=str(folder / "share" / "jupyter" / "lab"))


@pytest.fixture
def foreign_errors() -> set[str]:
    # Notebook's own: its keyboard shortcuts are asked for before they are loaded, without our extension too.
    return {"Cannot read properties of undefined (reading 'schema')"}


@pytest.mark.parametrize("scheme", ["light"], indirect=True)
def test_a_notebook_is_scheduled_in_notebook_7_and_its_copy_read(
    page: Page, notebook_7: Any, api: Client, open_form: Callable[[], Locator], scheme: str, shots: Shots
) -> None:
    name = f"From Notebook 7, {scheme}"
    page.goto(f"{notebook_7.url}notebooks/daily_sales.ipynb?token={notebook_7.token}")
    form = open_form()
    form.get_by_label("Name of the schedule").fill(name)
    form.get_by_label("region").select_option("south")
    shots("form")
    form.get_by_role("button", name="Schedule", exact=True).click()
    toast = page.locator(".Toastify__toast").filter(has_text=name).last
    expect(toast).to_be_visible()
    expect(form).to_have_count(0)
    page.wait_for_timeout(500)
    toast.get_by_role("button", name="Open schedule").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name=name)).to_be_visible()
    shots("schedule")
    made = next(schedule for schedule in api.schedules.list() if schedule.name == name)
    assert made.parameters == {"region": "south"}
    run = api.runs.wait(api.schedules.run(made.id).id, timeout=90)
    dialog.get_by_role("button", name="Close").last.click()

    page.get_by_role("menuitem", name="View").click()
    page.locator(".lm-Menu-item").filter(has_text="Right Sidebar").hover()
    page.locator(".lm-Menu-item").filter(has_text="Runs of this notebook").click()
    side = page.get_by_role("region", name="Runs of this notebook")
    shown = side.get_by_role("region", name="Runs", exact=True).get_by_role("listitem")
    # The newest is the first once all are there; other stories ran this notebook too.
    expect(shown).to_have_count(sum(1 for _ in api.runs.list(notebook="daily_sales.ipynb")))
    # A row of the schedules above may come just now, and move what a click is aimed at.
    expect(side.get_by_role("button", name=name)).to_be_visible()
    shown.first.locator(".nightbook-Link").first.press("Enter")
    expect(dialog.get_by_text("Succeeded").first).to_be_visible()
    shots("run")
    with page.context.expect_page() as opened:
        dialog.get_by_role("button", name="Open notebook").first.click()
    copy = opened.value.locator(".nightbook-Executed")
    expect(copy.get_by_role("heading", name="Daily sales")).to_be_visible(timeout=30_000)
    expect(opened.value.get_by_text("Executed copy")).to_be_visible()
    assert f"/edit/runs%3A{run.id}/daily_sales.ipynb" in opened.value.url
