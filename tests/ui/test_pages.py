"""The pages for readers: is everything all right, how does a schedule go, what happened in a run."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from nightbook.client import Client

LogIn = Callable[[], None]
Shots = Callable[[str], Path]
Findings = Callable[[], list[str]]

PHONE = {"width": 390, "height": 844}
DAILY = {"kind": "cron", "expression": "30 7 * * *", "timezone": "Europe/Berlin"}
once = pytest.mark.parametrize("scheme", ["light"], indirect=True)


@pytest.fixture(scope="module")
def schedules(api: Client, stack: Any) -> dict[str, Any]:
    """One schedule that does well, and one that failed twice after it had done well."""
    for name in ("daily_sales", "fails_halfway", "long_progress"):
        api.notebooks.upload(stack.folder / "notebooks" / f"{name}.ipynb")
    good = api.schedules.create(name="Sales of the day", notebook="daily_sales.ipynb", trigger=DAILY)
    red = api.schedules.create(name="Stock valuation", notebook="fails_halfway.ipynb", trigger=DAILY)
    for _ in range(2):
        api.runs.wait(api.schedules.run(good.id).id, timeout=90)
    api.runs.wait(api.schedules.run(red.id, parameters={"skip_unreadable": True}).id, timeout=90)
    for _ in range(2):
        api.runs.wait(api.schedules.run(red.id).id, timeout=90)
    return {"good": good, "red": red}


@pytest.mark.usefixtures("schedules")
def test_the_landing_page_says_in_a_line_whether_all_is_well(
    page: Page, log_in: LogIn, shots: Shots, findings: Findings
) -> None:
    log_in()

    expect(page.get_by_role("status").filter(has_text="1 schedule fails")).to_be_visible()
    trouble = page.get_by_role("list", name="Needs attention")
    expect(trouble.get_by_text("2 failures in a row")).to_be_visible()
    expect(trouble.get_by_text(re.compile("Cell 9 raised ValueError"))).to_be_visible()
    next_ones = page.get_by_role("list", name="Next", exact=True)
    expect(next_ones.get_by_role("link", name="Sales of the day")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Success rate of the last 14 days"))).to_be_visible()
    expect(page.get_by_role("list", name="Pools").get_by_text("1 worker alive")).to_be_visible()
    shots("overview")
    assert findings() == []


@pytest.mark.usefixtures("schedules")
def test_the_landing_page_fits_a_phone(page: Page, log_in: LogIn, shots: Shots, findings: Findings) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    log_in()

    expect(page.get_by_role("list", name="Needs attention")).to_be_visible()
    shots("phone")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert findings() == []


def test_a_schedule_shows_how_it_goes(
    page: Page, log_in: LogIn, shots: Shots, findings: Findings, stack: Any, schedules: dict[str, Any]
) -> None:
    log_in()
    page.goto(f"{stack.api_url}/schedules/{schedules['red'].id}")

    expect(page.get_by_text("33.3 %")).to_be_visible()
    expect(page.get_by_text("of 3 runs")).to_be_visible()
    picture = page.get_by_role("img", name=re.compile("newest 3 runs, the oldest first: 1 succeeded"))
    expect(picture).to_be_visible()
    expect(page.get_by_role("list", name="Next fire times").get_by_role("listitem")).to_have_count(5)
    page.get_by_text("Show as a table").click()
    expect(page.get_by_role("table", name="The newest runs").get_by_role("link")).to_have_count(3)
    shots("schedule")
    assert findings() == []


def test_readers_get_the_last_good_result_while_newer_runs_are_red(
    page: Page, log_in: LogIn, shots: Shots, findings: Findings, stack: Any, schedules: dict[str, Any]
) -> None:
    log_in()
    page.goto(f"{stack.api_url}/schedules/{schedules['red'].id}/latest-successful")

    banner = page.get_by_role("alert")
    expect(banner).to_contain_text("did not succeed (failed). This result is from")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name=re.compile("Turnover of the orders"))).to_be_visible()
    expect(frame.get_by_text("import csv")).to_be_hidden()
    shots("reader")
    assert findings() == []
    page.get_by_role("switch", name="Show code").check()
    expect(frame.get_by_text("import csv")).to_be_visible()
    banner.get_by_role("link", name="See what happened").click()
    expect(page.get_by_role("heading", name="fails_halfway.ipynb")).to_be_visible()


@once
def test_a_run_fills_in_while_it_goes_and_says_what_is_left(
    page: Page, api: Client, log_in: LogIn, shots: Shots, findings: Findings, stack: Any
) -> None:
    api.notebooks.upload(stack.folder / "notebooks" / "long_progress.ipynb")
    api.runs.wait(api.runs.create("long_progress.ipynb", {"steps": 4, "seconds": 0.1}).id, timeout=90)
    log_in()
    run = api.runs.create("long_progress.ipynb", {"steps": 60, "seconds": 0.5})
    page.goto(f"{stack.api_url}/runs/{run.id}")

    notebook = page.get_by_role("list", name="The notebook so far")
    expect(notebook.get_by_text(re.compile("batch +2 of 60"))).to_be_visible(timeout=60_000)
    expect(page.get_by_text(re.compile(r"so far, usually"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"Cell \d of \d"))).to_be_visible()
    page.get_by_role("tab", name="Cells").click()
    expect(page.get_by_text(re.compile("× slower")).first).to_be_visible(timeout=30_000)
    shots("live")
    assert findings() == []
    page.get_by_role("button", name="Cancel run").click()
    page.get_by_role("button", name="Stop it").click()
    expect(page.get_by_text("Cancelled").first).to_be_visible(timeout=60_000)


def test_one_click_leads_from_a_failure_to_its_cell(
    page: Page,
    api: Client,
    log_in: LogIn,
    shots: Shots,
    findings: Findings,
    stack: Any,
    schedules: dict[str, Any],
) -> None:
    run = next(iter(api.runs.list(schedule_id=schedules["red"].id, state="failed")))
    log_in()
    page.goto(f"{stack.api_url}/runs/{run.id}")

    why = page.get_by_role("region", name="Why it failed")
    expect(why.get_by_text(re.compile("Cell 9 raised ValueError"))).to_be_visible()
    why.get_by_role("button", name="Show cell 9").click()

    cell = page.get_by_role("button", name=re.compile("turnover = 0.0"))
    expect(cell).to_be_focused()
    expect(page.get_by_text("Traceback (most recent call last)").first).to_be_visible()
    expect(page.get_by_role("region", name="Parameters of this run")).to_be_visible()
    shots("failure")
    assert findings() == []
    why.get_by_role("button", name="Run again from cell 9").click()
    expect(page.get_by_text("The kernel’s memory is gone")).to_be_visible()
    why.get_by_role("button", name="Run again", exact=True).click()

    expect(page).not_to_have_url(re.compile(str(run.id)))
    related = page.get_by_role("list", name="Related runs")
    expect(related.get_by_text("Re-run of")).to_be_visible()
    again = next(iter(api.runs.list(rerun_of=run.id)))
    assert (again.parameters, again.notebook.sha256) == (run.parameters, run.notebook.sha256)
    api.runs.wait(again.id, timeout=90)


@once
def test_what_a_run_left_is_previewed_and_proved(
    page: Page, api: Client, log_in: LogIn, shots: Shots, findings: Findings, stack: Any
) -> None:
    api.notebooks.upload(stack.folder / "notebooks" / "export_customers.ipynb")
    run = api.runs.wait(api.runs.create("export_customers.ipynb").id, timeout=90)
    log_in()
    page.goto(f"{stack.api_url}/runs/{run.id}")

    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_role("button", name="Preview outputs/summary.json").click()
    expect(page.get_by_label("outputs/summary.json", exact=True)).to_contain_text("{")
    shots("artifacts")
    assert findings() == []
    page.get_by_role("tab", name="Attempts").click()
    row = page.get_by_role("table", name="Attempts").get_by_role("row").nth(1)
    expect(row).to_contain_text(re.compile("MB"))
    expect(row).to_contain_text(re.compile("waited ready|forked|ordinary way"))
    page.get_by_role("tab", name="Proof").click()
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text(re.compile(r"(\d) of \1 files were checked, and are as listed"))).to_be_visible()
    shots("proof")
    assert findings() == []


@once
def test_times_are_the_readers_with_utc_on_hover(
    page: Page, log_in: LogIn, stack: Any, schedules: dict[str, Any]
) -> None:
    log_in()
    page.goto(f"{stack.api_url}/schedules/{schedules['good'].id}")

    first = page.get_by_role("list", name="Next fire times").get_by_role("listitem").first
    expect(first).to_contain_text("07:30")
    title = first.locator("time").get_attribute("title") or ""
    assert re.search(r"0[56]:30:00 UTC", title)


@pytest.mark.usefixtures("schedules")
def test_the_calendar_shows_what_ran_and_what_will(
    page: Page, log_in: LogIn, api: Client, shots: Shots, findings: Findings, scheme: str
) -> None:
    hourly = {"kind": "cron", "expression": "0 * * * *", "timezone": "UTC"}
    api.schedules.create(f"By the hour, {scheme}", "daily_sales.ipynb", hourly)
    log_in()
    page.get_by_role("link", name="Calendar").click()

    expect(page.get_by_role("heading", name="Calendar")).to_be_visible()
    today = page.get_by_role("table").get_by_role("button", pressed=True)
    expect(today).to_have_accessible_name(re.compile(r"\d+ failed.*succeeded"))
    lane = page.get_by_role("listitem").filter(has_text="Stock valuation")
    expect(lane.get_by_role("link", name=re.compile("Failed")).first).to_be_visible()
    shots("month")
    lane.scroll_into_view_if_needed()
    page.mouse.wheel(0, 600)
    shots("day")
    assert findings() == []
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    shots("phone")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off"
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.get_by_label("Shown").select_option("1")
    shots("hour")
    lane.get_by_role("link", name=re.compile("Failed")).last.click()
    expect(page.get_by_text("Cell 9 raised ValueError").first).to_be_visible()

    page.goto(page.url.split("/runs")[0] + "/calendar")
    page.get_by_role("button", name="Next month").click()
    page.get_by_role("table").get_by_role("button", name=re.compile("1[0-9].*to come")).first.click()
    expect(page.get_by_role("img", name=re.compile("Comes")).nth(20)).to_be_visible()
