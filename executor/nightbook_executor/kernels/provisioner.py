"""The kernel provisioner `nightbook`: a kernel from a zygote where that is possible, else the ordinary start.

What was done, and why, is in `kernel_start` and `kernel_start_reason`. A kernelspec that names a provisioner
of its own keeps it.
"""

import asyncio
import contextlib
import json
import signal
from pathlib import Path
from typing import Any, cast

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from nightbook_executor.kernels.forking import Forked, Forking, NotForkedError

NAME = "nightbook"
_CHUNK = 64 * 1024
_STDERR = 2


def use_by_default() -> None:
    """Let kernelspecs that name no provisioner get this one, in this process only."""
    KernelProvisionerFactory.instance().default_provisioner_name = NAME


class NightbookProvisioner(LocalProvisioner):
    """`parent.forking` says where the zygotes are; without it every start is the ordinary one."""

    kernel_start = "ordinary"
    kernel_start_reason: str | None = "forking is not in use here"
    fingerprint: str | None = None
    #: What the guard told when all was over: `code`, `peak_memory_bytes`, `cpu_seconds`, …
    ended: dict[str, Any] | None = None

    _forked: Forked | None = None
    _buffer = b""
    _over: asyncio.Event

    @property
    def is_forked(self) -> bool:
        return self._forked is not None

    @property
    def has_process(self) -> bool:
        return self.is_forked or bool(super().has_process)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        forking: Forking | None = getattr(self.parent, "forking", None)
        if forking is not None:
            try:
                return self._launch_forked(forking, cmd, kwargs)
            except NotForkedError as error:
                self.kernel_start_reason = str(error)
        info: KernelConnectionInfo = await super().launch_kernel(cmd, **kwargs)
        return info

    def _launch_forked(
        self, forking: Forking, cmd: list[str], kwargs: dict[str, Any]
    ) -> KernelConnectionInfo:
        log = kwargs.get("stdout")
        fd = _STDERR if log is None else log.fileno()  # it prints where we print
        cwd = str(kwargs.get("cwd") or Path.cwd())
        forked = forking.kernel(cmd, kwargs["env"], cwd, fd, language=self.kernel_spec.language)
        self._forked, self.kernel_start, self.kernel_start_reason = forked, forked.how, None
        self.fingerprint = forked.fingerprint
        told = {**forked.connection, "key": forked.connection["key"].encode()}
        self.connection_info = cast(KernelConnectionInfo, told)
        self._over = asyncio.Event()
        forked.link.setblocking(False)
        asyncio.get_running_loop().add_reader(forked.link.fileno(), self._hear)
        return self.connection_info

    def _hear(self) -> None:
        assert self._forked is not None
        try:
            piece = self._forked.link.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        *lines, self._buffer = (self._buffer + piece).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if message["k"] == "started":
                self.pid = message["pid"]
            elif message["k"] == "ended":
                self.ended = message
        if not piece or self.ended is not None:
            asyncio.get_running_loop().remove_reader(self._forked.link.fileno())
            self._forked.link.close()
            self._over.set()

    async def poll(self) -> int | None:
        if self._forked is None:
            code: int | None = await super().poll()
            return code
        if not self._over.is_set():
            return None
        # A guard that died has said nothing, and its kernel got SIGKILL.
        return self.ended["code"] if self.ended is not None else -signal.SIGKILL

    async def wait(self) -> int | None:
        if self._forked is None:
            code: int | None = await super().wait()
            return code
        await self._over.wait()
        return await self.poll()

    async def send_signal(self, signum: int) -> None:
        if self._forked is None:
            await super().send_signal(signum)
        else:
            self.tell("signal", number=int(signum))

    async def kill(self, restart: bool = False) -> None:
        if self._forked is None:
            await super().kill(restart)
        else:
            self.tell("kill")

    async def terminate(self, restart: bool = False) -> None:
        if self._forked is None:
            await super().terminate(restart)
        else:
            self.tell("terminate")

    async def cleanup(self, restart: bool = False) -> None:
        """The zygote removes the folder; closing the link ends whatever is left."""
        if self._forked is not None and not self._over.is_set():
            asyncio.get_running_loop().remove_reader(self._forked.link.fileno())
            self._forked.link.close()
            self._over.set()
        await super().cleanup(restart)

    def tell(self, kind: str, **fields: Any) -> None:
        """Say something to the guard, see guard.py; it acts without an answer."""
        if self._forked is not None and not self._over.is_set():
            with contextlib.suppress(OSError):
                self._forked.link.send(json.dumps({"k": kind, **fields}).encode() + b"\n")
