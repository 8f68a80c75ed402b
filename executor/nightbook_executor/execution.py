"""What the engine needs beside the notebook: the attempt's record, its limits, and the wishes from outside.

Wishes (begin, stop) come from another thread; the runner waits for them in its event loop.
"""

import asyncio
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nightbook_executor.endings import Ending, Stop
from nightbook_executor.journal import Journal
from nightbook_executor.kernels.forking import Forking
from nightbook_executor.order import Caps


class Wishes:
    """What somebody outside asked of the attempt. The first stop counts."""

    def __init__(self, *, begun: bool) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begun = begun
        self._stop: Stop | None = None
        self.begin_asked = asyncio.Event()
        self.stop_asked = asyncio.Event()

    @property
    def stop(self) -> Stop | None:
        return self._stop

    def begin(self) -> None:
        """The server has accepted that the attempt begins: code cells may run."""
        with self._lock:
            self._begun = True
        self._tell()

    def ask_to_stop(self, stop: Stop) -> None:
        with self._lock:
            self._stop = self._stop or stop
        self._tell()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let *loop* wait for wishes, the ones of before included."""
        with self._lock:
            self._loop = loop
        self._set_events()

    def detach(self) -> None:
        with self._lock:
            self._loop = None

    def _tell(self) -> None:
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._set_events)

    def _set_events(self) -> None:
        if self._begun:
            self.begin_asked.set()
        if self._stop is not None:
            self.stop_asked.set()


@dataclass
class Execution:
    """One attempt as the engine sees it; `ending` is what it saw."""

    journal: Journal = field(default_factory=lambda: Journal(None))
    wishes: Wishes = field(default_factory=lambda: Wishes(begun=True))
    caps: Caps = field(default_factory=Caps)
    path: str | None = None  # the notebook's path as people know it
    begin_facts: dict[str, object] = field(default_factory=dict)
    sockets: Path | None = None
    forking: Forking | None = None  # where kernels may come from, faster than a start
    work: Path | None = None
    log: Path | None = None
    spill: Path | None = None  # where text beyond the caps goes
    memory_bytes: int | None = None  # the limit for all processes of the run
    cgroup: Path | None = None
    timeout_seconds: float | None = None
    cell_timeout_seconds: float | None = None
    start_timeout_seconds: float = 60.0
    started: float = field(default_factory=time.monotonic)
    ask_to_begin: threading.Event = field(default_factory=threading.Event)
    ending: Ending | None = None
    kernel_start: dict[str, str | None] = field(default_factory=dict)  # see `Kernel.start_facts`
    kernel_ended: dict[str, Any] | None = None  # what the guard of a forked kernel told
    cells_done: int = 0
    cells_total: int = 0

    @property
    def run_deadline(self) -> float | None:
        return None if self.timeout_seconds is None else self.started + self.timeout_seconds
