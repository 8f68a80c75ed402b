"""From a failed run to a kernel at its failing cell, in JupyterLab."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from nightbook.client import Client


@pytest.mark.parametrize("scheme", ["light"], indirect=True)
def test_a_failed_run_is_debugged_in_a_copy_with_its_parameters_and_kernel(
    page: Page, api: Client, stack: Any, shots: Any
) -> None:
    source: Path = stack.folder / "notebooks" / "fails_halfway.ipynb"
    before = source.read_bytes()
    api.notebooks.upload(source)
    run = api.runs.wait(api.runs.create("fails_halfway.ipynb", {"skip_unreadable": False}).id, timeout=90)
    address, _, token = stack.lab_url.partition("?token=")
    lab = f"{address.split('/lab')[0]}/lab/workspaces/d-{uuid4().hex[:8]}"
    page.goto(f"{lab}?nightbook-run={run.id}&token={token}")

    page.get_by_role("button", name="Debug here").click(timeout=60_000)

    toast = page.locator(".Toastify__toast").filter(has_text="This is a copy of the run at cell 10")
    expect(toast).to_be_visible(timeout=60_000)
    notebook = page.locator(".jp-NotebookPanel:visible")
    failed = notebook.locator(".jp-Cell.jp-mod-active")
    expect(failed).to_contain_text("turnover = 0.0")
    expect(failed).to_contain_text("ValueError")
    expect(notebook.get_by_text("Python 3 (ipykernel)")).to_be_visible(timeout=60_000)
    shots("copy")
    toast.get_by_role("button", name="Run the cells above").click()
    expect(notebook.locator(".jp-InputPrompt").filter(has_text=re.compile(r"\[5\]"))).to_be_visible(
        timeout=60_000
    )
    copies = list(source.parent.glob("fails_halfway-debug-*.ipynb"))
    assert len(copies) == 1
    assert "injected-parameters" in copies[0].read_text(encoding="utf-8")
    assert source.read_bytes() == before
