"""Limited processes: what reads other people's bytes runs apart, with a bound on memory, time and files.

A module of ours is started by name in a folder that holds all it may read and write. It takes its limits
itself, as the first thing it does, and knows no address, no token and no setting of the server.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Limits:
    """Bytes of address space and of one file, seconds of CPU, and seconds by the clock on the wall."""

    memory_bytes: int
    file_bytes: int
    cpu_seconds: int
    seconds: float


class OverLimitError(Exception):
    """The process did not end well: it was over a limit, or what it read could not be read."""


def run(module: str, arguments: Sequence[str], *, folder: Path, limits: Limits) -> None:
    """Run *module* in *folder* to its end. Raises OverLimitError where that is not a good one."""
    given = [str(limits.memory_bytes), str(limits.file_bytes), str(limits.cpu_seconds)]
    run_program(
        [sys.executable, "-P", "-m", module, *given, *arguments], folder=folder, seconds=limits.seconds
    )


def run_program(argv: Sequence[str], *, folder: Path, seconds: float) -> None:
    """Run a program in *folder*, without our environment; all that it started ends with it."""
    process = subprocess.Popen(
        argv,
        cwd=folder,
        env={"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(folder), "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired as error:
        raise OverLimitError(f"it took longer than {seconds:g} s") from error
    finally:
        end_group(process)
    if code:
        raise OverLimitError(f"it ended with {code}")


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process that leads a session, with all that it started there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def take(arguments: Sequence[str]) -> Sequence[str]:
    """Take the limits that `run` has given, for this process; return the arguments that follow them."""
    memory_bytes, file_bytes, cpu_seconds = (int(one) for one in arguments[:3])
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return arguments[3:]
