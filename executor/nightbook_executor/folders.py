"""An attempt's places on this disk: made before it, removed after it, or left as evidence."""

import os
import shutil
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from nightbook.schemas import RunOrder
from nightbook_executor import places, sandbox
from nightbook_executor.api import Api
from nightbook_executor.bubblewrap import Bubblewrap
from nightbook_executor.cgroups import Cgroups
from nightbook_executor.children import ChildServer
from nightbook_executor.kernels.zygotes import Zygotes
from nightbook_executor.lease import Leases
from nightbook_executor.leftovers import Leftovers, Owner
from nightbook_executor.order import Caps, Limits, Order
from nightbook_executor.processes import Processes

_START_SECONDS = 60.0
_CHILD_SILENCE = 50 / 60  # of a lease; the worker fences itself earlier


@dataclass(frozen=True)
class Host:
    """What all attempts of a worker share."""

    name: str
    state: Path
    cache: Path
    sandbox: str
    bubblewrap: Bubblewrap | None
    threads: int
    api: Api
    leases: Leases
    processes: Processes
    leftovers: Leftovers
    child_server: ChildServer | None = None  # none where children are not forked
    zygotes: Zygotes | None = None  # none where kernels are not forked
    cgroups: Cgroups | None = None  # none where nothing was delegated


@dataclass(frozen=True)
class Folders:
    """An attempt's places on this disk, and the note that lets a successor clean up."""

    order: Order

    @classmethod
    def make(cls, host: Host, order: RunOrder) -> "Folders":
        """Make them all, or none. Raises OSError."""
        folder = host.state / "attempts" / f"{order.run_id}-{order.fence}"
        if folder.exists():
            shutil.rmtree(folder)
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            folder.mkdir(parents=True, mode=0o700)
            for name in ("work", "home", "made"):
                (folder / name).mkdir(mode=0o700)
            short = places.make(host.state)  # socket paths must stay below 108 bytes
            undo.callback(places.remove, host.state, short)
            for name in ("k", "t"):
                (short / name).mkdir(mode=0o700)
            folders = cls(_child_order(order, folder, short, host))
            undo.callback(folders._free, host)
            folders.order.write()
            folders.remember(None)
            undo.pop_all()
        return folders

    def environment(self, host: Host) -> dict[str, str]:
        order = self.order
        # What one run could leave for another must not be in a sandbox.
        cache = host.cache if host.bubblewrap is None else order.home / ".cache"
        found = sandbox.environment(
            os.environ,
            home=order.home,
            temp=order.temporary,
            cache=cache,
            threads=host.threads,
        )
        return {**found, sandbox.MARK: order.attempt_id}

    def remember(self, pid: int | None) -> None:
        started = sandbox.started_at(pid) if pid is not None else None
        order = self.order
        Owner(uuid.UUID(order.attempt_id), order.fence, pid, started).write(order.folder)

    def remove(self, host: Host) -> None:
        """Nothing is left of an attempt whose end was answered."""
        self._free(host)
        places.remove(host.state, self.order.short)
        shutil.rmtree(self.order.folder, ignore_errors=True)

    def leave(self, host: Host) -> None:
        """Keep the evidence of an attempt whose end was not answered."""
        self._free(host)
        places.remove(host.state, self.order.short)
        host.leftovers.add(self.order.folder)

    def _free(self, host: Host) -> None:
        if host.cgroups is not None and self.order.cgroup is not None:
            host.cgroups.remove(self.order.cgroup)


def _child_order(order: RunOrder, folder: Path, short: Path, host: Host) -> Order:
    limits = order.limits
    kept = Limits(
        memory_bytes=limits.memory_bytes,
        processes=limits.processes,
        open_files=limits.open_files,
        file_bytes=limits.file_bytes,
    )
    return Order(
        run_id=str(order.run_id),
        attempt_id=str(order.attempt_id),
        attempt=order.attempt,
        fence=order.fence,
        path=order.notebook.path,
        sha256=order.notebook.sha256 or "",
        parameters=order.parameters,
        kernel=order.kernel,
        timeout_seconds=order.timeout_seconds,
        cell_timeout_seconds=order.cell_timeout_seconds,
        start_timeout_seconds=_START_SECONDS,
        silence_seconds=order.lease_seconds * _CHILD_SILENCE,
        sandbox=host.sandbox,
        parent=os.getpid(),
        folder=folder,
        short=short,
        fork_kernel=order.fork_kernel,
        zygotes=host.zygotes.base if host.zygotes is not None else None,
        threads=host.threads,
        cgroup=host.cgroups.make(str(order.attempt_id), kept) if host.cgroups is not None else None,
        caps=Caps(
            cell_bytes=limits.cell_output_bytes,
            run_bytes=limits.run_output_bytes,
            cell_outputs=limits.cell_outputs,
            messages_per_minute=limits.messages_per_minute,
            spill_bytes=limits.spill_bytes,
            file_bytes=limits.artifact_bytes,
            files=limits.artifacts,
        ),
        limits=kept,
    )
