"""Runs in a file browser of JupyterLab: found by date, schedule and state, opened, and never written."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from nightbook.client import Client

Shots = Callable[[str], Path]
Execute = Callable[[str, dict[str, Any]], None]

NAME = "Sales / daily: 100 % “north”"


@pytest.fixture(scope="module")
def runs(api: Client, stack: Any) -> Iterator[list[Any]]:
    """A success and a failure of a schedule whose name is no good name for a folder."""
    source = stack.folder / "notebooks" / "fails_halfway.ipynb"
    api.notebooks.upload(source)
    made = api.schedules.create(name=NAME, notebook=source.name, trigger={"kind": "manual"})
    good = api.runs.wait(api.schedules.run(made.id, parameters={"skip_unreadable": True}).id, timeout=90)
    yield [good, api.runs.wait(api.schedules.run(made.id).id, timeout=90)]
    api.schedules.delete(made.id)  # it fails, and other stories count what does


def _lines(browser: Locator) -> Locator:
    return browser.locator(".jp-DirListing-item")


def _go(browser: Locator, name: str) -> None:
    _lines(browser).filter(has_text=name).first.dblclick()


def test_runs_are_browsed_and_opened_but_never_written(
    lab: Page, execute: Execute, runs: list[Any], shots: Shots, findings: Callable[[], list[str]]
) -> None:
    execute("nightbook:browse-runs", {})
    browser = lab.get_by_role("region", name="Nightbook runs")
    expect(_lines(browser)).to_have_text(["By date", "By schedule", "By state"])

    made = runs[1].created_at.astimezone(ZoneInfo("Europe/Berlin"))
    for name in ("By date", f"{made:%Y}", f"{made:%m · %B}", f"{made:%d · %A}"):
        _go(browser, name)
    expect(_lines(browser).filter(has_text=re.compile(r"Failed · fails_halfway")).first).to_be_visible()
    expect(_lines(browser).filter(has_text=re.compile(r"Succeeded · fails_halfway")).first).to_be_visible()
    shots("day")

    execute("filebrowser:go-to-path", {"path": "runs:/By schedule"})
    _go(browser, NAME)
    expect(_lines(browser)).to_have_text([re.compile("Failed$"), re.compile("Succeeded$")])
    failed = _lines(browser).filter(has_text="Failed")
    expect(failed).to_have_count(1)
    _refuses_to_rename(lab, browser, failed)
    shots("schedule")
    failed.click(button="right")
    expect(lab.locator(".lm-Menu:visible .lm-Menu-itemLabel")).to_have_text(
        ["Open an Executed Notebook", "Show a Run", "Download"]
    )
    lab.keyboard.press("Escape")
    failed.dblclick()
    copy = lab.locator(".nightbook-Executed:visible")
    expect(copy.get_by_text("ValueError").first).to_be_visible()
    expect(lab.get_by_text("Executed copy")).to_be_visible()
    assert lab.evaluate("window.jupyterapp.shell.currentWidget.context.path") == (
        f"runs:{runs[1].id}/fails_halfway.ipynb"
    )
    shots("opened")
    execute("filebrowser:open-path", {"path": f"runs:{runs[0].id}"})
    expect(_lines(browser).filter(has_text="manifest.json")).to_be_visible()
    # The button that clears the filter is JupyterLab's own.
    assert [line for line in findings() if "nightbook" in line and "fileNameSearcher" not in line] == []


def _refuses_to_rename(lab: Page, browser: Locator, line: Locator) -> None:
    before = line.inner_text()
    line.click()
    lab.keyboard.press("F2")
    browser.locator("input.jp-DirListing-editor").fill("other.ipynb")
    lab.keyboard.press("Enter")
    dialog = lab.get_by_role("dialog")
    expect(dialog).to_contain_text("Runs are kept as they were")
    dialog.get_by_role("button").last.click()
    expect(line).to_have_text(before)


@pytest.mark.parametrize("scheme", ["light"], indirect=True)
def test_why_a_folder_is_not_listed_is_said_until_it_is(lab: Page, execute: Execute, shots: Shots) -> None:
    def away(route: Route) -> None:
        route.fulfill(
            status=502,
            content_type="application/problem+json",
            json={
                "code": "unreachable",
                "detail": "Nightbook cannot be reached. Is it running?",
                "status": 502,
            },
        )

    execute("nightbook:browse-runs", {})
    browser = lab.get_by_role("region", name="Nightbook runs")
    expect(_lines(browser)).to_have_count(3)
    lab.route("**/nightbook/api/v1/schedules?**", away)

    _go(browser, "By schedule")

    note = browser.get_by_role("alert")
    expect(note).to_contain_text("Nightbook cannot be reached. Is it running?")
    shots("note")
    lab.unroute("**/nightbook/api/v1/schedules?**")
    note.get_by_role("button", name="Try again").click()
    expect(note).to_have_count(0)
