"""Cgroups (v2) of attempts, where the host has delegated a part of its tree to this worker.

    <delegated>/main                              the processes that were there: the worker, what it started
    <delegated>/nightbook-<worker>/<attempt>/child    the process that runs the notebook
    <delegated>/nightbook-<worker>/<attempt>/kernel   the kernel and all that it starts

The leaf of the kernel has the memory limit of the run, and where it is used up all of that leaf is killed:
whoever records the run outlives its kernel. In a sandbox all is in the leaf of the child, and the limit of
the attempt, which has room for the child, ends the largest process. A kernel from a pool enters when it is
handed over.
"""

import contextlib
import logging
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from nightbook_executor.order import Limits

#: What the process that runs the notebook takes beside the kernel, and its threads.
CHILD_BYTES = 512 * 1024 * 1024
_CHILD_TASKS = 32
CHILD, KERNEL = "child", "kernel"
_MAIN = "main"
_WANTED = ("memory", "pids")
_MARKS = ("user.delegate", "trusted.delegate")  # set by systemd on what it delegates
_REMOVE_SECONDS = 2.0
_log = logging.getLogger(__name__)


class NotDelegatedError(Exception):
    """No cgroup can be made below the one that the settings name; the message says why."""


@dataclass(frozen=True)
class Cgroups:
    """The part of a worker. Its folder holds one folder for each attempt."""

    folder: Path

    @classmethod
    def of_worker(cls, worker: str, wanted: Path | None) -> "Cgroups | None":
        """The part of the *worker*, below the cgroup that is *wanted* or that was delegated to this process.

        None where nothing was delegated and nothing is wanted. Moves the processes of that cgroup into a
        leaf of it, as the system asks for. Raises NotDelegatedError where the wanted one does not do.
        """
        if not sys.platform.startswith("linux"):
            if wanted is not None:
                raise NotDelegatedError("cgroups need Linux")
            return None
        base = wanted if wanted is not None else _delegated()
        if base is None:
            return None
        try:
            return cls(_opened(base, worker))
        except NotDelegatedError:
            if wanted is not None:
                raise
        except OSError as error:
            if wanted is not None:
                raise NotDelegatedError(f"{base}: {error.strerror}") from error
            _log.warning("worker.cgroup_unusable cgroup=%s why=%s", base, error.strerror)
        return None

    def make(self, attempt: str, limits: Limits) -> Path | None:
        """An empty cgroup with the limits of an attempt; None where the system refuses it."""
        folder = self.folder / attempt
        try:
            folder.mkdir()
            if limits.memory_bytes is not None:
                _write(folder / "memory.max", limits.memory_bytes + CHILD_BYTES)
                with contextlib.suppress(OSError):  # a system without swap has no such file
                    _write(folder / "memory.swap.max", 0)
            if limits.processes is not None:
                _write(folder / "pids.max", limits.processes + _CHILD_TASKS)
            _enable(folder)
            for leaf in (CHILD, KERNEL):
                (folder / leaf).mkdir()
            _write(folder / KERNEL / "memory.oom.group", 1)
            if limits.memory_bytes is not None:
                _write(folder / KERNEL / "memory.max", limits.memory_bytes)
        except OSError as error:
            _log.warning("attempt.no_cgroup attempt=%s why=%s", attempt, error.strerror)
            self.remove(folder)
            return None
        return folder

    def remove(self, folder: Path) -> None:
        """Kill what is left in the cgroup of an attempt, and remove it."""
        until = time.monotonic() + _REMOVE_SECONDS
        while folder.is_dir():
            with contextlib.suppress(OSError):
                _write(folder / "cgroup.kill", 1)
            for part in (folder / CHILD, folder / KERNEL, folder):
                with contextlib.suppress(OSError):
                    part.rmdir()
            if time.monotonic() >= until:
                _log.warning("attempt.cgroup_left cgroup=%s", folder)
                return
            if folder.is_dir():
                time.sleep(0.01)

    def sweep(self) -> int:
        """Remove what a worker before this one left. Return how many attempts that were."""
        left = [path for path in self.folder.iterdir() if path.is_dir()]
        for folder in left:
            self.remove(folder)
        return len(left)

    def close(self) -> None:
        """Remove the part of the worker, if nothing is in it any more."""
        with contextlib.suppress(OSError):
            self.folder.rmdir()


def enter_kernel(cgroup: Path, pid: int) -> None:
    """Put an ordinary kernel, which has just been started, where its attempt's limits hold.

    Inside a sandbox no cgroup can be written; there the whole of it is in the leaf of the child.
    """
    with contextlib.suppress(OSError):
        _write(cgroup / KERNEL / "cgroup.procs", pid)


def has_killed(cgroup: Path) -> bool:
    """Whether the system killed something of this attempt because its memory was used up."""
    try:
        told = (cgroup / "memory.events").read_text(encoding="ascii")
        return int(dict(line.split() for line in told.splitlines()).get("oom_kill", 0)) > 0
    except (OSError, ValueError):
        return False


# ---------------------------------------------------------------- what was delegated


def _delegated() -> Path | None:
    """The cgroup of this process, or the one above it, that carries the mark of a delegation."""
    own = _own()
    if own is None:
        return None
    return next((path for path in (own, own.parent) if _is_marked(path)), None)


def _own() -> Path | None:
    """The folder of the cgroup (v2) in which this process is."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    roots = [fields[1] for fields in mounts if fields[2] == "cgroup2"]
    below = [line.removeprefix("0::") for line in lines if line.startswith("0::")]
    return Path(roots[0] + below[0]) if roots and below else None


def _is_marked(path: Path) -> bool:
    for mark in _MARKS:
        with contextlib.suppress(OSError, AttributeError):
            if os.getxattr(path, mark) == b"1":
                return True
    return False


def check(base: Path) -> None:
    """See whether *base* can be what a worker is given. Raises NotDelegatedError and OSError."""
    try:
        offered = (base / "cgroup.controllers").read_text(encoding="ascii").split()
    except FileNotFoundError as error:
        raise NotDelegatedError(f"{base} is no cgroup (v2)") from error
    missing = [name for name in _WANTED if name not in offered]
    if missing:
        raise NotDelegatedError(f"{base} does not offer {' and '.join(missing)}")
    if not os.access(base / "cgroup.procs", os.W_OK):
        raise NotDelegatedError(f"{base} cannot be written by this user")


def _opened(base: Path, worker: str) -> Path:
    """Make the worker's part below *base*. Raises NotDelegatedError and OSError."""
    check(base)
    inside = (base / "cgroup.procs").read_text(encoding="ascii").split()
    if inside and base != _own():
        raise NotDelegatedError(f"{base} holds processes of others")
    if inside:
        # A cgroup that limits those below it may hold no process itself.
        (base / _MAIN).mkdir(exist_ok=True)
        for pid in inside:
            with contextlib.suppress(ProcessLookupError):
                _write(base / _MAIN / "cgroup.procs", pid)
    _enable(base)
    folder = base / f"nightbook-{worker}"
    folder.mkdir(exist_ok=True)
    _enable(folder)
    return folder


def _enable(folder: Path) -> None:
    _write(folder / "cgroup.subtree_control", " ".join(f"+{name}" for name in _WANTED))


def _write(file: Path, value: object) -> None:
    # Not write_text: that would make a file where the system has none.
    fd = os.open(file, os.O_WRONLY)
    try:
        os.write(fd, str(value).encode())
    finally:
        os.close(fd)
