"""The ledger: what notebooks themselves write of their start and end, outside of the platform.

Each line is appended with one write (O_APPEND), so that lines of several processes never mix. The notebook
knows its fence from its folder, which the worker names after run and fence.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

PATH = "ledger.ipynb"

_PARAMETERS = """\
ledger = ""
seconds = 0.0
kilobytes = 0
nightbook_run_id = ""
nightbook_fire_time = None
"""

_START = """\
import json, os, time
from pathlib import Path

fence = int(Path.cwd().parent.name.rpartition("-")[2])

def note(event):
    line = {"event": event, "run": nightbook_run_id, "fence": fence, "attempt": os.environ.get("NB_ATTEMPT"),
            "pid": os.getpid(), "at": time.clock_gettime(time.CLOCK_BOOTTIME)}
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, (json.dumps(line) + "\\n").encode())
    os.close(file)

note("start")
"""

_WORK = """\
if kilobytes:
    Path("outputs").mkdir(exist_ok=True)
    Path("outputs/noise").write_bytes(os.urandom(1024 * kilobytes))
until = time.monotonic() + seconds
while time.monotonic() < until:
    time.sleep(min(0.05, seconds))
"""

_END = """\
note("end")
print(f"{nightbook_run_id} under fence {fence}")
"""


def notebook() -> dict[str, Any]:
    """A notebook that appends a line at its start and its end, and in between works and leaves a file."""
    sources = [_PARAMETERS, _START, _WORK, _END]
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {"tags": ["parameters"]} if number == 0 else {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for number, source in enumerate(sources)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}


@dataclass(frozen=True)
class Entry:
    """One line of the ledger; `at` is on the machine's boot clock, in seconds."""

    event: Literal["start", "end"]
    run: UUID
    fence: int
    attempt: str | None
    pid: int
    at: float


def read(file: Path) -> list[Entry]:
    """Every line, in its order. Raises ValueError for a line that is not whole."""
    if not file.exists():
        return []
    lines = file.read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    return [Entry(**{**entry, "run": UUID(entry["run"])}) for entry in entries]
