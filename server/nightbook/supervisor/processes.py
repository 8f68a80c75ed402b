"""Processes that we started, told from strangers by pid, start time and boot; ended with all they started.

Each one leads a session and group of its own. What is recorded here outlives a supervisor that is killed,
so that its undertaker, or the next one, ends what it left.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Identity:
    """A process, for as long as it lives: a pid alone may be given to a stranger."""

    pid: int
    started: str
    boot: str

    @classmethod
    def of(cls, pid: int) -> "Identity | None":
        """The process that has this pid now; None where there is none, or only its corpse."""
        started = _started(pid)
        return None if started is None else cls(pid, started, boot_id())

    def is_alive(self) -> bool:
        return self.boot == boot_id() and _started(self.pid) == self.started


def boot_id() -> str:
    return _BOOT_ID.read_text(encoding="ascii").strip() if _BOOT_ID.exists() else str(int(psutil.boot_time()))


def _started(pid: int) -> str | None:
    stat = Path(f"/proc/{pid}/stat")
    if _BOOT_ID.exists():
        try:
            # The name before the last bracket may hold anything; then come state (0) and start (19).
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in {"Z", "X"} else fields[19]
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.Error:
        return None


class Records:
    """The file that names every process which runs now, for those who must end them without us."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def write(self, processes: Mapping[str, Identity]) -> None:
        unfinished = self.file.with_name(f"{self.file.name}.new")
        unfinished.write_text(json.dumps({name: asdict(found) for name, found in processes.items()}))
        unfinished.replace(self.file)

    def read(self) -> dict[str, Identity]:
        try:
            return {name: Identity(**found) for name, found in json.loads(self.file.read_text()).items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


def end(
    groups: Iterable[Identity],
    *,
    grace: float,
    hurry: Callable[[], bool] = lambda: False,
    reap: Callable[[], object] = lambda: None,
) -> None:
    """Ask these groups to end, and after *grace* seconds (or when told to *hurry*) kill what is left of them.

    *reap* collects those of them that are children of ours.
    """
    ours = [leader for leader in groups if _is_ours(leader)]
    families = [family for leader in ours for family in _descendants(leader.pid)]
    for leader in ours:
        _signal_group(leader.pid, signal.SIGTERM)
    until = time.monotonic() + grace
    while any(map(_is_ours, ours)) and time.monotonic() < until and not hurry():
        time.sleep(_POLL_SECONDS)
        reap()
    for leader in ours:
        if _is_ours(leader):
            families += _descendants(leader.pid)
            _signal_group(leader.pid, signal.SIGKILL)
    for member in families:
        if member.is_alive():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(member.pid, signal.SIGKILL)
    reap()


def _is_ours(leader: Identity) -> bool:
    """The leader lives, or has died and left its group: a pid is not given anew while a group bears it."""
    if leader.is_alive():
        return True
    if leader.boot != boot_id() or _started(leader.pid) is not None:
        return False
    try:
        os.killpg(leader.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    # What answered may be a corpse that nobody collects.
    return any(_group_of(process.pid) == leader.pid for process in psutil.process_iter())


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid) if _started(pid) is not None else None
    except (ProcessLookupError, PermissionError):
        return None


def _descendants(pid: int) -> Sequence[Identity]:
    try:
        found = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []
    return [identity for child in found if (identity := Identity.of(child.pid)) is not None]


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
