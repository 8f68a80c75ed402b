"""The worker's side of forked kernels: one zygote per environment, replaced when its packages change.

Nothing here is ever waited for: an environment without a zygote starts its kernels the ordinary way.
"""

import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nightbook_executor import guard
from nightbook_executor.kernels import forked, zygote
from nightbook_executor.kernels.environments import Environment
from nightbook_executor.processes import Processes

#: What starts threads, holds a GPU or a connection: it does not survive a fork, whoever imports it.
UNWELCOME = ("cupy", "grpc", "jax", "polars", "pyspark", "ray", "tensorflow", "torch")
_NO_THREADS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
_LOOK_SECONDS = 5.0
_FINGERPRINT_SECONDS = 30.0
_READY_SECONDS = 60.0
_MAX_AGE_SECONDS = 6 * 3600.0
_FAILURES = 3
_OFF_SECONDS = 600.0
_DYING_SECONDS = 0.2
_IDLE_SECONDS = 900.0
_READY_AT_MOST = 2
_NOTE = "base"
_BACKLOG = 128
_log = logging.getLogger(__name__)


@dataclass
class _Zygote:
    environment: Environment
    fingerprint: str
    process: "subprocess.Popen[bytes]"
    lifeline: int
    state: Path
    kernels: Path
    started: float = field(default_factory=time.monotonic)
    looked: float = field(default_factory=time.monotonic)

    @property
    def is_ready(self) -> bool:
        return self.state.is_file()

    def is_worn(self) -> bool:
        """Whether another one should take its place."""
        now = time.monotonic()
        if now - self.started > _MAX_AGE_SECONDS:
            return True
        if now - self.looked < _FINGERPRINT_SECONDS:
            return False
        self.looked = now
        return self.environment.fingerprint != self.fingerprint


@dataclass
class _Trouble:
    failures: int = 0
    off_until: float = 0.0


class Zygotes:
    """The zygotes of one worker; `base` is where children find them, see forking.py."""

    def __init__(
        self,
        processes: Processes,
        env: Mapping[str, str],
        logs: Path,
        *,
        preload: Sequence[str] = (),
        look_seconds: float = _LOOK_SECONDS,
        off_seconds: float = _OFF_SECONDS,
        idle_seconds: float = _IDLE_SECONDS,
        ready_at_most: int = _READY_AT_MOST,
    ) -> None:
        self.base = _new_base(logs)
        self._processes = processes
        self._env = {**env, **_NO_THREADS}
        self._logs = logs
        self._preload = list(preload)
        self._look_seconds = look_seconds
        self._off_seconds = off_seconds
        self._idle_seconds = idle_seconds
        self._ready_at_most = ready_at_most
        self._living: dict[str, _Zygote] = {}
        self._leaving: list[_Zygote] = []
        self._troubles: dict[str, _Trouble] = {}
        self._count = 0
        self._renewal_asked = False
        self._lock = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._watch, name="zygotes", daemon=True).start()

    def want(self, environment: Environment) -> None:
        """Have a zygote for *environment*, now or soon; one that is out of date is replaced."""
        with self._lock:
            if self._closed.is_set():
                return
            key = environment.key
            if (living := self._living.get(key)) is not None:
                self._look(key, living)
            if (living := self._living.get(key)) is not None:
                if not living.is_ready or living.environment.fingerprint == living.fingerprint:
                    return
                self._retire(key)
            if time.monotonic() >= self._trouble_of(key).off_until:
                self._start(environment)

    def gave(self, environment: Environment) -> None:
        """A kernel was forked and is well, so earlier failures were not in a row."""
        with self._lock:
            self._trouble_of(environment.key).failures = 0

    def gave_none(self, environment: Environment, why: str) -> None:
        """A zygote was there, and no kernel came of it."""
        with self._lock:
            living = self._living.get(environment.key)
            if living is None or self._closed.is_set():
                return
            if self._has_died(living):
                self._look(environment.key, living)  # one death is one failure, however many saw it
            elif living.is_ready:
                self._failed(environment, why)

    def _has_died(self, living: _Zygote) -> bool:
        """A dying one refuses already, a little before it can be collected."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            living.process.wait(_DYING_SECONDS)
        return living.process.returncode is not None

    def ask_to_renew(self) -> None:
        """Replace all of them soon: files may have been edited in place, which no fingerprint shows.

        May be called by a signal's handler.
        """
        self._renewal_asked = True

    def close(self) -> None:
        """End all of them; kernels that still run end with the children that they belong to."""
        self._closed.set()
        with self._lock:
            every = [*self._living.values(), *self._leaving]
            for living in every:
                os.close(living.lifeline)
                if not living.is_ready:
                    living.process.kill()  # it has no kernels yet, and hears nobody while it imports
            for living in every:
                try:
                    living.process.wait(5.0)
                except subprocess.TimeoutExpired:
                    living.process.kill()
                self._processes.ended(living.process)
            self._living.clear()
            self._leaving.clear()
        shutil.rmtree(self.base, ignore_errors=True)

    # ------------------------------------------------------------ one zygote

    def _start(self, environment: Environment) -> None:
        place = self.base / environment.key
        place.mkdir(mode=0o700, exist_ok=True)
        for name in ("s", "state.json", "off"):
            (place / name).unlink(missing_ok=True)
        self._count += 1
        kernels = self.base / f"{self._count}"
        kernels.mkdir(mode=0o700)
        try:
            self._living[environment.key] = self._started(environment, place, kernels)
        except OSError as error:
            self._failed(environment, error.strerror or "it cannot be started")

    def _started(self, environment: Environment, place: Path, kernels: Path) -> _Zygote:
        fingerprint = environment.fingerprint
        read, write = os.pipe()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(place / "s"))
            listener.listen(_BACKLOG)
            options = zygote.Options(
                listener=listener.fileno(),
                lifeline=read,
                folder=str(kernels),
                state=str(place / "state.json"),
                guard=guard.__file__,
                kernel=forked.__file__,
                fingerprint=fingerprint,
                preload=self._preload,
                left_out={},
                unwelcome=list(UNWELCOME),
                idle_seconds=self._idle_seconds,
                ready_at_most=self._ready_at_most,
            )
            argv = [
                environment.python,
                *environment.options,
                zygote.__file__,
                json.dumps(options._asdict()),
            ]
            try:
                with self._log_of(environment).open("wb") as log:
                    process = self._processes.start(
                        argv,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        cwd=kernels,
                        env=self._env,
                        pass_fds=[listener.fileno(), read],
                        start_new_session=True,
                    )
            except OSError:
                os.close(write)
                raise
            finally:
                os.close(read)
        return _Zygote(environment, fingerprint, process, write, place / "state.json", kernels)

    def _log_of(self, environment: Environment) -> Path:
        return self._logs / f"zygote-{environment.key}.log"

    def _retire(self, key: str) -> None:
        """Let it serve nobody any more; it leaves when its last kernel has."""
        living = self._living.pop(key)
        (self.base / key / "state.json").unlink(missing_ok=True)
        living.process.terminate()
        self._leaving.append(living)

    def _failed(self, environment: Environment, why: str) -> None:
        """Three failures without a kernel between them, and forking is off for a while."""
        trouble = self._trouble_of(environment.key)
        trouble.failures += 1
        _log.warning("zygote.failed python=%s why=%s", environment.python, why)
        if trouble.failures < _FAILURES:
            return
        trouble.failures, trouble.off_until = 0, time.monotonic() + self._off_seconds
        text = f"forking is off for a while, since the zygote failed {_FAILURES} times: {why}"
        (self.base / environment.key / "off").write_text(text, encoding="utf-8")
        if environment.key in self._living:
            self._retire(environment.key)

    def _trouble_of(self, key: str) -> _Trouble:
        return self._troubles.setdefault(key, _Trouble())

    # ------------------------------------------------------------ all of them

    def _watch(self) -> None:
        while not self._closed.wait(self._look_seconds):
            with self._lock:
                if self._closed.is_set():
                    return
                for key, living in list(self._living.items()):
                    self._look(key, living)
                self._renew_if_asked()
                self._end_offs()
                for gone in [one for one in self._leaving if one.process.poll() is not None]:
                    self._leaving.remove(gone)
                    os.close(gone.lifeline)
                    self._processes.ended(gone.process)
                    shutil.rmtree(gone.kernels, ignore_errors=True)

    def _renew_if_asked(self) -> None:
        if self._renewal_asked:
            self._renewal_asked = False
            for key, living in list(self._living.items()):
                self._retire(key)
                self._start(living.environment)

    def _end_offs(self) -> None:
        """Whoever wants a kernel of that environment next has its zygote started again."""
        for key, trouble in self._troubles.items():
            if 0.0 < trouble.off_until <= time.monotonic():
                trouble.off_until = 0.0
                (self.base / key / "off").unlink(missing_ok=True)

    def _look(self, key: str, living: _Zygote) -> None:
        code = living.process.poll()
        if not living.is_ready and code is None and time.monotonic() - living.started > _READY_SECONDS:
            living.process.kill()
            code = living.process.wait()
        if code is not None:
            del self._living[key]
            os.close(living.lifeline)
            self._processes.ended(living.process)
            # The folders of its kernels are left: some of them may still be running.
            self._failed(living.environment, self._why_ended(living.environment, code))
            if time.monotonic() >= self._trouble_of(key).off_until:
                self._start(living.environment)
        elif living.is_ready and living.is_worn():
            self._retire(key)
            self._start(living.environment)

    def _why_ended(self, environment: Environment, code: int) -> str:
        if code < 0:
            return f"it ended with {signal.Signals(-code).name}"
        return self._last_line(environment) or f"it ended with {code}"

    def _last_line(self, environment: Environment) -> str:
        try:
            lines = (
                self._log_of(environment).read_text(encoding="utf-8", errors="replace").strip().splitlines()
            )
        except OSError:
            return ""
        return lines[-1][:300] if lines else ""


def _new_base(home: Path) -> Path:
    """A short folder of our own. *home* remembers it, so that a successor removes that of a killed worker."""
    note = home / _NOTE
    with contextlib.suppress(OSError):
        shutil.rmtree(note.read_text(encoding="utf-8"), ignore_errors=True)
    base = Path(tempfile.mkdtemp(prefix="nb-z"))
    note.write_text(str(base), encoding="utf-8")
    return base


def last_base(home: Path) -> Path | None:
    """Where the zygotes of the worker with this *home* are, or were."""
    try:
        return Path((home / _NOTE).read_text(encoding="utf-8"))
    except OSError:
        return None
