"""The web page at /: log in by the link, look around, run, re-run, schedule, pause."""

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


@pytest.fixture(scope="module", autouse=True)
def gallery(api: Client, stack: Any) -> None:
    for name in ("daily_sales", "fails_halfway", "export_customers"):
        api.notebooks.upload(stack.folder / "notebooks" / f"{name}.ipynb")


def test_a_one_time_link_opens_the_page_and_leaves_the_address(
    page: Page, log_in_by_link: LogIn, shots: Shots
) -> None:
    log_in_by_link()

    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    assert "login=" not in page.url
    shots("overview")


def test_a_used_link_leads_to_the_door(page: Page, stack: Any, shots: Shots) -> None:
    page.goto(f"{stack.api_url}/#login=used-before")

    expect(page.get_by_label("Token")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_visible()
    shots("door")


def test_a_notebook_is_scheduled_from_the_page(page: Page, log_in: LogIn, shots: Shots, scheme: str) -> None:
    log_in()
    page.get_by_role("link", name="Notebooks").click()
    page.get_by_role("link", name="daily_sales.ipynb").click()
    form = page.get_by_role("form", name="Schedule a notebook")

    form.get_by_label("Name of the schedule").fill(f"Sales on the page, {scheme}")
    form.get_by_label("region").select_option("south")
    expect(form.get_by_role("list", name="Next fire times").get_by_role("listitem")).to_have_count(5)
    shots("form")
    form.get_by_role("button", name="Schedule", exact=True).click()

    expect(page.get_by_text("is scheduled").first).to_be_visible()
    expect(page.get_by_role("heading", name=f"Sales on the page, {scheme}")).to_be_visible()
    shots("schedule")


def test_a_wrong_parameter_is_said_at_its_field(page: Page, log_in: LogIn, shots: Shots) -> None:
    log_in()
    page.get_by_role("link", name="Notebooks").click()
    page.get_by_role("link", name="daily_sales.ipynb").click()

    page.get_by_label("days", exact=True).fill("abc")
    page.get_by_role("button", name="Run now").click()

    expect(page.get_by_label("days", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("days", exact=True)).to_be_focused()
    shots("refused")


def test_a_run_is_seen_to_its_end_and_run_again(
    page: Page, api: Client, log_in: LogIn, shots: Shots, stack: Any
) -> None:
    run = api.runs.create("daily_sales.ipynb", parameters={"region": "south"})
    log_in()
    page.goto(f"{stack.api_url}/runs/{run.id}")

    expect(page.get_by_text("Succeeded").first).to_be_visible(timeout=60_000)
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Daily sales")).to_be_visible()
    shots("run")
    page.get_by_role("button", name=re.compile("Run again")).click()
    form = page.get_by_role("form", name="Run again")
    form.get_by_label("region").select_option("east")
    shots("again")
    form.get_by_role("button", name="Run again").click()

    expect(page).not_to_have_url(re.compile(str(run.id)))
    again = next(iter(api.runs.list(rerun_of=run.id)))
    assert again.parameters["region"] == "east"
    assert again.notebook.sha256 == run.notebook.sha256


def test_a_copy_is_taken_as_pdf_and_looked_at_as_slides(
    page: Page, api: Client, log_in: LogIn, shots: Shots, stack: Any
) -> None:
    run = api.runs.wait(api.runs.create("daily_sales.ipynb").id, timeout=90)
    pdf = next(one for one in api.runs.export_formats() if one.format == "pdf")
    assert pdf.is_available, pdf.reason
    log_in()
    page.goto(f"{stack.api_url}/runs/{run.id}")

    page.get_by_role("button", name="Download").click()
    shots("download")
    with page.expect_download() as told:
        page.get_by_role("button", name="PDF").click()
    assert re.fullmatch(r"daily_sales-\d{8}T\d{4}\.pdf", told.value.suggested_filename)
    assert told.value.path().read_bytes().startswith(b"%PDF-")

    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open as slides").click()
    slides = opened.value
    expect(slides.locator("#slide-1")).to_be_in_viewport(ratio=0.9)
    slides.keyboard.press("PageDown")
    expect(slides.locator("#slide-2 nav")).to_be_in_viewport()
    slides.locator("#slide-2").get_by_role("link", name="Previous").click()
    expect(slides.locator("#slide-1")).to_be_in_viewport(ratio=0.9)


def test_a_failed_run_says_why_in_one_line(
    page: Page, api: Client, log_in: LogIn, shots: Shots, stack: Any
) -> None:
    run = api.runs.wait(api.runs.create("fails_halfway.ipynb").id, timeout=90)
    log_in()

    page.goto(f"{stack.api_url}/runs/{run.id}")

    expect(page.get_by_text("Cell 9 raised ValueError").first).to_be_visible()
    shots("failed")


def test_a_schedule_is_tried_before_it_is_made(page: Page, log_in: LogIn, shots: Shots, scheme: str) -> None:
    log_in()
    page.get_by_role("link", name="Notebooks").click()
    page.get_by_role("link", name="fails_halfway.ipynb").click()
    form = page.get_by_role("form", name="Schedule a notebook")

    form.get_by_role("button", name="Test run").click()

    test = form.get_by_role("region", name="Test run")
    expect(test.get_by_role("status").first).to_have_text("Failed", timeout=60_000)
    expect(test.get_by_role("link", name=re.compile("Show cell"))).to_be_visible()
    form.get_by_role("button", name="Test run").scroll_into_view_if_needed()
    shots("tried")
    expect(form.get_by_role("button", name="Schedule", exact=True)).to_be_enabled()
    box = form.bounding_box()
    assert box is not None and box["height"] < 1500, "its parts are as high as their fields"


def test_a_calendars_rule_says_when_a_result_must_be_ready(
    page: Page, log_in: LogIn, shots: Shots, scheme: str, findings: Findings
) -> None:
    log_in()
    page.get_by_role("link", name="Notebooks").click()
    page.get_by_role("link", name="daily_sales.ipynb").click()
    form = page.get_by_role("form", name="Schedule a notebook")
    form.get_by_label("Name of the schedule").fill(f"By a rule, {scheme}")
    form.get_by_label("Time zone").fill("Europe/Berlin")
    form.get_by_label("Run", exact=True).select_option("rrule")
    form.get_by_label("Recurrence rule").fill("RRULE:FREQ=YEARLY;BYWEEKNO=7")
    expect(form.get_by_role("alert")).to_contain_text("BYWEEKNO")
    form.get_by_label("Recurrence rule").fill("RRULE:FREQ=WEEKLY;BYDAY=MO,WE;BYHOUR=9;BYMINUTE=0;COUNT=12")
    expect(form.get_by_text("12 runs in all")).to_be_visible()
    form.get_by_role("button", name="Use this rule").scroll_into_view_if_needed()
    shots("rule")
    assert findings() == []
    form.get_by_role("button", name="Use this rule").click()

    expect(form.get_by_label("At", exact=True)).to_have_value("09:00")
    form.get_by_label("The result must be ready by then").check()
    expect(form.get_by_text("starts 30 minutes before it must be ready")).to_be_visible()
    shots("ready")
    form.get_by_text("More options").click()
    expect(form.get_by_label("At most so many runs")).to_have_value("12")
    form.get_by_label("Retries after a failure").fill("2")
    form.get_by_text("The memory was used up").click()
    shots("options")
    assert findings() == []
    form.get_by_role("button", name="Schedule", exact=True).click()

    expect(page.get_by_role("heading", name=f"By a rule, {scheme}")).to_be_visible()
    expect(page.get_by_text(re.compile("Monday and Wednesday")).first).to_be_visible()


def test_one_schedule_follows_another_that_a_program_fires(
    page: Page, log_in: LogIn, shots: Shots, scheme: str, stack: Any
) -> None:
    log_in()
    page.get_by_role("link", name="Notebooks").click()
    page.get_by_role("link", name="export_customers.ipynb").click()
    form = page.get_by_role("form", name="Schedule a notebook")
    form.get_by_label("Name of the schedule").fill(f"On a call, {scheme}")
    form.get_by_label("Run", exact=True).select_option("event")
    expect(form.get_by_text("When a program calls its hook")).to_be_visible()
    form.get_by_role("button", name="Schedule", exact=True).click()

    page.get_by_role("button", name="Open it with a secret").click()
    call = page.get_by_role("group", name="How to call it")
    expect(call).to_contain_text("Bearer nb_hook_")
    shots("hook")

    page.get_by_role("link", name="Notebooks").click()
    page.get_by_role("link", name="daily_sales.ipynb").click()
    form.get_by_label("Name of the schedule").fill(f"After the call, {scheme}")
    form.get_by_label("Run", exact=True).select_option("after")
    form.get_by_label("After the schedule").fill("On a call")
    form.get_by_role("button", name=f"Add On a call, {scheme}").click()
    shots("after")
    form.get_by_role("button", name="Schedule", exact=True).click()
    expect(page.get_by_role("heading", name=f"After the call, {scheme}")).to_be_visible()
    expect(page.get_by_text("has succeeded").first).to_be_visible()
