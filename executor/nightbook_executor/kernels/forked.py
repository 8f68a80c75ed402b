"""A kernel that was forked: from its initialisation to the end of all that it holds.

One self-contained file for Python 3.9 and newer on Linux, loaded by its path into zygotes (see zygote.py),
whose environments need not have our packages.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import gc
import io
import json
import os
import random
import re
import resource
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, ClassVar

_PR_SET_NO_NEW_PRIVS = 38
_LENGTH = struct.Struct("!Q")
_MAX_REQUEST = 16 * 1024 * 1024
_SURROGATE = re.compile("[\ud800-\udfff]")
_FLUSH_SECONDS = 0.02  # until a print that nobody flushed is sent


def run(folder: str, connection: dict[str, Any], handover: socket.socket, guard: Any) -> None:
    """Be a kernel, from its initialisation to the end of all that it holds."""
    before = dict(os.environ)
    app = initialised(os.path.join(folder, "c.json"), connection, guard)
    own = {name: value for name, value in os.environ.items() if before.get(name) != value}
    with handover:
        request, fds = _received(handover)
        if request is None:
            return  # nobody wanted it
        try:
            _settle(request, fds, own, guard)
            handover.sendall(b'{"k": "ready"}\n')
        except BaseException as error:
            handover.sendall(
                json.dumps({"k": "failed", "why": f"{type(error).__name__}: {error}"}).encode() + b"\n"
            )
            raise
    gc.enable()
    app.start()
    _leave(app)


def initialised(connection_file: str, connection: dict[str, Any], guard: Any) -> Any:
    from ipykernel.kernelapp import IPKernelApp

    with open(os.open(connection_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        json.dump(connection, opened)
    sys.argv[:] = [os.path.join(os.path.dirname(_launcher()), "ipykernel_launcher.py"), "-f", connection_file]
    app = IPKernelApp.instance()
    app.parent_handle = 1
    # What one kernel keeps for its next start (%store) is none of the next kernel's business.
    own = os.path.join(os.path.dirname(connection_file), "ipython")
    os.mkdir(own, 0o700)
    options = {
        "IPKernelApp": {"connection_file": connection_file, "ipython_dir": own},
        "HistoryManager": {"hist_file": ":memory:"},
    }
    _lose_nothing(app)
    _parse_nothing(app, options)
    with _no_list_of_modules():
        app.initialize([])  # type: ignore[no-untyped-call]
    _look_for_children_cheaply(app.kernel, guard)
    gc.freeze()  # what is collected, or looked for at the end, is the notebook's own
    return app


def _lose_nothing(app: Any) -> None:
    """Let output wait for a reader that is behind: ZeroMQ would drop what is 1,000 messages late, unsaid."""
    import zmq

    init_iopub = app.init_iopub

    def unbounded(context: Any) -> None:
        context.setsockopt(zmq.SNDHWM, 0)  # for sockets made from here on
        init_iopub(context)

    app.init_iopub = unbounded


def _parse_nothing(app: Any, options: dict[str, dict[str, str]]) -> None:
    """Take *options* as if they stood on a command line, without the parser that is made of all classes."""
    from traitlets.config import Config

    def take(argv: Any = None) -> None:
        app.argv = list(argv or ())
        app.extra_args = []
        app.cli_config = Config(options)
        app.update_config(Config(options))

    app.parse_command_line = take


@contextlib.contextmanager
def _no_list_of_modules() -> Iterator[None]:
    """For a debugger that never comes, ipykernel asks every module for its file.

    That unshares 6 MB of what the fork shares with its zygote, a fifth of all that a start unshares.
    """
    from ipykernel import ipkernel

    vars(ipkernel)["sys"] = _WithoutModules()
    try:
        yield
    finally:
        vars(ipkernel)["sys"] = sys


class _WithoutModules:
    """`sys`, but for its list of modules."""

    modules: ClassVar[dict[str, Any]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)


def _look_for_children_cheaply(kernel: Any, guard: Any) -> None:
    """At its end ipykernel looks through all processes of the host for its own children; most have none."""
    terminate_all = getattr(kernel, "_progressively_terminate_all_children", None)
    if terminate_all is None:
        return

    async def terminate_those_there_are() -> None:
        if guard.children(os.getpid()):
            await terminate_all()

    kernel._progressively_terminate_all_children = terminate_those_there_are


def _launcher() -> str:
    import ipykernel_launcher  # type: ignore[import-untyped]  # only to say where it is; importing it starts nothing

    return str(ipykernel_launcher.__file__)


def _received(handover: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """The request and its descriptors; None where the other end is gone."""
    fds = array.array("i")
    head, ancillary, _, _ = handover.recvmsg(_LENGTH.size, socket.CMSG_LEN(4 * fds.itemsize))
    for _level, kind, sent in ancillary:
        if kind == socket.SCM_RIGHTS:
            fds.frombytes(sent[: len(sent) - len(sent) % fds.itemsize])
    length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
    if not 0 < length <= _MAX_REQUEST:
        return None, list(fds)
    body = b""
    while len(body) < length:
        piece = handover.recv(length - len(body))
        if not piece:
            return None, list(fds)
        body += piece
    return json.loads(body), list(fds)


def _settle(request: dict[str, Any], fds: list[int], own: dict[str, str], guard: Any) -> None:
    """Take on environment, log, limits and folder of the notebook."""
    os.environ.clear()
    os.environ.update(request["env"])
    chosen = request["env"].get("MPLBACKEND")  # the one that ipykernel leaves as it finds it
    os.environ.update(own if chosen is None else {**own, "MPLBACKEND": chosen})
    if request.get("mark"):
        guard.show_mark(*request["mark"])
    for log in fds:
        _log_to(log)
    if request.get("no_new_privs"):
        guard.prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if request.get("oom_score_adj") is not None:
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as opened:
            opened.write(str(request["oom_score_adj"]))
    for name, (soft, hard) in request.get("rlimits", {}).items():
        resource.setrlimit(getattr(resource, name), (soft, hard))
    os.umask(request["umask"])
    os.chdir(request["cwd"])
    time.tzset()
    _reseed()
    _raise_threads(request.get("threads", 1))
    if "tempfile" in sys.modules:
        sys.modules["tempfile"].tempdir = None  # type: ignore[attr-defined]  # it remembers the zygote's


def _log_to(log: int) -> None:
    """Let what is written past Python's streams go to the attempt's log, as with an ordinary kernel."""
    for stream in (sys.stdout, sys.stderr):
        copy = getattr(stream, "_original_stdstream_copy", None)
        if isinstance(copy, int):
            os.dup2(log, copy)
    for stream in (sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            fd = stream.fileno()  # type: ignore[union-attr]
            if fd > 2:
                os.dup2(log, fd)
    os.close(log)


def _reseed() -> None:
    random.seed()
    processes = sys.modules.get("multiprocessing.process")
    if processes is not None:  # all forks would know the key of one another's connections
        processes.current_process().authkey = os.urandom(32)
    mtrand = sys.modules.get("numpy.random")
    if mtrand is not None:
        mtrand.seed()


def _raise_threads(threads: int) -> None:
    """BLAS was loaded with one thread, or the zygote could not be forked; a kernel may have its share."""
    if threads > 1 and "numpy" in sys.modules:
        with contextlib.suppress(ImportError, OSError, ValueError):
            import threadpoolctl  # type: ignore[import-untyped]

            threadpoolctl.threadpool_limits(threads)


def _leave(app: Any) -> None:
    """What the end of an interpreter does for its user, without what may hang in a fork."""
    atexit.unregister(app.close)  # zmq's Context.term can wait for ever
    # ipykernel 6 has no thread for the shell's channel.
    for thread in (app.control_thread, getattr(app, "shell_channel_thread", None)):
        # It flushes through a pipe that an exit handler is about to close, and zmq aborts on that.
        with contextlib.suppress(Exception):
            if thread is not None and thread.is_alive():
                thread.stop()
                thread.join(1.0)
    with contextlib.suppress(Exception):
        threading._shutdown()  # type: ignore[attr-defined]  # joins threads that are no daemons
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    own = {id(sys.stdout), id(sys.stderr), id(sys.__stdout__), id(sys.__stderr__), id(sys.__stdin__)}
    files = [one for one in gc.get_objects() if isinstance(one, io.IOBase) and id(one) not in own]
    # The outermost first: a text file or a gzip file writes into the buffer that it wraps.
    for one in sorted(files, key=_depth):
        with contextlib.suppress(Exception):
            if not one.closed and one.writable():
                one.flush()
                one.close()


def _depth(file: io.IOBase) -> int:
    if isinstance(file, io.RawIOBase):
        return 3
    is_plain_buffer = type(file) in (io.BufferedWriter, io.BufferedRandom)
    return 2 if is_plain_buffer else 0 if isinstance(file, io.TextIOBase) else 1


def mend_output_streams() -> None:
    """A lone surrogate fails in ipykernel's own thread, and the text is lost: replace it before."""
    from ipykernel.iostream import OutStream

    write = OutStream.write

    def write_valid(self: Any, string: str) -> Any:
        if isinstance(string, str) and not string.isascii():
            string = _SURROGATE.sub("\ufffd", string)
        return write(self, string)

    OutStream.write = write_valid  # type: ignore[method-assign]
    OutStream.flush_interval = _FLUSH_SECONDS
