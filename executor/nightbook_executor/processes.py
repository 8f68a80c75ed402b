"""Child processes of the worker: started under one lock, so that an orphan can be told from a child.

The worker adopts the orphans of its children. Whatever stands directly below it and was not started
here belonged to an attempt that is over, and is killed.
"""

import subprocess
import threading
from typing import Any

from nightbook_executor import sandbox


class Processes:
    """What this worker has started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: set[int] = set()

    def start(self, argv: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        with self._lock:
            process = subprocess.Popen(argv, **options)
            self._known.add(process.pid)
        return process

    def spare(self, pid: int) -> None:
        """Do not take *pid* for an orphan: it guards a kernel, and may be adopted when its zygote dies."""
        with self._lock:
            self._known.add(pid)

    def spare_no_more(self, pid: int) -> None:
        with self._lock:
            self._known.discard(pid)

    def forget(self, process: "subprocess.Popen[bytes]") -> None:
        """*process* was collected; what it left goes on."""
        self.spare_no_more(process.pid)

    def ended(self, process: "subprocess.Popen[bytes]") -> int:
        """Collect an ended process and kill what it left. Return how many could not be killed."""
        process.wait()
        self.forget(process)
        return self.kill_orphans()

    def kill_orphans(self) -> int:
        """Kill what the killed left to us. Return how many could not be killed."""
        with self._lock:
            return sandbox.kill_descendants(keep=self._known)
