"""Leftovers: what is on this disk of attempts whose end the server has not answered.

A killed worker leaves the journals of its attempts behind; so does one whose server was away too long. The
missing tail of each is sent as evidence, which completes the executed copy and moves no state, and then
the folder is removed. Whatever the server does not want, and whatever is older than a day, is removed too.
"""

import json
import logging
import shutil
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from nightbook_executor import places, sandbox
from nightbook_executor.api import Api, AwayError, RefusedError
from nightbook_executor.upload import lines_from

#: The server takes evidence for a day after its verdict, which comes later than the last record.
KEPT_SECONDS = 25 * 3600.0
JOURNAL, OWNER = "journal.jsonl", "owner.json"
_PAUSE_SECONDS, _LONGEST_PAUSE = 2.0, 60.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Owner:
    """The note in an attempt's folder: whose it is, and which process to end."""

    attempt: uuid.UUID
    fence: int
    pid: int | None = None
    started: float | None = None

    def write(self, folder: Path) -> None:
        facts = {
            "attempt": str(self.attempt),
            "fence": self.fence,
            "pid": self.pid,
            "started": self.started,
        }
        (folder / OWNER).write_text(json.dumps(facts), encoding="utf-8")

    @classmethod
    def of(cls, folder: Path) -> "Owner | None":
        try:
            facts = json.loads((folder / OWNER).read_text(encoding="utf-8"))
            return cls(
                uuid.UUID(facts["attempt"]), int(facts["fence"]), facts.get("pid"), facts.get("started")
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None


def end_predecessor(state: Path) -> int:
    """Kill and remove all that a predecessor in *state* left but its journals. Return how many attempts."""
    found = sorted((state / "attempts").glob("*"))
    for folder in found:
        owner = Owner.of(folder)
        if owner is not None:
            _kill(owner)
        strip(folder)
    places.sweep(state)
    return len(found)


def _kill(owner: Owner) -> None:
    # A pid alone may have been given to a stranger meanwhile.
    pid, started = owner.pid, owner.started
    if isinstance(pid, int) and started is not None and sandbox.started_at(pid) == started:
        sandbox.kill_tree(pid)
    sandbox.kill_marked(str(owner.attempt))


def strip(folder: Path) -> None:
    """Remove what is no evidence; the folder itself where nothing is left that is."""
    journal = folder / JOURNAL
    if journal.is_symlink() or not journal.is_file() or Owner.of(folder) is None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for entry in folder.iterdir():
        if entry.name in (JOURNAL, OWNER):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


class Leftovers:
    """Sends the tails of dead attempts, one after the other, as often as it takes."""

    def __init__(self, api: Api, worker_id: uuid.UUID, state: Path) -> None:
        self._api = api
        self._worker_id = worker_id
        self._waiting = sorted((state / "attempts").glob("*"))
        self._changed = threading.Condition()
        self._closed = False

    def start(self) -> None:
        threading.Thread(target=self._run, name="leftovers", daemon=True).start()

    def add(self, folder: Path) -> None:
        """Take over the folder of an attempt that is over here; none of its processes lives."""
        strip(folder)
        with self._changed:
            self._waiting.append(folder)
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        pause = _PAUSE_SECONDS
        while (folder := self._next()) is not None:
            try:
                self._send(folder)
            except AwayError as error:
                _log.warning("evidence.waits why=%s", error)
                with self._changed:
                    self._waiting.append(folder)
                    self._changed.wait_for(lambda: self._closed, pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            except OSError as error:
                _log.warning("evidence.unreadable folder=%s why=%s", folder.name, error)
                shutil.rmtree(folder, ignore_errors=True)
            else:
                pause = _PAUSE_SECONDS
                shutil.rmtree(folder, ignore_errors=True)

    def _next(self) -> Path | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting)
            return None if self._closed else self._waiting.pop(0)

    def _send(self, folder: Path) -> None:
        """Send what is missing. Raises AwayError; what is refused or too old is not sent."""
        owner, journal = Owner.of(folder), folder / JOURNAL
        if owner is None or not journal.is_file():
            return
        facts = journal.lstat()
        if time.time() - facts.st_mtime > KEPT_SECONDS:
            _log.warning("evidence.too_old attempt_id=%s", owner.attempt)
            return
        try:
            sent = self._send_from(owner, journal, facts.st_size)
        except RefusedError as error:
            _log.info("evidence.not_wanted attempt_id=%s code=%s", owner.attempt, error.code)
            return
        if sent:
            _log.info("evidence.sent attempt_id=%s fence=%d bytes=%d", owner.attempt, owner.fence, sent)

    def _send_from(self, owner: Owner, journal: Path, size: int) -> int:
        """Ask where the server's journal ends, and send what follows. Return how many bytes."""
        offset = self._put(owner, size, b"")
        sent = 0
        while lines := lines_from(journal, offset):
            offset = self._put(owner, offset, lines)
            sent += len(lines)
        return sent

    def _put(self, owner: Owner, offset: int, lines: bytes) -> int:
        try:
            return self._api.put_evidence(owner.attempt, owner.fence, self._worker_id, offset, lines)
        except RefusedError as error:
            if error.wanted_offset is None or lines:
                raise
            return error.wanted_offset
