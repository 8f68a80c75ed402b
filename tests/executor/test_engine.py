"""The engine by itself, as papermill's own users would call it."""

import asyncio

import nbformat
import papermill
import pytest
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NotebookExecutionManager, papermill_engines
from papermill.exceptions import PapermillExecutionError

from nightbook_executor.engine import NightbookEngine


def notebook(*sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    spec = {"name": "python3", "display_name": "Python", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec})


def statuses(copy):
    return [cell.metadata.papermill.status for cell in copy.cells if "papermill" in cell.metadata]


def test_papermill_finds_the_engine_by_its_name():
    assert papermill_engines.get_engine("nightbook") is NightbookEngine


def test_papermill_runs_a_notebook_with_it(tmp_path):
    copy = papermill.execute_notebook(
        notebook("print(x)", "x + 1"),
        str(tmp_path / "out.ipynb"),
        {"x": 4},
        engine_name="nightbook",
        progress_bar=False,
    )

    assert copy.cells[1].outputs[0].text == "4\n"
    assert copy.cells[2].outputs[0].data["text/plain"] == "5"
    assert statuses(copy) == ["completed"] * 3
    assert nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[2].execution_count == 3


def test_a_dead_kernel_is_papermills_own_error_and_claims_no_cell(tmp_path):
    with pytest.raises(PapermillExecutionError, match="SIGKILL"):
        papermill.execute_notebook(
            notebook("import os; os.kill(os.getpid(), 9)", "2"),
            str(tmp_path / "out.ipynb"),
            engine_name="nightbook",
            progress_bar=False,
        )

    assert statuses(nbformat.read(tmp_path / "out.ipynb", as_version=4)) == ["failed", "pending"]


def test_stock_papermill_still_claims_cells_that_never_ran():
    """When this fails, papermill has mended it and our own book of statuses may go."""
    stock = notebook("1", "2")
    stock.metadata["papermill"] = {}
    book = NotebookExecutionManager(stock, progress_bar=False)
    book.notebook_start()

    book.notebook_complete()

    assert statuses(stock) == ["completed", "completed"]


def test_what_we_override_is_still_there():
    for name in ("execute", "handle_comm_msg", "set_widgets_metadata", "reset_execution_trackers"):
        assert callable(getattr(PapermillNotebookClient, name))
    for name in (
        "notebook_start",
        "cell_start",
        "cell_exception",
        "cell_complete",
        "notebook_complete",
        "save",
    ):
        assert callable(getattr(NotebookExecutionManager, name))
    assert not asyncio.iscoroutinefunction(PapermillNotebookClient.execute)
