"""Whether a worker forks its kernels, and its zygotes where it does."""

import os
import signal
import sys
import uuid
from pathlib import Path

from nightbook.settings import Settings
from nightbook_executor import sandbox
from nightbook_executor.kernels.environments import Environment, environment_of
from nightbook_executor.kernels.zygotes import Zygotes
from nightbook_executor.processes import Processes

_FOLDER = "zygotes"


def why_not(level: str, *, wanted: bool) -> str | None:
    """Why kernels are not forked at this sandbox *level*, or None where they are."""
    if level == "bubblewrap":
        return "the sandbox level starts its own kernel"
    if not sys.platform.startswith("linux"):
        return "only Linux kernels are forked"
    return None if wanted else "NIGHTBOOK_FORK_KERNELS is off"


def zygotes_of(settings: Settings, processes: Processes, state: Path, cache: Path) -> Zygotes | None:
    """The zygotes of a worker, that of its usual kernel on its way; None where nothing is forked."""
    if why_not(settings.sandbox, wanted=settings.fork_kernels) is not None:
        return None
    home = state / _FOLDER
    home.mkdir(exist_ok=True, mode=0o700)
    env = sandbox.environment(os.environ, home=home, temp=home, cache=cache, threads=1)
    # A fork shows the environment that its zygote was started with: room for the mark of its attempt.
    env = {**env, sandbox.MARK: str(uuid.UUID(int=0))}
    zygotes = Zygotes(processes, env, home, preload=settings.preload)
    usual = _usual_environment()
    if usual is not None:
        zygotes.want(usual)
    return zygotes


def renew_on_hangup(zygotes: Zygotes) -> None:
    """Let SIGHUP replace them; at a terminal it keeps its meaning, that the terminal is gone."""
    if not _is_at_a_terminal():
        signal.signal(signal.SIGHUP, lambda *_: zygotes.ask_to_renew())


def _is_at_a_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False


def homes(home: Path) -> list[Path]:
    """Where workers with this *home* keep what they know of their zygotes."""
    return sorted(home.glob(f"worker-*/{_FOLDER}"))


def _usual_environment() -> Environment | None:
    """The environment of the kernel that most notebooks name."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        found = environment_of(KernelSpecManager().get_kernel_spec("python3").argv)
    except NoSuchKernel:
        return None
    return found if isinstance(found, Environment) else None
