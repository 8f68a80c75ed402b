"""The processes that are up: started, watched, started again with a growing pause, ended in their order."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

from nightbook.supervisor.processes import Identity, Records, end
from nightbook.supervisor.services import Service

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
#: One that ran for so long has recovered, and its next crash counts as the first.
_STEADY_SECONDS: Final = 60.0


class Child:
    """One service and the process that is it at present."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.crashes = 0
        self.identity: Identity | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._due_at = 0.0

    def start(self) -> None:
        if self.identity is not None:
            # Of a crashed one something may be left, as Valkey is where only its keeper was killed.
            end([self.identity], grace=0)
        with self.service.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.service.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.service.folder,
                env=dict(self.service.environment),
                start_new_session=True,
                umask=self.service.umask,
            )
        self._started_at = time.monotonic()
        self.identity = Identity.of(self._process.pid) or self.identity

    def exit_code(self) -> int | None:
        """How it ended; None while it is running."""
        return self._process.poll() if self._process else None

    def note_crash(self) -> float:
        """Decide when to start it again. Return the pause in seconds."""
        steady = time.monotonic() - self._started_at > _STEADY_SECONDS
        self.crashes = 1 if steady else self.crashes + 1
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self.crashes - 1, 10))
        self._process, self._due_at = None, time.monotonic() + pause
        return pause

    def is_due(self) -> bool:
        return self._process is None and time.monotonic() >= self._due_at

    def last_words(self) -> str:
        """The last line of its log that says something."""
        try:
            with self.service.log.open("rb") as log:
                log.seek(max(0, self.service.log.stat().st_size - 8192))
                lines = log.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


class Children:
    """All of them, on record."""

    def __init__(self, services: Sequence[Service], records: Records, say: Callable[[str], None]) -> None:
        self._children = {service.name: Child(service) for service in services}
        self._records = records
        self._say = say
        self._undertaker: subprocess.Popen[bytes] | None = None

    def __getitem__(self, name: str) -> Child:
        return self._children[name]

    def start(self, name: str) -> None:
        self._children[name].start()
        self._record()

    def watch(self) -> None:
        """Start again whatever has crashed and whose pause is over."""
        self._keep_undertaker()
        for name, child in self._children.items():
            code = child.exit_code()
            if code is not None:
                pause = child.note_crash()
                self._say(
                    f"{name} ended ({_ending(code)}) and starts again in {pause:g} s; see {child.service.log}"
                )
            elif child.is_due() and child.crashes:
                self.start(name)

    def _keep_undertaker(self) -> None:
        if self._undertaker is None or self._undertaker.poll() is not None:
            self._undertaker = subprocess.Popen(
                [sys.executable, "-m", "nightbook.supervisor.undertaker", str(self._records.file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def stop(self, *groups: Sequence[str], hurry: Callable[[], bool]) -> None:
        """End them, group after group; those of one group at the same time."""
        for names in groups:
            members = [self._children[name] for name in names if name in self._children]
            grace = max((child.service.grace_seconds for child in members), default=0.0)
            end([m.identity for m in members if m.identity], grace=grace, hurry=hurry, reap=self._reap)
        self._records.write({})
        self._dismiss_undertaker()

    def _reap(self) -> None:
        for child in self._children.values():
            child.exit_code()

    def _dismiss_undertaker(self) -> None:
        if self._undertaker is None or self._undertaker.stdin is None:
            return
        try:
            self._undertaker.stdin.write(b".")
            self._undertaker.stdin.close()
        except BrokenPipeError:
            pass
        self._undertaker.wait(timeout=10)

    def _record(self) -> None:
        self._records.write(
            {name: c.identity for name, c in self._children.items() if c.identity is not None}
        )


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
