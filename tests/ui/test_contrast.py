"""Screens with more contrast: forced colours, more of it asked for, and JupyterLab's own theme for that."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from nightbook.client import Client

Shots = Callable[[str], Path]
Findings = Callable[[], list[str]]
LogIn = Callable[[], None]
Execute = Callable[[str, dict[str, Any]], None]
OpenForm = Callable[[], Locator]
_OF_FOCUSED = "(getComputedStyle(document.activeElement))"
DAILY = {"kind": "cron", "expression": "30 7 * * *", "timezone": "Europe/Berlin"}


@pytest.fixture(scope="module")
def red(api: Client, stack: Any) -> Iterator[Any]:
    """A schedule that succeeded, failed and was cancelled, and its failed run."""
    source = stack.folder / "notebooks" / "fails_halfway.ipynb"
    api.notebooks.upload(source)
    made = api.schedules.create(name="Stock in contrast", notebook=source.name, trigger=DAILY)
    api.runs.wait(api.schedules.run(made.id, parameters={"skip_unreadable": True}).id, timeout=90)
    yield api.runs.wait(api.schedules.run(made.id).id, timeout=90)
    api.schedules.delete(made.id)  # it fails, and other stories count what does


@pytest.mark.parametrize("asked", ["forced", "more"])
def test_the_web_page_is_read_and_used_with_more_contrast(
    page: Page, log_in: LogIn, shots: Shots, findings: Findings, stack: Any, red: Any, asked: str
) -> None:
    if asked == "forced":
        page.emulate_media(forced_colors="active")
    else:
        page.emulate_media(contrast="more")
    log_in()
    shots("overview")
    assert findings() == []
    page.keyboard.press("Tab")
    focused = page.evaluate("(style => [style.outlineStyle, style.outlineWidth])" + _OF_FOCUSED)
    assert focused[0] != "none"
    assert float(focused[1].removesuffix("px")) >= 2
    for name, address in {
        "schedules": "schedules",
        "run": f"runs/{red.id}",
        "schedule": f"schedules/{red.schedule_id}",
    }.items():
        page.goto(f"{stack.api_url}/{address}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_text("Failed").filter(visible=True).first).to_be_visible()
        shots(name)
        assert findings() == []
    page.get_by_role("button", name="Edit").click()
    expect(page.get_by_role("button", name="Save")).to_be_visible()
    shots("form")
    assert findings() == []


@pytest.mark.parametrize("scheme", ["dark"], indirect=True)
def test_jupyterlab_is_read_in_its_theme_of_high_contrast(
    lab: Page, execute: Execute, open_form: OpenForm, shots: Shots, findings: Findings, red: Any
) -> None:
    execute("apputils:change-theme", {"theme": "JupyterLab Dark High Contrast"})
    for name, place in {
        "overview": {"kind": "overview"},
        "schedule": {"kind": "schedule", "id": str(red.schedule_id)},
        "run": {"kind": "run", "id": str(red.id)},
    }.items():
        execute("nightbook:open-panel", {"place": place})
        lab.wait_for_timeout(1500)
        shots(name)
        assert [finding for finding in findings() if "nightbook" in finding] == []
    execute("docmanager:open", {"path": "daily_sales.ipynb"})
    open_form()
    shots("form")
    assert [finding for finding in findings() if "nightbook" in finding] == []
