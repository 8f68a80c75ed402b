"""The zygote of one Python environment: ipykernel and libraries imported once, kernels forked from it.

    python zygote.py OPTIONS        a JSON object, see `Options`; started by the worker

Whoever connects to its socket is sent one message with two descriptors, `{"how", "connection"}`: the link
to the guard of a kernel (see guard.py; its end is the kernel's end) and the hand-over, on which the kernel
waits, initialised, for its environment, folder and limits. A kernel serves one notebook. Some are kept
ready while the environment is in use.

One self-contained file for Python 3.9 and newer on Linux: it runs in environments that do not have our
packages, with their own ipykernel. It never waits for a peer, and has one thread, or forking it would not
be safe: a library that starts another one when it is imported is left out.
"""

from __future__ import annotations

import array
import builtins
import contextlib
import gc
import importlib
import importlib.util
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import sys
import time
import traceback
from typing import Any, NamedTuple, NoReturn

_PR_SET_NO_NEW_PRIVS = 38
_LENGTH = struct.Struct("!Q")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_REQUEST = 16 * 1024 * 1024
_START_SECONDS = 0.2  # after which the run that got a kernel is past its start, and many are over
_INLINE = "module://matplotlib_inline.backend_inline"
#: What they do when they are imported concerns one shell; a notebook imports them itself.
_LEFT_TO_KERNELS = frozenset({"matplotlib.pyplot", "matplotlib_inline.backend_inline"})
_PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
_REHEARSED = """
import sys
print("x", flush=True)
print("y", file=sys.stderr)
x = {"a": [1, 2, 3]}
x
"""
_REHEARSED_ERROR = "1 / 0"
_REHEARSED_WITH = {
    "pandas": "pandas.DataFrame({'a': [1, 2], 'b': ['x', 'y']}).groupby('b').a.sum().to_frame()",
    "matplotlib": "import matplotlib.pyplot; matplotlib.pyplot.plot([1, 2]); matplotlib.pyplot.show()",
}


class Options(NamedTuple):
    """What the worker decides. Sizes are bytes, times seconds."""

    listener: int  # a listening unix socket
    lifeline: int  # its end is the zygote's
    folder: str  # of kernels' sockets, short: a socket's path may have 107 bytes
    state: str  # the file that tells what was imported, written when all is ready
    guard: str  # path of guard.py
    kernel: str  # path of forked.py
    fingerprint: str
    preload: list[str]
    left_out: dict[str, str]  # library -> why it is not imported
    unwelcome: list[str]  # libraries that must not come along with another one
    ready_at_most: int = 2
    idle_seconds: float = 900.0
    used_seconds: float = 600.0
    free_memory_share: float = 0.15


class Ready(NamedTuple):
    """A kernel that waits for its notebook: the other ends of its link and its hand-over."""

    guard: int
    link: socket.socket
    handover: socket.socket
    connection: dict[str, Any]
    since: float

    def close(self) -> None:
        self.link.close()
        self.handover.close()


def main(arguments: list[str]) -> int:
    # Not by -P: IPython would take it as the notebook's wish to import nothing from its own folder.
    sys.path[:] = [
        path for path in sys.path if os.path.abspath(path) != os.path.dirname(os.path.abspath(__file__))
    ]
    options = Options(**json.loads(arguments[1]))
    guard = _module_at("nightbook_guard", options.guard)
    kernel = _module_at("nightbook_kernel", options.kernel)
    _preload(options, kernel, guard)
    gc.collect()
    gc.freeze()
    gc.disable()
    _write_state(options)
    guard.adopt_orphans()
    Zygote(options, guard, kernel).serve()
    return 0


def _module_at(name: str, path: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


# ---------------------------------------------------------------- imports


def _preload(options: Options, kernel: Any, guard: Any) -> None:
    """Import what kernels of this environment need; start again without what starts a thread."""
    os.environ["JPY_PARENT_PID"] = "1"  # read at import: neither a note nor a poller of the parent
    importlib.import_module("ipykernel.kernelapp")
    importlib.import_module("ipykernel.ipkernel")
    os.environ.pop("JPY_PARENT_PID", None)
    _require_one_thread(options, "ipykernel")
    kernel.mend_output_streams()
    os.environ["MPLBACKEND"] = _INLINE  # matplotlib reads it at import, and ipykernel says so to a kernel
    builtins.get_ipython = _KernelToCome  # type: ignore[attr-defined]  # pandas asks at import whether it is in one
    for name in options.preload:
        origin = _origin(name)
        if origin is None:
            continue  # not installed here
        if not _is_package(origin):
            options.left_out[name] = "it is no installed package"
        elif name not in options.left_out:
            try:
                importlib.import_module(name)
            except BaseException as error:
                options.left_out[name] = f"importing it raised {type(error).__name__}"
            _require_one_thread(options, name)
    for name in _rehearsed(options, kernel, guard):
        with contextlib.suppress(BaseException):
            importlib.import_module(name)
        _require_one_thread(options, name)
    del os.environ["MPLBACKEND"]
    del builtins.get_ipython  # type: ignore[attr-defined]
    for name in _LEFT_TO_KERNELS:
        _forget(name)


class _KernelToCome:
    """What a library that is imported early sees of the shell that it will be used in."""

    kernel = None


def _forget(name: str) -> None:
    """Let a module that came along with others be imported anew."""
    package, _, last = name.rpartition(".")
    if sys.modules.pop(name, None) is not None:
        with contextlib.suppress(AttributeError):
            delattr(sys.modules[package], last)


def _origin(name: str) -> str | None:
    with contextlib.suppress(ImportError, ValueError):
        found = importlib.util.find_spec(name)
        return found.origin if found is not None else None
    return None


def _is_package(origin: str) -> bool:
    """Installed, and not project code, which changes without a new version."""
    return any(folder in origin.split(os.sep) for folder in ("site-packages", "dist-packages"))


def _require_one_thread(options: Options, name: str) -> None:
    along = [one for one in options.unwelcome if one in sys.modules]
    if len(os.listdir("/proc/self/task")) == 1 and not along:
        return
    why = f"it imports {along[0]}" if along else "it starts a thread when it is imported"
    if name in options.left_out or name == "ipykernel":
        raise SystemExit(f"this environment cannot be forked: importing {name} is unsafe, {why}")
    again = options._replace(left_out={**options.left_out, name: why})
    flags = [*sys.orig_argv[1 : sys.orig_argv.index(sys.argv[0])]] if hasattr(sys, "orig_argv") else []
    os.execv(sys.executable, [sys.executable, *flags, sys.argv[0], json.dumps(again._asdict())])  # noqa: S606


def _rehearsed(options: Options, kernel: Any, guard: Any) -> list[str]:
    """The modules that a kernel has imported after its first cells, found by running some in a fork."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            folder = os.path.join(options.folder, "rehearsal")
            os.makedirs(folder, mode=0o700)
            before = set(sys.modules)
            shell = kernel.initialised(os.path.join(folder, "c.json"), new_connection(folder), guard).shell
            loaded = [name for name in _REHEARSED_WITH if name in before]
            for cell in [_REHEARSED, *(_REHEARSED_WITH[name] for name in loaded), _REHEARSED_ERROR]:
                shell.run_cell(cell)
            found = sorted(set(sys.modules) - before - {"__main__", "__mp_main__"})
            with os.fdopen(write, "w") as opened:
                json.dump(found, opened)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as opened:
        told = opened.read()
    os.waitpid(pid, 0)
    shutil.rmtree(os.path.join(options.folder, "rehearsal"), ignore_errors=True)
    if not told:
        raise SystemExit("no kernel can be initialised in a fork here")
    names: list[str] = json.loads(told)
    return [name for name in names if _is_importable(name, options)]


def _is_importable(name: str, options: Options) -> bool:
    if name in _LEFT_TO_KERNELS:
        return False
    return name not in sys.modules and name.partition(".")[0] not in options.left_out


def _write_state(options: Options) -> None:
    state = {
        "pid": os.getpid(),
        "fingerprint": options.fingerprint,
        "preloaded": [name for name in options.preload if name in sys.modules],
        "left_out": options.left_out,
    }
    unfinished = f"{options.state}.{os.getpid()}"
    with open(unfinished, "w", encoding="utf-8") as opened:
        json.dump(state, opened)
    os.rename(unfinished, options.state)


# ---------------------------------------------------------------- accept and fork


class Zygote:
    """Accepts and forks; nothing else."""

    def __init__(self, options: Options, guard: Any, kernel: Any) -> None:
        self._options = options
        self._guard = guard
        self._kernel = kernel
        self._listener = socket.socket(fileno=options.listener)
        self._listener.setblocking(False)
        self._ready: list[Ready] = []
        self._folders: dict[int, str] = {}  # of each living guard
        self._last_used = time.monotonic()
        self._in_a_row = 0
        self._retired = False
        self._wakeup = os.pipe()

    def serve(self) -> None:
        for fd in self._wakeup:
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self._wakeup[1], warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._ask_to_retire)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        poll = select.poll()
        for fd in (self._listener.fileno(), self._options.lifeline, self._wakeup[0]):
            poll.register(fd, select.POLLIN)
        while not (self._retired and not self._folders):
            if self._retired and self._listener.fileno() >= 0:
                poll.unregister(self._listener.fileno())
                self._retire()
            for fd, _ in poll.poll(self._patience()):
                if fd == self._options.lifeline:
                    return self._leave()
                if fd == self._wakeup[0]:
                    with contextlib.suppress(BlockingIOError):
                        os.read(fd, 4096)
                elif not self._retired:
                    self._answer()
            self._collect()
            self._age()
            if not self._retired and not self._is_asked():
                self._refill()
        return None

    def _patience(self) -> int:
        """Milliseconds until something is to be done that nobody tells."""
        if self._lacks() and (left := self._unsettled_seconds()) > 0:
            return int(left * 1000) + 1
        return 1000 if self._ready or self._in_a_row else 5000

    def _ask_to_retire(self, *_: object) -> None:
        self._retired = True

    def _retire(self) -> None:
        """Serve nobody any more; kernels that run go on to their end."""
        self._drop(self._ready)
        self._listener.close()  # who waits in its queue hears at once that nothing will come

    def _leave(self) -> None:
        """The worker is gone, and with it the children of all kernels: their guards are ending them."""
        self._drop(self._ready)
        until = time.monotonic() + 5.0
        while self._folders and time.monotonic() < until:
            self._collect()
            time.sleep(0.01)
        for place in (self._options.folder, os.path.dirname(self._options.state)):
            shutil.rmtree(place, ignore_errors=True)
        with contextlib.suppress(OSError):  # of other zygotes too: the last one removes it
            os.rmdir(os.path.dirname(self._options.folder))

    def _is_asked(self) -> bool:
        return bool(select.select([self._listener], [], [], 0)[0])

    def _answer(self) -> None:
        """Give the kernel that is ready, or a new one, to whoever asks."""
        try:
            peer, _ = self._listener.accept()
        except OSError:
            return
        now = time.monotonic()
        self._in_a_row = self._in_a_row + 1 if now - self._last_used < 1.0 else 1
        self._last_used = now
        with peer:
            how = "pool" if self._ready else "forked"
            kernel = self._ready.pop(0) if self._ready else self._fork()
            told = json.dumps({"how": how, "connection": kernel.connection, "guard": kernel.guard}).encode()
            fds = array.array("i", [kernel.link.fileno(), kernel.handover.fileno()])
            with contextlib.suppress(OSError):  # nobody there any more: the link ends, and so the kernel
                peer.setblocking(False)
                peer.sendmsg([told], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
            kernel.close()

    def _fork(self) -> Ready:
        link, guards_link = socket.socketpair()
        handover, kernels_handover = socket.socketpair()
        folder = os.path.join(self._options.folder, os.urandom(4).hex())
        os.mkdir(folder, 0o700)
        connection = new_connection(folder)
        pid = os.fork()
        if pid == 0:
            self._be_guard(guards_link, kernels_handover, folder, connection)
        guards_link.close()
        kernels_handover.close()
        self._folders[pid] = folder
        return Ready(pid, link, handover, connection, time.monotonic())

    def _be_guard(
        self, link: socket.socket, handover: socket.socket, folder: str, connection: dict[str, Any]
    ) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)

            def start() -> None:
                self._guard.close_all_but([handover.fileno()])
                self._kernel.run(folder, connection, handover, self._guard)

            self._guard.guard(start, link)
        finally:
            os._exit(70)
        raise AssertionError

    def _collect(self) -> None:
        """Reap guards that have ended, and remove the folders of their kernels."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid not in self._folders or os.WIFSIGNALED(status):
                self._kill_orphans()
            shutil.rmtree(self._folders.pop(pid, ""), ignore_errors=True)
            self._drop([kernel for kernel in self._ready if kernel.guard == pid])

    def _kill_orphans(self) -> None:
        """A guard that was killed leaves its kernel's processes to us. Each one's end brings us back here."""
        known = set(self._folders)
        for pid in self._guard.children(os.getpid()):
            if pid not in known:
                for one in (pid, *self._guard.descendants(pid)):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(one, signal.SIGKILL)

    def _age(self) -> None:
        now = time.monotonic()
        if now - self._last_used > 1.0:
            self._in_a_row = 0
        self._drop([kernel for kernel in self._ready if now - kernel.since > self._options.idle_seconds])

    def _refill(self) -> None:
        """One at a time, and when it takes no processor from the run that has just got a kernel."""
        is_time = self._lacks() and self._unsettled_seconds() <= 0
        if is_time and _free_memory_share() >= self._options.free_memory_share:
            self._ready.append(self._fork())

    def _lacks(self) -> bool:
        """Keep one kernel ready while the environment is in use, two when starts come fast."""
        if time.monotonic() - self._last_used > self._options.used_seconds:
            return False
        return len(self._ready) < min(self._options.ready_at_most, 2 if self._in_a_row > 1 else 1)

    def _unsettled_seconds(self) -> float:
        """How long a new kernel should wait for the last start to be over: not at all in a rush."""
        if self._in_a_row > 1 and not self._ready:
            return 0.0
        return self._last_used + _START_SECONDS - time.monotonic()

    def _drop(self, kernels: list[Ready]) -> None:
        for kernel in list(kernels):
            kernel.close()
            self._ready.remove(kernel)


def _free_memory_share() -> float:
    found: dict[str, int] = {}
    with open("/proc/meminfo", encoding="ascii") as opened:
        for line in opened:
            name, _, rest = line.partition(":")
            found[name] = int(rest.split()[0])
    return found.get("MemAvailable", 0) / max(1, found["MemTotal"])


def new_connection(folder: str) -> dict[str, Any]:
    """Where a kernel of its own listens: five unix sockets in a private folder, and a fresh key."""
    numbers = {name: number for number, name in enumerate(_PORTS, start=1)}
    return {
        "transport": "ipc",
        "ip": os.path.join(folder, "k"),
        "key": os.urandom(32).hex(),
        "signature_scheme": "hmac-sha256",
        **numbers,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv))
