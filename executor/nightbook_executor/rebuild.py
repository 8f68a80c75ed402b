"""The executed copy from source and journal, when the child is gone: `python -m nightbook_executor.rebuild`.

Runs as a process of its own, because what it reads came from other people's code. It closes the
journal with the ending that the worker decided, if the child had no time to, and prints one JSON line.
"""

import json
import os
import resource
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nightbook.core import journal as core_journal
from nightbook.core import nbformat3
from nightbook_executor.journal import encoded

_LIMITS = (
    (resource.RLIMIT_AS, 3 << 30),
    (resource.RLIMIT_CPU, 60),
    (resource.RLIMIT_FSIZE, 1 << 30),
    (resource.RLIMIT_CORE, 0),
)


def upgraded(content: dict[str, Any]) -> dict[str, Any]:
    """The notebook in nbformat 4.5, with ids that are the same in every run."""
    if int(content.get("nbformat", 4)) < 4:
        content = nbformat3.upgraded(content)
    metadata = {name: value for name, value in (content.get("metadata") or {}).items() if name != "papermill"}
    cells = core_journal.plain_cells(content.get("cells") or [])
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}


def write_copy(source: dict[str, Any], records: Iterable[dict[str, Any]], target: Path) -> None:
    """Write the copy beside its place, then rename it there: whole or not at all."""
    temporary = target.with_suffix(".partial")
    with temporary.open("wb") as opened:
        opened.writelines(core_journal.pieces_of(core_journal.executed_copy(source, records)))
        opened.flush()
        os.fsync(opened.fileno())
    temporary.rename(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """A rename without this can vanish."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def close_journal(journal: Path, ending: dict[str, Any]) -> list[dict[str, Any]]:
    """Drop a torn tail and add the `end` record that is missing. Return all records."""
    raw = journal.read_bytes() if journal.is_file() else b""
    records = core_journal.parse(raw)
    if not records or records[-1]["k"] == "end":
        return records
    whole = sum(len(line) + 1 for line in raw.split(b"\n")[: len(records)])
    last = {"n": len(records), "t": records[-1]["t"], "k": "end", **ending}
    last["cell"] = _running(records)
    with journal.open("r+b") as opened:
        opened.truncate(whole)
        opened.seek(whole)
        opened.write(encoded(last) + b"\n")
        opened.flush()
        os.fsync(opened.fileno())
    return [*records, last]


def _running(records: list[dict[str, Any]]) -> int | None:
    started = [record["i"] for record in records if record["k"] == "cell"]
    done = {record["i"] for record in records if record["k"] == "done"}
    return started[-1] if started and started[-1] not in done else None


def summary(records: list[dict[str, Any]]) -> dict[str, Any]:
    """What the worker reports about the cells."""
    begin = records[0] if records else {}
    end = records[-1] if records and records[-1]["k"] == "end" else {}
    done = [record for record in records if record["k"] == "done" and record["status"] != "failed"]
    told = {name: end.get(name) for name in ("state", "class", "reason", "cell")}
    return {**told, "cells_done": len(done), "cells_total": len(begin["ids"]) if begin else None}


def _take_limits() -> None:
    """A hostile journal must not hurt the host: it costs this process, and the attempt its copy."""
    for limit, value in _LIMITS:
        _, hard = resource.getrlimit(limit)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (allowed, allowed))


def main(arguments: list[str]) -> int:
    _take_limits()
    folder = Path(arguments[0])
    ending = json.loads(arguments[1])
    content = json.loads((folder / "source.json").read_bytes())["content"]
    source = upgraded(content)
    records = close_journal(folder / "journal.jsonl", ending)
    write_copy(source, records, folder / "made" / "notebook.ipynb")
    sys.stdout.write(json.dumps(summary(records)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
