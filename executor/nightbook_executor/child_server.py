"""The child server: `python -P -m nightbook_executor.child_server SOCKET LEVEL`, started by the worker.

It has imported all that a child needs, and forks one, under a guard, for each request that the socket
brings: an order's file, an environment, limits, and four open files. It waits for nobody else, has one
thread and no secret, and ends with its socket. The guards that it has forked go on without it.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, NoReturn

from nightbook_executor import child, guard, sandbox
from nightbook_executor.children import MAX_REQUEST, READY
from nightbook_executor.order import Caps, Order
from nightbook_executor.parts import versions

_REHEARSAL_SECONDS = 60.0
_NEEDED = (
    "papermill",
    "nbformat.v4",
    "nbclient",
    "jupyter_client.kernelspec",
    "ipykernel.kernelspec",
    "nightbook_executor.engine",
    "nightbook_executor.runner",
    "nightbook_executor.statuses",
    "nightbook_executor.kernels.provisioner",
)
_REHEARSED = "print('x'); {'a': [1]}"


class ThreadsError(Exception):
    """Something that was imported has started a thread; no fork of this process would be safe."""


class Request(NamedTuple):
    """One child: what the worker wrote, and the numbers of the files that came along."""

    order: Path
    environment: dict[str, str]
    limits: guard.Limits
    link: int
    control: int
    log: int
    journal: int

    @classmethod
    def read(cls, message: bytes, fds: list[int]) -> "Request":
        """Raises ValueError, KeyError or TypeError where it is none."""
        fields = json.loads(message)
        link, control, log, journal = fds
        limits = guard.Limits(**fields["limits"])
        return cls(Path(fields["order"]), dict(fields["environment"]), limits, link, control, log, journal)


def main(arguments: list[str]) -> int:
    requests = socket.socket(fileno=int(arguments[0]))
    requests.set_inheritable(False)
    if arguments[1] != "none":
        sandbox.hide()
    guard.name_process("nb-children")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for guards: they tell the worker themselves
    _make_ready()
    requests.send(READY)
    Server(requests, _Rehearsal()).serve()
    return 0


def _make_ready() -> None:
    """Do before the forks what every child would have to do after them."""
    child.block_unwanted()
    for name in _NEEDED:
        importlib.import_module(name)
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.provisioning.factory import KernelProvisionerFactory

    # Its schema is compiled at first use, which costs more than all the rest of a child's start.
    nbformat.validate(nbformat.v4.new_notebook())  # type: ignore[no-untyped-call]
    KernelSpecManager().get_all_specs()
    KernelProvisionerFactory.instance()
    versions()  # kept from here on
    _settle()


def _settle() -> None:
    """Nothing that is here now is looked at by the collector again: that would unshare its pages."""
    if len(os.listdir("/proc/self/task")) != 1:  # noqa: PTH208
        raise ThreadsError("what the child server imports has started a thread")
    gc.collect()
    gc.freeze()
    gc.disable()


class Server:
    """Its loop: requests, and once the word of the rehearsal."""

    def __init__(self, requests: socket.socket, rehearsal: "_Rehearsal") -> None:
        self._requests = requests
        self._rehearsal = rehearsal

    def serve(self) -> None:
        poll = select.poll()
        poll.register(self._requests, select.POLLIN)
        poll.register(self._rehearsal.told, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll()}
            if self._requests.fileno() in ready and not self._take():
                self._rehearsal.close()
                return
            if self._rehearsal.told in ready and self._rehearsal.hear():
                poll.unregister(self._rehearsal.told)
                self._rehearsal.close()

    def _take(self) -> bool:
        """Serve one request; False at the end of the socket."""
        message, fds, _, _ = socket.recv_fds(self._requests, MAX_REQUEST, 8)
        if not message:
            return False
        try:
            request = Request.read(message, fds)
            _fork(request, lambda: _become_child(request))
        except (ValueError, KeyError, TypeError, OSError) as error:
            sys.stderr.write(f"child_server: a request is refused ({error!r})\n")
        finally:
            for fd in fds:
                os.close(fd)
        return True


def _fork(request: Request, start: Callable[[], object]) -> None:
    """Fork the guard of a child. Raises OSError."""
    if os.fork() == 0:
        try:
            guard.show_mark(sandbox.MARK, request.environment.get(sandbox.MARK, ""))
            guard.guard(start, socket.socket(fileno=request.link), request.limits)
        finally:
            os._exit(1)


def _become_child(request: Request, *kept: int) -> None:
    """From here on this process is what `python -m nightbook_executor.child` would be."""
    os.dup2(request.log, 1)
    os.dup2(request.log, 2)
    guard.close_all_but([1, 2, request.control, request.journal, *kept])
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    tempfile.tempdir = None
    os.chdir(request.order.parent)
    gc.enable()
    child.run(Order.read(request.order), request.control, request.journal)


class _Rehearsal:
    """One notebook, run by a child of its own, that tells which modules it had to import besides."""

    def __init__(self) -> None:
        self.told, tells = os.pipe()
        self._heard = b""
        self._folder = Path(tempfile.mkdtemp(prefix="nb-r"))
        self._link, theirs = socket.socketpair()  # its end, by our `close`, is the end of the rehearsal
        control, worker = socket.socketpair()
        worker.sendall(b'{"k": "begin"}\n')
        order = self._order()
        log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        journal = os.open(order.journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        environment = {**os.environ, "HOME": str(order.home), "TMPDIR": str(order.temporary)}
        limits = guard.Limits(seconds=_REHEARSAL_SECONDS)
        request = Request(order.file, environment, limits, theirs.detach(), control.detach(), log, journal)
        self._worker = worker
        _fork(request, lambda: _rehearse(request, tells))
        for fd in (request.link, request.control, log, journal, tells):
            os.close(fd)

    def _order(self) -> Order:
        order = Order(
            run_id="rehearsal",
            attempt_id="0",
            attempt=1,
            fence=1,
            path="rehearsal.ipynb",
            sha256="",
            parameters={"x": 1},
            kernel=_python_kernel(),
            timeout_seconds=_REHEARSAL_SECONDS,
            cell_timeout_seconds=None,
            start_timeout_seconds=_REHEARSAL_SECONDS,
            silence_seconds=_REHEARSAL_SECONDS,
            sandbox="none",
            parent=os.getpid(),
            folder=self._folder,
            short=self._folder,
            caps=Caps(),
        )
        for folder in (order.work, order.home, order.made, order.temporary, order.sockets):
            folder.mkdir(parents=True, mode=0o700)
        cell: dict[str, object] = {
            "cell_type": "code",
            "source": _REHEARSED,
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
        order.source.write_text(json.dumps({"content": content}), encoding="utf-8")
        order.write()
        return order

    def hear(self) -> bool:
        """Take a piece of what it tells; at its end, import all of that. Return whether it was the end."""
        piece = os.read(self.told, 1 << 20)
        self._heard += piece
        if piece:
            return False
        for name in self._heard.decode().split():
            if name not in sys.modules:
                with contextlib.suppress(Exception):
                    importlib.import_module(name)
        _settle()
        return True

    def close(self) -> None:
        self._link.close()
        self._worker.close()
        with contextlib.suppress(OSError):
            os.close(self.told)
        shutil.rmtree(self._folder, ignore_errors=True)


def _python_kernel() -> str | None:
    from jupyter_client.kernelspec import KernelSpecManager

    specs = sorted(KernelSpecManager().get_all_specs().items())
    return next((name for name, found in specs if found["spec"].get("language") == "python"), None)


def _rehearse(request: Request, tells: int) -> NoReturn:
    before = set(sys.modules)
    with contextlib.suppress(Exception):
        _become_child(request, tells)
    found = sorted(name for name, module in sys.modules.items() if name not in before and module is not None)
    os.write(tells, "\n".join(found).encode())
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
