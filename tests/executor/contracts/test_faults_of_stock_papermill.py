"""Faults of papermill by itself that our engine was built against. Each is expected: when one of these
fails, papermill has mended it, and the code of ours that is named may go.
"""

import json

import nbformat
import papermill
import pytest
from papermill.engines import NotebookExecutionManager
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import LocalHandler


def notebook(*sources):
    spec = {"name": "python3", "display_name": "Python", "language": "python"}
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec})


def statuses(path):
    return [cell.metadata.papermill.status for cell in nbformat.read(path, as_version=4).cells]


def test_after_a_killed_kernel_it_claims_that_all_cells_are_completed(tmp_path):
    """statuses.py: a pending cell stays pending."""
    out = tmp_path / "out.ipynb"
    with pytest.raises(Exception):  # noqa: B017 - which one differs between versions
        papermill.execute_notebook(
            notebook("1", "import os; os.kill(os.getpid(), 9)", "3"), str(out), progress_bar=False
        )
    assert statuses(out) == ["completed"] * 3
    assert nbformat.read(out, as_version=4).metadata.papermill.exception is None


def test_the_same_with_our_engine_says_what_ran(tmp_path):
    out = tmp_path / "out.ipynb"
    with pytest.raises(PapermillExecutionError):
        papermill.execute_notebook(
            notebook("1", "import os; os.kill(os.getpid(), 9)", "3"),
            str(out),
            engine_name="nightbook",
            progress_bar=False,
        )
    copy = nbformat.read(out, as_version=4)
    told = [cell.metadata.papermill.status for cell in copy.cells if "papermill" in cell.metadata]
    assert told == ["completed", "failed", "pending"]


def test_given_a_notebook_it_puts_all_of_it_into_the_copys_metadata(tmp_path):
    """statuses.py: input_path is the notebook's path."""
    copy = papermill.execute_notebook(notebook("1"), str(tmp_path / "out.ipynb"), progress_bar=False)
    assert "cells" in json.dumps(copy.metadata.papermill.input_path)


def test_it_writes_the_whole_notebook_again_and_again(tmp_path, monkeypatch):
    """statuses.py: no saves from the engine."""
    writes = []
    monkeypatch.setattr(NotebookExecutionManager, "save", lambda _self, **_kwargs: writes.append(1))
    papermill.execute_notebook(notebook("1", "2", "3", "4"), str(tmp_path / "out.ipynb"), progress_bar=False)
    assert len(writes) >= 2 * 4


def test_its_handler_of_files_empties_the_file_before_it_writes(tmp_path):
    """iohandler.py: beside the target, then renamed."""
    path = tmp_path / "out.ipynb"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        LocalHandler().write("a\ud800", str(path))
    assert path.read_text() == ""


def test_sys_exit_with_zero_is_marked_as_an_exception(tmp_path):
    """runner.py: it ends the run with success, and says so."""
    copy = papermill.execute_notebook(
        notebook("import sys; sys.exit(0)", "2"), str(tmp_path / "out.ipynb"), progress_bar=False
    )
    assert copy.metadata.papermill.exception is True
