"""The guard: a small process that outlives one other process, judges its end, and leaves nothing of it alive.

    guard(start, link, limits, lifeline=fd)      in a process forked for it, with one thread; never returns
    python -I -S guard.py LINK LIMITS [LIFELINE] -- PROGRAM …      the same for a program that is executed

*start* runs in a fork of the guard: leader of its own session and group, signals as Python sets them,
SIGKILLed when the guard dies. It must not return; what it raises is printed, and its exit code is 70.

The link is a stream socket with JSON lines. From the guard:
    {"k": "started", "pid", "guard"}             the two processes
    {"k": "ended", "code", …}                    the last line, when all is over; see `_Watch.to_the_end`;
                                                 an end of the link without it: the guard itself has died
To the guard: {"k": "signal", "number"} for the process's group, "terminate" for all descendants, "kill" to
end it all at once, "alive" against the silence, {"k": "limits", "memory_bytes"} for a process that was
started before anybody knew its limits. The end of the link, of the life-line or of the time
allowed kills everything too. No peer is ever waited for.

One self-contained file for Python 3.9 and newer on Linux, from the standard library only: a foreign
environment loads it by its path. Nothing here reads a notebook or knows a run.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, NoReturn

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_SAMPLE_SECONDS = 0.25
_TREE_SECONDS = 1.0
_KILL_SECONDS = 5.0
_SHARING_MATTERS = 0.9  # of the memory limit
_MAX_LINE = 64 * 1024
_FAILED = 70
_ERRORS_IN_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)  # which other programs die of
#: Whether this system has what a guard is made of.
IS_HERE = sys.platform.startswith("linux")
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # a lease runs on while the host sleeps
_LIBC = ctypes.CDLL(None, use_errno=True)


class Limits(NamedTuple):
    """What the guarded processes may take; None is without limit.

    `memory_bytes` is for all of them together. `cgroup` is the path of an attempt's cgroup (v2), see
    cgroups.py: the guarded process enters its leaf `child`, and at the end all of it is killed and removed.
    """

    memory_bytes: int | None = None
    seconds: float | None = None
    silence_seconds: float | None = None
    cgroup: str | None = None


def guard(
    start: Callable[[], object],
    link: socket.socket,
    limits: Limits = Limits(),  # noqa: B008
    *,
    lifeline: int | None = None,
) -> NoReturn:
    """Fork, let the fork do *start*, and watch it to its end. All other files of this process are closed."""
    own = [link.fileno()] if lifeline is None else [link.fileno(), lifeline]
    try:
        with contextlib.suppress(PermissionError):  # it leads a session already
            os.setsid()
        adopt_orphans()
        reset_signals()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)  # meant for others; our ends are the link's and SIGKILL
        link.setblocking(False)
        cgroup = _Cgroup(limits.cgroup)
        me = os.getpid()
        pid = os.fork()
        if pid == 0:
            _be_guarded(start, me, link, lifeline, cgroup)
        name_process("nb-guard")
        close_all_but([*own, 2])
        _Watch(pid, link, limits, lifeline, cgroup).to_the_end()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)  # if it was a fault of ours, the link ends without a word and SIGKILL goes to the fork


def _be_guarded(
    start: Callable[[], object], parent: int, link: socket.socket, lifeline: int | None, cgroup: _Cgroup
) -> NoReturn:
    code = _FAILED
    try:
        os.setsid()
        die_with(parent)
        reset_signals()
        link.close()
        if lifeline is not None:
            os.close(lifeline)
        cgroup.enter()
        start()
        code = 0
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


# ---------------------------------------------------------------- what a forked process needs


def prctl(option: int, value: int) -> None:
    """Raises OSError."""
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def name_process(name: str) -> None:
    """What `ps` and /proc/<pid>/comm show; at most 15 bytes."""
    _LIBC.prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """Be SIGKILLed when *parent* dies; it may be dead already. To be said again after a change of uid."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() not in (parent, 0):  # 0: the parent is outside of our PID namespace
        os._exit(_FAILED)


def reset_signals() -> None:
    """All signals as a fresh Python has them, and none blocked."""
    for number in signal.valid_signals():
        with contextlib.suppress(OSError, ValueError):  # SIGKILL, SIGSTOP
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in _ERRORS_IN_PYTHON:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def close_all_but(kept: Iterable[int]) -> None:
    """Close every file descriptor but *kept*; standard input and output lead to nowhere then."""
    kept = {*kept}
    for fd in [int(name) for name in os.listdir("/proc/self/fd")]:
        if fd not in kept:
            with contextlib.suppress(OSError):
                os.close(fd)
    for fd in {0, 1, 2} - kept:
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != fd:
            os.dup2(nowhere, fd)
            os.close(nowhere)


def show_mark(name: str, value: str) -> bool:
    """Let /proc/<pid>/environ show *value*, of the length that *name* had when the program was executed.

    A fork shows what its ancestor was started with, whatever `os.environ` says. Return whether it could.
    """
    with open("/proc/self/stat", "rb") as opened:
        fields = opened.read().rpartition(b")")[2].split()
    start, end = int(fields[47]), int(fields[48])
    if not start or end <= start:
        return False
    lead = f"\0{name}=".encode()
    place = (b"\0" + ctypes.string_at(start, end - start)).find(lead)
    given = value.encode()
    if place < 0:
        return False
    address = start + place + len(lead) - 1
    if len(ctypes.string_at(address)) != len(given):
        return False
    ctypes.memmove(address, given, len(given))
    return True


# ---------------------------------------------------------------- the watch


class _Watch:
    """One guarded process, from its start until nothing of it is left."""

    def __init__(
        self, pid: int, link: socket.socket, limits: Limits, lifeline: int | None, cgroup: _Cgroup
    ) -> None:
        self._pid = pid
        self._link = link
        self._limits = limits
        self._lifeline = lifeline
        self._cgroup = cgroup
        self._buffer = b""
        self._code: int | None = None
        self._why: str | None = None
        self._started = self._heard = _now()
        self._memory = _Memory(limits.memory_bytes)
        self._pidfd = _pidfd_of(pid)

    def to_the_end(self) -> None:
        """Watch, kill what is left, and answer `ended`:

        `code` (negative: a signal), `why` we ended it (`kill`, `link`, `lifeline`, `silence`, `deadline`,
        `memory`; null where it ended by itself), `peak_memory_bytes` and `cpu_seconds` of all its processes,
        `memory_limit_bytes`, `memory_hit_bytes` (how much it was when the limit was passed, or null) and
        `unkilled`, the number of processes that outlived SIGKILL for 5 s.
        """
        left = 0
        try:
            self._say("started", pid=self._pid, guard=os.getpid())
            poll = self._poller()
            while self._code is None and self._why is None:
                self._wait(poll)
        finally:
            left = self._end_all()
            self._say("ended", code=self._code, why=self._why, unkilled=left, **self._usage())
            self._cgroup.remove()

    def _poller(self) -> select.poll:
        poll = select.poll()
        for fd in (self._link.fileno(), self._lifeline, self._pidfd):
            if fd is not None:
                poll.register(fd, select.POLLIN)
        return poll

    def _wait(self, poll: select.poll) -> None:
        # A sleeping host stops the clock of poll, so no deadline is trusted to it for longer than a second.
        patience = _SAMPLE_SECONDS if self._limits.memory_bytes else 1.0
        patience = min(patience, 0.02 if self._pidfd is None else 1.0, self._seconds_left())
        ready = {fd for fd, _ in poll.poll(max(0.0, patience) * 1000)}
        self._reap()
        if self._code is not None:
            return
        if self._link.fileno() in ready:
            self._hear_link()
        if self._lifeline in ready:
            self._hear_lifeline()
        self._check()

    def _seconds_left(self) -> float:
        now, limits = _now(), self._limits
        until = self._started + limits.seconds if limits.seconds is not None else now + 1.0
        if limits.silence_seconds is not None:
            until = min(until, self._heard + limits.silence_seconds)
        return until - now

    def _check(self) -> None:
        """Find a reason to end it."""
        now, limits = _now(), self._limits
        if limits.seconds is not None and now >= self._started + limits.seconds:
            self._end("deadline")
        if limits.silence_seconds is not None and now >= self._heard + limits.silence_seconds:
            self._end("silence")
        if self._memory.is_over():
            self._end("memory")

    def _end(self, why: str) -> None:
        self._why = self._why or why

    # ------------------------------------------------------------ what others say

    def _hear_lifeline(self) -> None:
        assert self._lifeline is not None
        try:
            piece = os.read(self._lifeline, _MAX_LINE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self._end("lifeline")
        self._heard = _now()

    def _hear_link(self) -> None:
        try:
            piece = self._link.recv(_MAX_LINE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        *lines, self._buffer = (self._buffer + piece).split(b"\n")
        for line in lines:
            self._obey(line)
        if not piece or len(self._buffer) > _MAX_LINE:
            self._end("link")

    def _obey(self, line: bytes) -> None:
        try:
            message = json.loads(line)
            kind = message["k"]
            number = signal.Signals(message["number"]) if kind == "signal" else signal.SIGTERM
            memory = message["memory_bytes"] if kind == "limits" else None
            memory = int(memory) if memory is not None else None
            cgroup = str(message["cgroup"]) if kind == "limits" and message.get("cgroup") else None
        except (ValueError, TypeError, KeyError, RecursionError):
            self._end("link")
            return
        if kind == "signal":
            self._signal_group(number)
        elif kind == "terminate":
            _send_to(descendants(os.getpid()), signal.SIGTERM)
        elif kind == "kill":
            self._end("kill")
        elif kind == "limits":
            self._limits = self._limits._replace(memory_bytes=memory)
            self._memory = _Memory(memory)
            _Cgroup(cgroup).take_kernel(self._pid)
        self._heard = _now()

    def _signal_group(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._pid, number)
        except ProcessLookupError:  # it does not lead its group yet
            _send_to([self._pid], number)

    def _say(self, kind: str, **fields: Any) -> None:
        """A peer that is gone or does not read is none of our concern."""
        with contextlib.suppress(OSError):
            self._link.send(json.dumps({"k": kind, **fields}).encode() + b"\n")

    # ------------------------------------------------------------ the end

    def _reap(self) -> bool:
        """Collect whatever has ended. Return whether any child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._pid:
                self._code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

    def _end_all(self) -> int:
        """SIGKILL every descendant until there is none. Return how many would not go."""
        self._memory.look()
        until = _now() + _KILL_SECONDS
        while True:
            self._cgroup.kill()
            alive = descendants(os.getpid())
            _send_to(alive, signal.SIGKILL)
            # Orphans fall to us before their parent can be collected: no child means no descendant.
            if not self._reap():
                return 0
            if _now() >= until:
                return len(alive)
            time.sleep(0.002)

    def _usage(self) -> dict[str, Any]:
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        peak = max(self._memory.peak, spent.ru_maxrss * 1024, self._cgroup.peak())
        hit = self._memory.hit or (peak if self._cgroup.has_killed() else None)
        return {
            "peak_memory_bytes": peak,
            "cpu_seconds": round(spent.ru_utime + spent.ru_stime, 3),
            "memory_limit_bytes": self._limits.memory_bytes,
            "memory_hit_bytes": hit,
        }


def _now() -> float:
    return time.clock_gettime(_CLOCK)


def _pidfd_of(pid: int) -> int | None:
    """None on a kernel, or in a container, that has no such thing."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


# ---------------------------------------------------------------- the processes below


def descendants(root: int) -> list[int]:
    """The living processes below *root*, parents first."""
    below = _children_of()
    found: list[int] = []
    waiting = [root]
    while waiting:
        children = below(waiting.pop())
        found += children
        waiting += children
    return [pid for pid in found if _state(pid) not in "ZX"]


def children(pid: int) -> list[int]:
    """The processes right below *pid*, ended ones that nobody has collected included."""
    return _children_of()(pid)


def _children_of() -> Callable[[int], list[int]]:
    me = os.getpid()
    return _children_from_lists if os.path.exists(f"/proc/{me}/task/{me}/children") else _children()


def _children_from_lists(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as opened:
                found += [int(child) for child in opened.read().split()]
    return found


def _children() -> Callable[[int], list[int]]:
    """Who is whose child, by one pass over all processes; for kernels without the lists."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (stat := _stat(int(name))):
            children.setdefault(int(stat[1]), []).append(int(name))
    return lambda pid: children.get(pid, [])


def _stat(pid: int) -> list[bytes]:
    """What follows the name in /proc/<pid>/stat: state, parent, …; nothing where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as opened:
            return opened.read().rpartition(b")")[2].split()
    except OSError:
        return []


def _state(pid: int) -> str:
    stat = _stat(pid)
    return stat[0].decode() if stat else "X"


def _send_to(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


# ---------------------------------------------------------------- memory


class _Memory:
    """Samples of what the descendants occupy. A process counts at most a second after its start."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._page = resource.getpagesize()
        self._tree: list[int] = []
        self._tree_until = self._next = 0.0
        self.peak = 0
        self.hit: int | None = None

    def is_over(self) -> bool:
        if _now() >= self._next:
            self._next = _now() + _SAMPLE_SECONDS
            self.look()
        return self.hit is not None

    def look(self) -> None:
        if _now() >= self._tree_until:
            self._tree, self._tree_until = descendants(os.getpid()), _now() + _TREE_SECONDS
        occupied = sum(self._resident(pid) for pid in self._tree)
        if self._limit is not None and occupied >= _SHARING_MATTERS * self._limit:
            # Forks share most of what they occupy, and only this slower look tells how much.
            occupied = sum(_proportional(pid) or self._resident(pid) for pid in self._tree)
        self.peak = max(self.peak, occupied)
        if self._limit is not None and occupied > self._limit:
            self.hit = self.hit or occupied

    def _resident(self, pid: int) -> int:
        try:
            with open(f"/proc/{pid}/statm", "rb") as opened:
                return int(opened.read().split()[1]) * self._page
        except (OSError, IndexError):
            return 0


def _proportional(pid: int) -> int | None:
    """Its memory with each shared page divided by its users; None where we may not look."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", "rb") as opened:
        for line in opened:
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return None


class _Cgroup:
    """The cgroup of an attempt, if there is one. What cannot be done there, sampling and SIGKILL do."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder

    def enter(self) -> None:
        """Put the calling process into the leaf of the child."""
        self._write("child/cgroup.procs", 0)

    def take_kernel(self, pid: int) -> None:
        self._write("kernel/cgroup.procs", pid)

    def kill(self) -> None:
        self._write("cgroup.kill", 1)

    def peak(self) -> int:
        return int(self._read("memory.peak") or 0)

    def has_killed(self) -> bool:
        counts = dict(line.split() for line in self._read("memory.events").splitlines())
        return int(counts.get("oom_kill", 0)) > 0

    def remove(self) -> None:
        if self._folder is not None:
            for part in ("child", "kernel", ""):
                with contextlib.suppress(OSError):
                    os.rmdir(os.path.join(self._folder, part))

    def _write(self, name: str, value: int) -> None:
        if self._folder is not None:
            with contextlib.suppress(OSError):
                # Not open(…, "w"): that would make a file where the kernel has none.
                fd = os.open(os.path.join(self._folder, name), os.O_WRONLY)
                try:
                    os.write(fd, str(value).encode())
                finally:
                    os.close(fd)

    def _read(self, name: str) -> str:
        if self._folder is None:
            return ""
        try:
            with open(os.path.join(self._folder, name), encoding="ascii") as opened:
                return opened.read()
        except OSError:
            return ""


# ---------------------------------------------------------------- as a program


def main(arguments: list[str]) -> NoReturn:
    """LINK is the number of an inherited socket, LIMITS a JSON object, LIFELINE a descriptor's number."""
    cut = arguments.index("--")
    fds, program = arguments[:cut], arguments[cut + 1 :]
    link = socket.socket(fileno=int(fds[0]))
    lifeline = int(fds[2]) if len(fds) > 2 else None
    guard(lambda: _execute(program), link, Limits(**json.loads(fds[1])), lifeline=lifeline)


def _execute(program: list[str]) -> None:
    for number in _ERRORS_IN_PYTHON:  # what is ignored stays so through an exec
        signal.signal(number, signal.SIG_DFL)
    os.execvp(program[0], program)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
