"""Rebuilding: the executed copy of an attempt that no worker could make, from source and journal.

What the journal holds came from other people's code, so it is parsed in a limited process of its own
(`python -m nightbook.adapters.rebuilding`). Where the whole of it is too much, a part of it is taken:
every prefix of a journal gives a valid notebook that claims no more than was recorded.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightbook.adapters import limited
from nightbook.adapters.limited import Limits, OverLimitError
from nightbook.core import journal

LIMITS = Limits(memory_bytes=3 << 30, file_bytes=1 << 30, cpu_seconds=60, seconds=120.0)
_PREFIX_BYTES = 4 << 20
_SOURCE, _JOURNAL, _COPY, _KERNEL = "source.json", "journal.jsonl", "notebook.ipynb", "kernel.json"


@dataclass(frozen=True)
class Rebuilt:
    """A copy, what the journal says of the kernel, and how many of its bytes were read."""

    copy: bytes
    kernel: dict[str, Any]
    read_bytes: int


def rebuilt(source: bytes, raw: bytes, *, limits: Limits = LIMITS) -> Rebuilt:
    """The executed copy of the notebook *source* by the journal *raw*, or by as much of it as can be read.

    Raises OverLimitError where not even the source can be read.
    """
    for prefix in _prefixes(raw):
        try:
            return _rebuilt(source, prefix, limits)
        except OverLimitError:
            if not prefix:
                raise
    raise AssertionError("the empty prefix comes last")


def _prefixes(raw: bytes) -> list[bytes]:
    first = raw[:_PREFIX_BYTES]
    short = first[: first.rfind(b"\n") + 1]
    return list(dict.fromkeys([raw, short, b""]))


def _rebuilt(source: bytes, raw: bytes, limits: Limits) -> Rebuilt:
    with tempfile.TemporaryDirectory(prefix="nb-copy-") as name:
        folder = Path(name)
        (folder / _SOURCE).write_bytes(source)
        (folder / _JOURNAL).write_bytes(raw)
        limited.run(__name__, [], folder=folder, limits=limits)
        copy, kernel = (folder / _COPY).read_bytes(), json.loads((folder / _KERNEL).read_bytes())
    return Rebuilt(copy, kernel, len(raw))


def main(arguments: Sequence[str]) -> int:
    limited.take(arguments)
    records = journal.parse(Path(_JOURNAL).read_bytes())
    source = json.loads(Path(_SOURCE).read_bytes())
    Path(_COPY).write_bytes(journal.as_bytes(journal.executed_copy(source, records)))
    Path(_KERNEL).write_text(json.dumps(_kernel_facts(records)), encoding="utf-8")
    return 0


def _kernel_facts(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the kernel's record says, as the words of a manifest; none of it is trusted to be a string."""
    told = next((record for record in records if record["k"] == "kernel"), {})
    info = told.get("language_info")
    found = {
        "name": told.get("name"),
        "language": told.get("language"),
        "version": info.get("version") if isinstance(info, dict) else None,
        "start": told.get("kernel_start"),
        "start_reason": told.get("reason"),
        "fingerprint": told.get("fingerprint"),
    }
    return {name: value[:500] for name, value in found.items() if isinstance(value, str)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
