"""What a kernel and all below it take of memory and CPU time, and the memory limit where no guard keeps it.

A `usage` record goes to the journal every ten seconds and at the end.
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable

import psutil

from nightbook_executor.guard import descendants
from nightbook_executor.journal import Journal

_TELL_SECONDS = 10.0
_LOOK_SECONDS = 0.25
_SHARING_MATTERS = 0.9  # of the limit


class Meter:
    """Watches the tree of one process, as soon as its *pid* is known.

    *on_hit* is called once, when it takes more than *limit* bytes.
    """

    def __init__(
        self,
        pid: Callable[[], int | None],
        journal: Journal,
        limit: int | None,
        on_hit: Callable[[], None],
    ) -> None:
        self._pid = pid
        self._journal = journal
        self._limit = limit
        self._on_hit = on_hit
        self._cpu: dict[int, float] = {}
        self.peak = 0
        self.hit: int | None = None

    async def watch(self) -> None:
        """Look and tell until cancelled."""
        pause = _LOOK_SECONDS if self._limit is not None else _TELL_SECONDS
        left = _TELL_SECONDS
        while True:
            await asyncio.sleep(pause)
            self.look()
            left -= pause
            if left <= 0:
                left = _TELL_SECONDS
                self.tell()

    def tell(self) -> None:
        spent = round(sum(self._cpu.values()), 3)
        self._journal.append("usage", peak_memory_bytes=self.peak, cpu_seconds=spent)

    def look(self) -> None:
        processes = self._tree()
        taken = sum(self._resident(process) for process in processes)
        if self._limit is not None and taken >= _SHARING_MATTERS * self._limit:
            # Forks share most of what they occupy, and only this slower look tells how much.
            taken = sum(_proportional(process) for process in processes)
        self.peak = max(self.peak, taken)
        if self._limit is not None and taken > self._limit and self.hit is None:
            self.hit = taken
            self._on_hit()

    def _tree(self) -> list[psutil.Process]:
        root = self._pid()
        if root is None or not sys.platform.startswith("linux"):
            return []
        found = []
        for pid in (root, *descendants(root)):
            with contextlib.suppress(psutil.Error):
                found.append(psutil.Process(pid))
        return found

    def _resident(self, process: psutil.Process) -> int:
        try:
            with process.oneshot():
                times = process.cpu_times()
                self._cpu[process.pid] = times.user + times.system
                return int(process.memory_info().rss)
        except psutil.Error:
            return 0


def _proportional(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0
