"""What keeps an attempt apart: its environment, its limits, and the end of all its processes.

Levels are `none` (an own process group) and `process` (also no new privileges, resource limits and
no look into the worker). Nothing here reads a notebook. Linux does more than other systems: there,
whoever waits is made the adopter of orphans, so that a `setsid` child cannot outlive its run.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path

import psutil

from nightbook_executor.order import Limits

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_ALLOWED = (
    "PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "SSL_CERT_FILE",
)
_THREAD_COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
#: Set for all processes of an attempt, so that a restarted worker finds what its predecessor left.
MARK = "NB_ATTEMPT"


def environment(
    host: Mapping[str, str], *, home: Path, temp: Path, cache: Path, threads: int
) -> dict[str, str]:
    """The environment of child and kernel: an allow-list of the host's, and private folders."""
    from jupyter_core.paths import jupyter_path

    kept = {name: value for name, value in host.items() if name in _ALLOWED or name.startswith("LC_")}
    own = {
        "HOME": str(home),
        "TMPDIR": str(temp),
        "MPLCONFIGDIR": str(cache / "matplotlib"),  # its font cache takes seconds to make
        "IPYTHONDIR": str(home / ".ipython"),
        # HOME is private now, and the kernels of this worker must still be found.
        "JUPYTER_PATH": os.pathsep.join(jupyter_path()),
        "PYTHONUNBUFFERED": "1",
    }
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        **kept,
        **own,
        **dict.fromkeys(_THREAD_COUNTS, str(threads)),
    }


def _prctl(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def hide() -> None:
    """Let no process of the same user read our memory, environment or files under /proc."""
    _prctl(_PR_SET_DUMPABLE, 0)


def die_with_parent(expected: int) -> None:
    """Ask for SIGTERM at the parent's death. It may be dead already: then end here."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != expected:
        os._exit(70)


def confine(level: str, limits: Limits) -> None:
    """Take *limits*, as far as *level* has any, for this process and all that it starts.

    `processes` is counted by the system for each user on the whole host, so what runs there already is
    added to it: it stops a fork bomb, and never an innocent run. It does not bind root.
    """
    if level == "none" or sys.platform == "win32":
        return
    import resource

    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    wanted = {"NOFILE": limits.open_files, "FSIZE": limits.file_bytes}
    if limits.processes is not None and (already := _running_on_host()) is not None:
        wanted["NPROC"] = already + limits.processes
    for name, value in wanted.items():
        if value is not None:
            _, hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))
            least = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (least, least))
    with contextlib.suppress(OSError):
        # Under memory pressure the notebook goes first, not its worker.
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def _running_on_host() -> int | None:
    """How many threads this host has; None where the system does not say."""
    try:
        return int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].partition("/")[2])
    except (OSError, ValueError, IndexError):
        return None


def descendants(keep: Collection[int] = ()) -> list[psutil.Process]:
    """All processes below this one but those in *keep* and what they started."""
    found: list[psutil.Process] = []
    for child in psutil.Process().children():
        if child.pid not in keep:
            with contextlib.suppress(psutil.NoSuchProcess):
                found += [child, *child.children(recursive=True)]
    return found


def signal_descendants(number: signal.Signals) -> None:
    for process in descendants():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def kill_descendants(keep: Collection[int] = (), *, seconds: float = 5.0) -> int:
    """SIGKILL everything below this process until two passes find nothing. Return how many are left."""
    until, empty = time.monotonic() + seconds, 0
    while empty < 2 and time.monotonic() < until:
        alive = descendants(keep)
        empty = empty + 1 if not alive else 0
        for process in alive:
            _kill_and_reap(process)
        if alive:
            time.sleep(0.005)
    return 0 if empty == 2 else len(descendants(keep))


def _kill_and_reap(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        process.kill()
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)


def kill_tree(pid: int) -> None:
    """SIGKILL a process and all below it; what it starts meanwhile falls to the adopter of orphans."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        below = root.children(recursive=True)
        for process in (root, *below):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                process.kill()


def started_at(pid: int) -> float | None:
    """When a process started; with its pid, that names it for ever."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def kill_marked(attempt: str) -> int:
    """SIGKILL every process of this user whose environment carries *attempt*'s mark. Return how many."""
    killed = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == attempt and process.pid != os.getpid():
                process.kill()
                killed += 1
    return killed
