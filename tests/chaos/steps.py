"""Steps of a process, counted in a file that it shares with its test: at the wanted one something happens.

Whoever counts (`crashing.py`, `faulty.c`) maps the file; four 32-bit integers stand in it.
"""

import mmap
import struct
from pathlib import Path

_FORM = struct.Struct("iiii")
#: Count, and do nothing.
COUNT_ONLY = -1


class Steps:
    """The counter of one part of a fleet, as both sides see it."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(bytes(_FORM.size))
        self.file = file
        with file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), _FORM.size)

    def arm(self, wanted: int, kind: int = 0) -> None:
        """Let it happen at the step *wanted* from now, counted from one; *kind* says what."""
        self._map[:] = _FORM.pack(0, 0, 0, kind)
        self._map[:] = _FORM.pack(wanted, 0, 0, kind)

    def disarm(self) -> None:
        self.arm(0)

    def next(self) -> tuple[int, bool]:
        """Count one step. Return its number, zero where none is counted, and whether it is the wanted one."""
        wanted, count, hit, kind = _FORM.unpack(self._map)
        if wanted == 0:
            return 0, False
        count += 1
        is_it = count == wanted
        self._map[:] = _FORM.pack(wanted, count, hit + is_it, kind)
        return count, is_it

    @property
    def count(self) -> int:
        return int(_FORM.unpack(self._map)[1])

    @property
    def is_hit(self) -> bool:
        return bool(_FORM.unpack(self._map)[2])
