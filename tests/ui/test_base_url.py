"""JupyterLab below a base URL, as behind JupyterHub: every way from the page to the server begins with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Request, expect

from nightbook.client import Client

Shots = Callable[[str], Path]
# The name of a person in the address, as JupyterHub writes it.
BASE = "/user/ann%40b/"


@pytest.fixture(scope="module")
def jupyter(start_jupyter: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    return start_jupyter("jupyterlab", tmp_path_factory.mktemp("no-more-packages"), base=BASE)


@pytest.mark.parametrize("scheme", ["light"], indirect=True)
def test_all_ways_lead_through_the_base_url(
    page: Page,
    jupyter: Any,
    api: Client,
    execute: Callable[[str, dict[str, Any]], None],
    open_form: Callable[[], Locator],
    shots: Shots,
) -> None:
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    page.goto(f"{jupyter.url}lab?token={jupyter.token}")
    page.wait_for_function("window.jupyterapp !== undefined")
    page.evaluate("window.jupyterapp.restored")

    execute("docmanager:open", {"path": "long_progress.ipynb"})
    form = open_form()
    form.get_by_label("Name of the schedule").fill("Behind a hub")
    form.get_by_label("steps").fill("3")
    form.get_by_role("button", name="Schedule", exact=True).click()
    page.get_by_role("button", name="Open schedule").click()
    expect(page.get_by_role("heading", name="Behind a hub")).to_be_visible()
    made = next(schedule for schedule in api.schedules.list() if schedule.name == "Behind a hub")

    page.get_by_role("button", name="Run now").click()
    run = _run_of(page, api, made.id)
    execute("nightbook:show-run", {"id": str(run.id)})
    # It fills in by itself, so the feed comes through.
    expect(page.get_by_text("batch   2 of 3")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Download")).to_be_visible(timeout=60_000)
    streams = [request for request in asked if "/live" in request.url or "/events/stream" in request.url]
    assert streams

    page.get_by_role("button", name="Download").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Web page").click()
    assert "A long one, with progress" in Path(download.value.path()).read_text(encoding="utf-8")

    page.get_by_role("button", name="Open notebook").click()
    expect(page.locator(".nightbook-Executed:visible .jp-CodeCell").first).to_be_visible(timeout=30_000)
    execute("nightbook:browse-runs", {})
    browser = page.get_by_role("region", name="Nightbook runs")
    browser.locator(".jp-DirListing-item").filter(has_text="By state").dblclick()
    expect(browser.locator(".jp-DirListing-item").filter(has_text="Timed out")).to_be_visible()
    shots("browsed")

    # The link of a run that is sent around.
    page.goto(f"{jupyter.url}lab?nightbook-run={run.id}")
    expect(page.get_by_role("heading", name="long_progress.ipynb")).to_be_visible(timeout=60_000)
    ours = [request.url for request in asked if "nightbook/" in request.url]
    assert [url for url in ours if not url.startswith(jupyter.url)] == []


def _run_of(page: Page, api: Client, schedule_id: Any) -> Any:
    for _ in range(100):
        for run in api.runs.list(schedule_id=schedule_id):
            return run
        page.wait_for_timeout(200)
    raise AssertionError("no run was made")
