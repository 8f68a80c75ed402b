"""Notebooks run by our engine in this process, with kernels from a zygote or started the ordinary way."""

import json
import os
import threading
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import papermill
from jupyter_client.kernelspec import KernelSpecManager
from nbformat.v4 import new_code_cell, new_notebook
from waiting import until

from nightbook.core.journal import executed_copy, plain_cells
from nightbook.settings import Settings
from nightbook_executor.endings import Ending
from nightbook_executor.execution import Execution
from nightbook_executor.journal import Journal, opened
from nightbook_executor.kernels.environments import Environment, environment_of
from nightbook_executor.kernels.forking import Forking
from nightbook_executor.kernels.zygotes import Zygotes
from nightbook_executor.processes import Processes

#: One for all, as in a worker: whatever is started elsewhere would be taken for an orphan and killed.
PROCESSES = Processes()


@dataclass
class Ran:
    """What one run of a notebook left."""

    notebook: dict
    ending: Ending
    kernel: dict
    usage: dict | None
    missing: list[Environment]
    journal: bytes

    def texts(self) -> list[str]:
        return [
            "".join(one.get("text", "") for one in cell.get("outputs", [])) for cell in self.notebook["cells"]
        ]

    @property
    def text(self) -> str:
        return "".join(self.texts())


def usual_environment() -> Environment:
    found = environment_of(KernelSpecManager().get_kernel_spec("python3").argv)
    assert isinstance(found, Environment)
    return found


@contextmanager
def zygotes(folder: Path, **options):
    """The zygotes of a worker, with that of our own environment ready."""
    folder.mkdir(exist_ok=True)
    options.setdefault("preload", Settings.model_fields["preload"].default)
    made = Zygotes(PROCESSES, os.environ, folder, **options)
    try:
        made.want(usual_environment())
        wait_until_ready(made.base)
        yield made
    finally:
        made.close()


def wait_until_ready(base: Path, environment: Environment | None = None) -> dict:
    """Wait for a zygote, and return what it says of itself."""
    state = base / (environment or usual_environment()).key / "state.json"
    until(state.is_file, seconds=60)
    return json.loads(state.read_text())


def run(
    base: Path | None, folder: Path, *sources: str, kernel: str = "python3", notebook=None, **fields
) -> Ran:
    """Run cells in *folder*, with kernels from the zygotes at *base*, or without any."""
    folder.mkdir(parents=True, exist_ok=True)
    if notebook is None:
        notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    notebook.metadata.setdefault("kernelspec", {"name": kernel, "display_name": kernel, "language": "python"})
    missing: list[Environment] = []
    execution = Execution(work=folder, **fields)
    if base is not None:
        execution.forking = Forking(base, missing=missing.append)
    path = folder / f"journal-{threading.get_ident()}.jsonl"
    path.unlink(missing_ok=True)
    execution.journal = Journal(opened(path))
    with suppress(papermill.PapermillExecutionError):
        papermill.execute_notebook(
            deepcopy(notebook),
            None,
            engine_name="nightbook",
            kernel_name=kernel,
            execution=execution,
            progress_bar=False,
        )
    execution.journal.sync()
    records = [json.loads(line) for line in path.read_text().splitlines()]
    told = next((record for record in records if record["k"] == "kernel"), {})
    assert execution.ending is not None
    done = executed_copy({**notebook, "cells": plain_cells(notebook.cells)}, records)
    return Ran(done, execution.ending, told, execution.kernel_ended, missing, path.read_bytes())
