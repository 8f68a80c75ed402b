"""Kernels that do not behave: one that never answers, one that is never idle, one that has no memory."""

import json
import sys
from pathlib import Path

import house
import pytest

from nightbook.core.journal import without_markers

SILENT = "import time; time.sleep(300)"


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Install a kernel that is started with the arguments given, beside the usual ones."""

    def install(*arguments):
        folder = tmp_path / "jupyter" / "kernels" / "strange"
        folder.mkdir(parents=True)
        spec = {"argv": [sys.executable, *arguments], "display_name": "Strange", "language": "python"}
        (folder / "kernel.json").write_text(json.dumps(spec))
        monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
        return "strange"

    return install


def test_a_kernel_that_never_answers_is_given_up_after_the_limit_of_its_start(kernel, tmp_path):
    ran = house.run(None, tmp_path / "work", "1", kernel=kernel("-c", SILENT), start_timeout_seconds=1.0)

    assert (ran.ending.state, ran.ending.class_) == ("failed", "environment")
    assert ran.ending.reason == "The kernel did not answer within 1 s."
    assert [cell["metadata"]["papermill"]["status"] for cell in without_markers(ran.notebook)] == ["pending"]


def test_a_kernel_that_is_never_idle_is_stopped_by_the_limit_of_its_cell(kernel, tmp_path):
    script = str(Path(__file__).with_name("never_idle.py"))
    name = kernel(script, "{connection_file}")

    ran = house.run(None, tmp_path / "work", "1", "2", kernel=name, cell_timeout_seconds=1)

    assert (ran.ending.state, ran.ending.class_, ran.ending.cell) == ("timed_out", "timeout", 0)
    statuses = [cell["metadata"]["papermill"]["status"] for cell in without_markers(ran.notebook)]
    assert statuses == ["failed", "pending"]


@pytest.mark.usefixtures("limited_address_space")
def test_a_memory_error_under_a_limit_of_the_address_space_is_out_of_memory(tmp_path):
    ran = house.run(None, tmp_path / "work", "1", "held = bytearray(10**12)", "2")

    assert (ran.ending.state, ran.ending.class_, ran.ending.cell) == ("failed", "out_of_memory", 1)
    assert ran.ending.reason == "Cell 2 raised MemoryError under a limit of 900.0 GB of address space."
    statuses = [cell["metadata"]["papermill"]["status"] for cell in without_markers(ran.notebook)]
    assert statuses == ["completed", "failed", "pending"]


@pytest.fixture
def limited_address_space():
    """More than anything here takes, and less than the test asks for."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (900 * 1000**3, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)
