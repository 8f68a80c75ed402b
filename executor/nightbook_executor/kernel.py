"""One kernel process: start, readiness, life and end, over unix sockets in a private folder.

It says nothing about cells. Death is told by the process itself (a pidfd), at once and with its status.
"""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil
import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from nightbook_executor import cgroups, sandbox
from nightbook_executor.kernels import provisioner
from nightbook_executor.kernels.forking import Forking
from nightbook_executor.kernels.provisioner import NightbookProvisioner

_END_GRACE = 5.0


class _Manager(AsyncKernelManager):
    """Tells the provisioner where the zygotes are."""

    forking: Forking | None = None

    async def start_at_once(self, **options: Any) -> None:
        """Start the kernel without the 10 ms that jupyter_client sleeps after each for its own tests."""
        start = AsyncKernelManager.start_kernel
        await getattr(start, "__wrapped__", start)(self, **options)


class Kernel:
    """A kernel of its own for one notebook."""

    def __init__(
        self, name: str, folder: Path | None, cwd: Path | None, forking: Forking | None = None
    ) -> None:
        self._folder = folder or Path(tempfile.mkdtemp(prefix="nb-"))
        self._owns_folder = folder is None
        self._cwd = cwd
        self._context = zmq.asyncio.Context()
        # Above the default of 1,000 messages a socket drops the rest without a word.
        self._context.setsockopt(zmq.RCVHWM, 0)
        self.manager = _Manager(
            kernel_name=name,
            transport="ipc",
            connection_file=str(self._folder / "c.json"),
            context=self._context,
        )
        self.manager.forking = forking
        if forking is not None:
            provisioner.use_by_default()
        self.client: AsyncKernelClient | None = None
        self.dead = asyncio.Event()
        self._pidfd: int | None = None

    async def start(self, cgroup: Path | None = None) -> AsyncKernelClient:
        """Start the process and open the channels; it is not ready yet. It prints where we print."""
        options: dict[str, Any] = {"cwd": str(self._cwd)} if self._cwd else {}
        await self.manager.start_at_once(**options)
        if cgroup is not None and self._forked is None and self.pid is not None:
            cgroups.enter_kernel(cgroup, self.pid)
        self._watch()
        self.client = self.manager.client(context=self._context)
        self.client.start_channels(shell=True, iopub=True, stdin=False, hb=False, control=True)  # noqa: S604
        self.client.allow_stdin = False  # input() fails at once instead of waiting for nobody
        return self.client

    @property
    def pid(self) -> int | None:
        pid = getattr(self.manager.provisioner, "pid", None)
        return pid if isinstance(pid, int) else None

    @property
    def language(self) -> str:
        return str(self.spec.language)

    @property
    def spec(self) -> KernelSpec:
        """Raises NoSuchKernel."""
        spec = self.manager.kernel_spec
        assert spec is not None
        return spec

    @property
    def start_facts(self) -> dict[str, str | None]:
        """`kernel_start` (`pool`, `forked` or `ordinary`), why not faster, its environment's fingerprint."""
        ours = self._ours
        if ours is None:
            why = "the kernelspec has a provisioner of its own" if self.manager.forking else None
            return {"kernel_start": "ordinary", "reason": why, "fingerprint": None}
        return {
            "kernel_start": ours.kernel_start,
            "reason": ours.kernel_start_reason,
            "fingerprint": ours.fingerprint,
        }

    @property
    def ended(self) -> dict[str, Any] | None:
        """What the guard of a forked kernel told at its end: exit code, peak memory, CPU time."""
        return self._ours.ended if self._ours is not None else None

    @property
    def _ours(self) -> NightbookProvisioner | None:
        found = self.manager.provisioner
        return found if isinstance(found, NightbookProvisioner) else None

    @property
    def _forked(self) -> NightbookProvisioner | None:
        return self._ours if self._ours is not None and self._ours.is_forked else None

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        if self._forked is not None:
            self._poller = loop.create_task(self._hear_end(self._forked))
            return
        if self.pid is None or not sys.platform.startswith("linux"):
            self._poller = loop.create_task(self._poll())
            return
        self._pidfd = os.pidfd_open(self.pid)
        loop.add_reader(self._pidfd, self._died)

    def _died(self) -> None:
        if self._pidfd is not None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        self.dead.set()

    async def _hear_end(self, forked: NightbookProvisioner) -> None:
        await forked.wait()
        self.dead.set()

    async def _poll(self) -> None:
        while await self.manager.is_alive():
            await asyncio.sleep(0.2)
        self.dead.set()

    async def exit_code(self) -> int | None:
        """How the process ended, negative for a signal; None while it lives."""
        provisioner = self.manager.provisioner
        code = await provisioner.poll() if provisioner is not None else None
        return code if isinstance(code, int) else None

    async def interrupt(self) -> None:
        with contextlib.suppress(RuntimeError, ProcessLookupError):
            await self.manager.interrupt_kernel()

    def terminate(self) -> None:
        """SIGTERM to the kernel and all that it started."""
        if self._forked is not None:
            self._forked.tell("terminate")
        elif self.pid is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                root = psutil.Process(self.pid)
                for process in (*root.children(recursive=True), root):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        if self._forked is not None:
            self._forked.tell("kill")
        elif self.pid is not None and not self.dead.is_set():
            sandbox.kill_tree(self.pid)

    async def end(self, *, gently: bool) -> None:
        """Ask the kernel to end and wait, so that its atexit handlers run and files close; then kill."""
        if gently and not self.dead.is_set() and self.client is not None:
            with contextlib.suppress(RuntimeError, zmq.ZMQError):
                await self.manager.request_shutdown()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.dead.wait(), _END_GRACE)
        self.kill()
        if self.manager.provisioner is not None and (self._forked is not None or self.pid is not None):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.dead.wait(), _END_GRACE)
            await self.exit_code()  # collects the status before anybody else can
        await self._close()

    async def _close(self) -> None:
        if self.client is not None:
            self.client.stop_channels()
        with contextlib.suppress(Exception):
            await self.manager.cleanup_resources()
        self._context.destroy(linger=0)
        if self._owns_folder:
            for left in self._folder.iterdir():
                left.unlink(missing_ok=True)
            self._folder.rmdir()
