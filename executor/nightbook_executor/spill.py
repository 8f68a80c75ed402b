"""Text beyond the caps of a run, kept beside its journal as a file of its own: plain, in the order it came.

A line `===== cell 3, stdout =====` stands before each change of cell or stream. Beyond its own limit, or
where it cannot be written, text is only counted.
"""

import os
from pathlib import Path


class Spill:
    """The spill of one run; no file is made before there is something to keep."""

    def __init__(self, path: Path | None, limit: int) -> None:
        self._path = path
        self._room = limit if path is not None else 0
        self._fd: int | None = None
        self._last: tuple[int, str] | None = None

    @property
    def is_full(self) -> bool:
        return self._room <= 0

    def keep(self, cell: int, name: str, text: str) -> int:
        """Keep *text* of a cell, counted from 0, as far as there is room. Return the bytes that were kept."""
        if self._room <= 0:
            return 0
        body = text.encode("utf-8", "replace")
        head = f"\n===== cell {cell + 1}, {name} =====\n".encode() if self._last != (cell, name) else b""
        kept = body[: max(0, self._room - len(head))]
        if not kept:
            self._room = 0
            return 0
        try:
            self._write(head + kept)
        except OSError:
            self._room = 0
            return 0
        self._last = (cell, name)
        self._room -= len(head) + len(kept)
        return len(kept)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd, self._room = None, 0

    def _write(self, piece: bytes) -> None:
        if self._fd is None:
            assert self._path is not None
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._fd = os.open(self._path, flags, 0o600)
        view = memoryview(piece)
        while view:
            view = view[os.write(self._fd, view) :]
