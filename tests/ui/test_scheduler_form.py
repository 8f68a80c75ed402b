"""The released front end of jupyter-scheduler, in front of our server: its form, its lists, our runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from nightbook.client import Client

Shots = Callable[[str], Path]

pytestmark = pytest.mark.parametrize("scheme", ["light"], indirect=True)


@pytest.fixture(scope="module")
def scheduler(start_jupyter: Callable[..., Any], stamped: Callable[[str, str], Path]) -> Any:
    ours = "nightbook_lab.compat"
    return start_jupyter(
        "jupyterlab",
        stamped("jupyter-scheduler", "jupyter_scheduler"),
        "--ServerApp.jpserver_extensions={'jupyter_scheduler': True, 'nightbook_lab': True}",
        f"--SchedulerApp.scheduler_class={ours}.scheduler.NightbookScheduler",
        f"--SchedulerApp.environment_manager_class={ours}.environments.NightbookEnvironments",
        f"--SchedulerApp.job_files_manager_class={ours}.files.NightbookFiles",
    )


@pytest.fixture
def form(page: Page, scheduler: Any) -> Any:
    page.goto(f"{scheduler.url}lab/tree/daily_sales.ipynb?token={scheduler.token}&reset")
    # Its button takes the file that the browser of files has selected; that is so once all has loaded.
    page.locator(".jp-DirListing-item.jp-mod-selected").filter(has_text="daily_sales.ipynb").wait_for()
    page.locator(".jp-NotebookPanel-toolbar").get_by_role("button", name="Create a job").click()
    jobs = page.get_by_role("tabpanel", name="Jobs")
    expect(jobs.get_by_label("Input file")).to_have_value("daily_sales.ipynb")
    # What is typed before its kernels have come would be lost.
    expect(jobs.get_by_label("Environment")).to_have_text("python3")
    return jobs


def test_a_job_of_its_form_is_a_run_of_ours(page: Page, form: Any, api: Client, shots: Shots) -> None:
    form.get_by_label("Job name").fill("By the other form")
    form.get_by_role("button", name="Add new parameter").click()
    form.locator("input[name=parameter-0-name]").fill("region")
    form.locator("input[name=parameter-0-value]").fill("west")
    form.locator("input[name=parameter-0-name]").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    shots("form")
    form.get_by_role("button", name="Create", exact=True).click()
    expect(form.get_by_text("By the other form").first).to_be_visible()
    run = next(api.runs.list(notebook="daily_sales.ipynb"))
    assert (run.parameters, api.runs.wait(run.id, timeout=90).state) == ({"region": "west"}, "succeeded")

    form.get_by_role("button", name="Reload").click()

    row = form.get_by_role("row").filter(has_text="By the other form")
    expect(row.get_by_text("Completed")).to_be_visible()
    shots("list")


def test_a_definition_of_its_form_is_a_schedule_of_ours(page: Page, form: Any, api: Client) -> None:
    form.get_by_label("Job name").fill("Nightly by the other form")
    form.get_by_label("Environment").click()
    page.get_by_role("option", name="python3", exact=True).click()
    form.get_by_role("radio", name="Run on a schedule").check()
    form.get_by_role("button", name="Create", exact=True).click()
    expect(form.get_by_role("row").filter(has_text="Nightly by the other form")).to_be_visible()

    (made,) = [one for one in api.schedules.list() if one.name == "Nightly by the other form"]

    assert (made.kernel, made.trigger.kind, made.state) == ("python3", "cron", "active")
    api.schedules.delete(made.id)
