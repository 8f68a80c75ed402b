"""What a child knows of the zygotes of its host: where they listen, and how to get a kernel from one.

    <base>/<key of the environment>/s            the zygote's socket
    <base>/<key of the environment>/state.json   what it has imported; there when it is ready
    <base>/<key of the environment>/off          why this environment is not forked, in words

Whatever is not as it should be is a reason to start a kernel the ordinary way, never to fail a run.
"""

import array
import json
import os
import resource
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nightbook_executor.kernels import environments
from nightbook_executor.kernels.environments import Environment

_SECONDS = 5.0
_LENGTH = struct.Struct("!Q")
_RLIMITS = ("NOFILE", "NPROC", "FSIZE", "CORE", "AS", "CPU", "STACK", "MEMLOCK", "DATA")
_NO_NEW_PRIVS = b"NoNewPrivs:\t1"


class NotForkedError(Exception):
    """No kernel comes from a zygote now; the message is the reason that the run shows."""


@dataclass(frozen=True)
class Forking:
    """The zygotes of this host.

    `missing` is told of an environment that has none (yet), `failed` of a zygote that gave no kernel and
    why, `given` of one that did, with the process id of the kernel's guard.
    """

    base: Path | None
    off: str | None = None  # why no kernel is forked here
    threads: int = 1
    memory_bytes: int | None = None
    cgroup: Path | None = None
    mark: tuple[str, str] | None = None  # name and value that a successor finds leftovers by
    missing: Callable[[Environment], None] = field(default=lambda _environment: None)
    failed: Callable[[Environment, str], None] = field(default=lambda _environment, _why: None)
    given: Callable[[Environment, int], None] = field(default=lambda _environment, _guard: None)

    def kernel(
        self, argv: list[str], env: Mapping[str, str], cwd: str, log: int | None, *, language: str = "python"
    ) -> "Forked":
        """A kernel as *argv* would start it, ready to be connected to. Raises NotForkedError."""
        if self.off is not None:
            raise NotForkedError(self.off)
        found = environments.environment_of(argv, language)
        if isinstance(found, str):
            raise NotForkedError(found)
        if self.base is None:
            raise NotForkedError("forking is not in use here")
        place = self.base / found.key
        state = self._state(found, place)
        late = environments.changed_too_late(_without_ours(env), _without_ours(os.environ))
        if late:
            raise NotForkedError(late)
        if state.get("fingerprint") != found.fingerprint:
            self.missing(found)
            raise NotForkedError("packages of the environment have just changed")
        try:
            forked = self._asked(place / "s", env, cwd, log, state["fingerprint"])
        except (OSError, ValueError, KeyError, EOFError) as error:
            why = f"the zygote did not give one ({str(error) or type(error).__name__})"
            self.failed(found, why)
            raise NotForkedError(why) from error
        self.given(found, forked.guard)
        return forked

    def _state(self, environment: Environment, place: Path) -> dict[str, Any]:
        try:
            raise NotForkedError((place / "off").read_text(encoding="utf-8").strip())
        except OSError:
            pass
        try:
            state = json.loads((place / "state.json").read_bytes())
        except (OSError, ValueError) as error:
            self.missing(environment)
            raise NotForkedError("no zygote of this environment is ready yet") from error
        return state if isinstance(state, dict) else {}

    def _asked(
        self, path: Path, env: Mapping[str, str], cwd: str, log: int | None, fingerprint: str
    ) -> "Forked":
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as zygote:
            zygote.settimeout(_SECONDS)
            zygote.connect(str(path))
            told, fds = _received(zygote)
        link, handover = (socket.socket(fileno=fd) for fd in fds)
        with handover:
            try:
                if self.memory_bytes is not None or self.cgroup is not None:
                    cgroup = str(self.cgroup) if self.cgroup is not None else None
                    link.sendall(_line({"k": "limits", "memory_bytes": self.memory_bytes, "cgroup": cgroup}))
                handover.settimeout(_SECONDS)
                _send(handover, self._request(env, cwd), log)
                answer = json.loads(handover.recv(4096) or b"{}")
                if answer.get("k") != "ready":
                    raise ValueError(answer.get("why", "it ended"))
            except BaseException:
                link.close()
                raise
        return Forked(told["how"], fingerprint, told["connection"], link, told["guard"])

    def _request(self, env: Mapping[str, str], cwd: str) -> dict[str, Any]:
        """What a kernel that we start ourselves would inherit from us."""
        limits = {f"RLIMIT_{name}": _limit(name) for name in _RLIMITS if hasattr(resource, f"RLIMIT_{name}")}
        umask = os.umask(0o077)
        os.umask(umask)
        return {
            "env": dict(env),
            "cwd": cwd,
            "umask": umask,
            "rlimits": limits,
            "threads": self.threads,
            "mark": self.mark,
            "no_new_privs": _NO_NEW_PRIVS in Path("/proc/self/status").read_bytes(),
            "oom_score_adj": int(Path("/proc/self/oom_score_adj").read_bytes()),
        }


@dataclass(frozen=True)
class Forked:
    """A kernel from a zygote: `how` is `pool` or `forked`; the end of `link` is the kernel's end."""

    how: str
    fingerprint: str
    connection: dict[str, Any]
    link: socket.socket
    guard: int


def _without_ours(env: Mapping[str, str]) -> dict[str, str]:
    """The thread counts are made good after the fork."""
    counts = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {name: value for name, value in env.items() if name not in counts}


def _limit(name: str) -> tuple[int, int]:
    return resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))


def _received(zygote: socket.socket) -> tuple[dict[str, Any], list[int]]:
    told, fds, _, _ = socket.recv_fds(zygote, 65536, 2)
    if not told or len(fds) != 2:
        for fd in fds:
            os.close(fd)
        raise EOFError
    return json.loads(told), fds


def _send(handover: socket.socket, request: dict[str, Any], log: int | None) -> None:
    body = json.dumps(request).encode()
    fds = array.array("i", [] if log is None else [log])
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)] if fds else []
    handover.sendmsg([_LENGTH.pack(len(body))], ancillary)
    handover.sendall(body)


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"
