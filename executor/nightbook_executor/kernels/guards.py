"""The guard of a forked kernel, as the worker sees it: no child of ours, and yet to be waited for."""

import contextlib
import os
import select
import signal

from nightbook_executor.processes import Processes

_SECONDS = 6.0  # the guard itself kills for five


class KernelGuard:
    """One that a child has told of. It ends when its kernel and all that it started are gone."""

    def __init__(self, pid: int, processes: Processes) -> None:
        self._pid = pid
        self._processes = processes
        self._pidfd: int | None = None
        with contextlib.suppress(OSError):  # gone already
            self._pidfd = os.pidfd_open(pid)
            processes.spare(pid)

    def wait(self) -> None:
        """Until it is gone: nobody writes into the attempt's folder after that. Its time is limited."""
        if self._pidfd is None:
            return
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        if not poll.poll(_SECONDS * 1000):
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        os.close(self._pidfd)
        self._pidfd = None
        self._processes.spare_no_more(self._pid)
