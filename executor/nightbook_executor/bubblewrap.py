"""The sandbox level `bubblewrap`: an attempt's whole child in namespaces of its own.

One `bwrap` an attempt: user, PID, mount, IPC, UTS and cgroup namespaces, a network without interfaces
unless it is open, no capability, a filter of system calls. Same paths inside and outside. Its init is
PID 1 of the namespace, so that its death, or the death of who started it, is the death of all inside.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from nightbook_executor import readable, seccomp
from nightbook_executor.readable import Place

Network = Literal["none", "open"]

_OLDEST: Final = (0, 8)  # the first with --disable-userns
_INSTALL: Final = "install the system's package bubblewrap, 0.8 or newer"
_TRIAL_SECONDS: Final = 30.0
_SHARED_MEMORY: Final = 256 * 1024**2
_MASK_BYTES: Final = 64 * 1024
_NOBODY: Final = 65534
#: Files of the kernel that the owner may write without any capability, and inside that may be root's uid.
_KERNEL_WRITABLE: Final = ("bus", "fs", "irq", "sys", "sysrq-trigger")
#: And those that tell of the host.
_KERNEL_HIDDEN: Final = ("kcore", "keys", "kallsyms", "timer_list", "sched_debug", "latency_stats")
_PROCESSORS: Final = ("/sys/devices/system/cpu", "/sys/devices/system/node")

_ISOLATION: Final = (
    # Not --unshare-all: only with --unshare-user written out may nested user namespaces be closed.
    "--unshare-user",
    "--disable-userns",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--die-with-parent",
    "--new-session",
    "--cap-drop",
    "ALL",
    "--clearenv",
    "--uid",
    str(_NOBODY),
    "--gid",
    str(_NOBODY),
    "--hostname",
    "nightbook",
)


class CannotSandboxError(Exception):
    """This host cannot make such a sandbox: why, and the next step."""

    def __init__(self, why: str, next_step: str) -> None:
        super().__init__(f"{why}; {next_step}")
        self.why = why
        self.next_step = next_step


@dataclass(frozen=True)
class Room:
    """What is inside: the attempt's writable places, and one that is shown but cannot be written."""

    folder: Path
    writable: tuple[Path, ...]
    temporary: Path  # also seen as /tmp and /var/tmp
    shown: tuple[Path, ...] = ()


@dataclass
class Launch:
    """A command line and the files that it reads by their numbers; they go with the process."""

    argv: list[str]
    files: list[int] = field(default_factory=list)

    def execute(self) -> None:
        """Become the sandbox. All other files that are not inheritable are closed by it."""
        for fd in self.files:
            os.set_inheritable(fd, True)
        # Whatever bwrap is started with stands in /proc/1/environ inside, --clearenv or not.
        os.execve(self.argv[0], self.argv, {})  # noqa: S606

    def close(self) -> None:
        for fd in self.files:
            os.close(fd)
        self.files.clear()


@dataclass(frozen=True)
class Bubblewrap:
    """What all sandboxes of a worker have in common."""

    program: str
    places: tuple[Place, ...]
    network: Network

    @classmethod
    def found(
        cls,
        *,
        network: Network,
        host: Mapping[str, str],
        home: Path,
        wanted: Sequence[Path] = (),
        hidden: Sequence[Path] = (),
    ) -> "Bubblewrap":
        """Find what is needed on this host. Raises CannotSandboxError; `prove` tells whether it works."""
        if not sys.platform.startswith("linux"):
            raise CannotSandboxError("it needs Linux", "use NIGHTBOOK_SANDBOX=process")
        try:
            seccomp.program()
            places = readable.places(home=home, host=host, wanted=wanted, hidden=hidden)
        except seccomp.UnknownMachineError as error:
            raise CannotSandboxError(str(error), "use NIGHTBOOK_SANDBOX=process or container") from error
        except readable.TooBroadError as error:
            step = "install the worker into a folder of its own, for example a virtual environment"
            raise CannotSandboxError(str(error), step) from error
        for path in wanted:
            if not path.exists():
                raise CannotSandboxError(f"there is no {path}", "correct NIGHTBOOK_SANDBOX_READABLE")
        program = shutil.which("bwrap", path=host.get("PATH", os.defpath))
        if program is None:
            raise CannotSandboxError("there is no program 'bwrap'", _INSTALL)
        return cls(program, tuple(places), network)

    def prove(self, room: Room) -> str:
        """Start a sandbox and look around in it. Return bwrap's version. Raises CannotSandboxError."""
        version = _version(self.program)
        launch = self.launch([sys.executable, "-I", "-S", "-c", _TRIAL], {}, room)
        try:
            done = subprocess.run(
                launch.argv,
                env={},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                pass_fds=launch.files,
                timeout=_TRIAL_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotSandboxError("a trial did not end", f"look at this: {error}") from error
        finally:
            launch.close()
        if done.returncode != 0 or done.stdout.strip() != b"confined":
            words = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
            raise _diagnosis(words[-1] if words else f"exit code {done.returncode}")
        return version

    def launch(self, program: Sequence[str], environment: Mapping[str, str], room: Room) -> Launch:
        """The command line that runs *program* inside, in `room.folder` and with *environment* alone."""
        launch = Launch([])
        arguments = [*self._arguments(launch, room)]
        for name, value in environment.items():
            arguments += ["--setenv", name, value]
        arguments += ["--seccomp", _file(launch, seccomp.program()), "--chdir", str(room.folder)]
        # By a file: everybody may read a command line.
        packed = _file(launch, b"".join(os.fsencode(argument) + b"\0" for argument in arguments))
        launch.argv = [self.program, "--args", packed, "--", *program]
        return launch

    def _arguments(self, launch: Launch, room: Room) -> Iterator[str]:
        yield from _ISOLATION
        if self.network == "none":
            yield "--unshare-net"
        for path in readable.SYSTEM:
            if path.is_symlink():
                yield from ("--symlink", str(path.readlink()), str(path))
            elif path.exists():
                yield from _shown(path)
        yield from self._configuration(launch)
        yield from _kernel_files()
        for name in _PROCESSORS:
            yield from ("--ro-bind-try", name, name)
        yield from ("--bind", str(room.temporary), "/tmp", "--bind", str(room.temporary), "/var/tmp")  # noqa: S108
        masks = []
        for place in self.places:
            if place.is_shown:
                yield from _shown(place.path)
            elif place.path.is_dir():
                yield from ("--size", str(_MASK_BYTES), "--tmpfs", str(place.path))
                masks.append(place.path)
            else:
                yield from ("--ro-bind", os.devnull, str(place.path))
        for path in (room.folder, *room.shown):
            yield from _shown(path)
        for path in room.writable:
            yield from ("--bind", str(path), str(path))
        # Last, for each is a mount point of what comes before. The root is memory as well.
        for path in (*masks, Path("/")):
            yield from ("--remount-ro", str(path))

    def _configuration(self, launch: Launch) -> Iterator[str]:
        for path in readable.CONFIGURATION:
            yield from ("--ro-bind-try", str(path), str(path))
        who = f"nobody:x:{_NOBODY}:{_NOBODY}:nobody:/:/bin/sh\n".encode()
        yield from ("--ro-bind-data", _file(launch, who), "/etc/passwd")
        yield from ("--ro-bind-data", _file(launch, f"nogroup:x:{_NOBODY}:\n".encode()), "/etc/group")
        if self.network == "open":
            for path in readable.NAMES:
                yield from ("--ro-bind-try", str(path), str(path))
        else:
            alone = b"127.0.0.1 localhost nightbook\n::1 localhost nightbook\n"
            yield from ("--ro-bind-data", _file(launch, alone), "/etc/hosts")


def _shown(path: Path) -> tuple[str, str, str]:
    return "--ro-bind", str(path), str(path)


def _kernel_files() -> Iterator[str]:
    """/proc and /dev, as far as an owner without capabilities could do harm there."""
    yield from ("--proc", "/proc")
    for name in _KERNEL_WRITABLE:
        yield from ("--ro-bind-try", f"/proc/{name}", f"/proc/{name}")
    for name in _KERNEL_HIDDEN:
        if Path("/proc", name).exists():
            yield from ("--ro-bind", os.devnull, f"/proc/{name}")
    yield from ("--dev", "/dev", "--size", str(_SHARED_MEMORY), "--tmpfs", "/dev/shm")  # noqa: S108
    yield from ("--remount-ro", "/dev")


def _file(launch: Launch, content: bytes) -> str:
    """Put *content* into a file without a name; return its number."""
    fd = os.memfd_create("nightbook", os.MFD_CLOEXEC)
    launch.files.append(fd)
    with os.fdopen(os.dup(fd), "wb") as opened:
        opened.write(content)
    os.lseek(fd, 0, os.SEEK_SET)
    return str(fd)


# ---------------------------------------------------------------- the proof

#: Runs inside: says `confined` where no capability is left, no namespace can be made and no network is there.
_TRIAL: Final = """
import ctypes, os, sys
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status"))
assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0, "capabilities are left"
assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2", "no filter of system calls"
assert ctypes.CDLL(None).unshare(0x10000000) != 0, "a user namespace could be made"
try:
    os.mkdir("/nightbook-trial")
except OSError:
    print("confined")
"""

_NAMESPACES: Final = re.compile(r"namespace|uid map|clone|Operation not permitted|unshare", re.IGNORECASE)


def _version(program: str) -> str:
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotSandboxError(f"{program} cannot be run ({error})", _INSTALL) from error
    found = re.search(r"(\d+)\.(\d+)(?:\.\d+)?", told.stdout)
    if found is None:
        raise CannotSandboxError(f"{program} does not tell its version", _INSTALL)
    if (int(found[1]), int(found[2])) < _OLDEST:
        raise CannotSandboxError(f"bubblewrap {found[0]} is too old", _INSTALL)
    return found[0]


def _diagnosis(words: str) -> CannotSandboxError:
    """What bwrap said, and what to do about it."""
    if not _NAMESPACES.search(words):
        return CannotSandboxError(f"a trial failed ({words})", "use NIGHTBOOK_SANDBOX=process meanwhile")
    return CannotSandboxError(f"user namespaces are closed to this worker ({words})", _closed_by())


def _closed_by() -> str:
    """The switch that closes user namespaces here, as far as the kernel tells."""
    switches = {
        "user/max_user_namespaces": ("0", "set user.max_user_namespaces to a number above 0 with sysctl"),
        "kernel/unprivileged_userns_clone": ("0", "set kernel.unprivileged_userns_clone=1 with sysctl"),
        "kernel/apparmor_restrict_unprivileged_userns": (
            "1",
            "give bwrap an AppArmor profile that allows userns, "
            "or set kernel.apparmor_restrict_unprivileged_userns=0 with sysctl",
        ),
    }
    for name, (closed, step) in switches.items():
        with contextlib.suppress(OSError):
            if Path("/proc/sys", name).read_text(encoding="ascii").strip() == closed:
                return step
    return (
        "in a container, allow them in its seccomp and AppArmor profile, "
        "or isolate there and say so with NIGHTBOOK_SANDBOX=container"
    )
