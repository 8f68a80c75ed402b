"""The journal on its way to the server: whole lines, in their order, from the file and not from memory.

An outage of the server costs disk, neither memory nor the run. The first accepted bytes are the begin
gate's answer.
"""

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nightbook_executor.api import Api, AwayError, RefusedError

_PAUSE_SECONDS = 0.02
_AWAY_SECONDS = 1.0
_MAX_BYTES = 1024 * 1024
#: What is left at the end goes along with `finish`, if it is this small.
_TAIL_BYTES = 48 * 1024
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sent:
    """What the server has of a journal that has ended, or will have with its tail."""

    is_whole: bool
    offset: int = 0
    tail: bytes = b""

    @property
    def size(self) -> int:
        """Bytes of the journal up to the end of its last whole line."""
        return self.offset + len(self.tail)


class JournalUpload:
    """Sends a growing journal until it is told that it has ended."""

    def __init__(
        self,
        api: Api,
        attempt_id: uuid.UUID,
        fence: int,
        path: Path,
        *,
        on_begun: Callable[[], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._api = api
        self._attempt_id = attempt_id
        self._fence = fence
        self._path = path
        self._on_begun = on_begun
        self._on_lost = on_lost
        self._offset = 0
        self._begun = False
        self._ended = threading.Event()
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-upload", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def finish(self, seconds: float) -> Sent:
        """Send the rest, but for a small tail that may go along with what is sent next."""
        self._ended.set()
        self._thread.join(seconds)
        self._abandoned.set()
        if self._thread.is_alive() or not self._is_nearly_sent():
            return Sent(is_whole=False)
        tail = lines_from(self._path, self._offset) if self._size() > self._offset else b""
        return Sent(is_whole=True, offset=self._offset, tail=tail)

    def abandon(self) -> None:
        self._abandoned.set()
        self._ended.set()

    def _run(self) -> None:
        while not self._abandoned.is_set():
            ended = self._ended.is_set()
            if ended and self._is_nearly_sent():
                return
            try:
                sent = self._send_next()
            except AwayError as error:
                _log.warning("journal.waits attempt_id=%s why=%s", self._attempt_id, error)
                self._abandoned.wait(_AWAY_SECONDS)
                continue
            except RefusedError as error:
                if error.wanted_offset is None:
                    self._on_lost(f"the server refused the journal ({error.code})")
                    return
                self._offset = error.wanted_offset
                continue
            if not sent:
                if ended:
                    return
                self._ended.wait(_PAUSE_SECONDS)

    def _is_nearly_sent(self) -> bool:
        return self._size() - self._offset <= _TAIL_BYTES

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def _send_next(self) -> bool:
        lines = lines_from(self._path, self._offset) if self._size() > self._offset else b""
        if not lines:
            return False
        self._offset = self._api.put_journal(self._attempt_id, self._fence, self._offset, lines)
        if not self._begun:
            self._begun = True
            self._on_begun()
        return True


def lines_from(path: Path, offset: int) -> bytes:
    """Up to 1 MiB of whole lines, or one line that is longer; nothing where no whole line follows."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as opened:
        opened.seek(offset)
        piece = opened.read(_MAX_BYTES)
        if b"\n" not in piece:
            piece += opened.readline()
    return piece[: piece.rfind(b"\n") + 1]


def persistently(act: Callable[[], object], *, seconds: float, may_go_on: Callable[[], bool]) -> bool:
    """Do *act* until it is answered, at most *seconds* long. Raises RefusedError; False means given up."""
    until, pause = time.monotonic() + seconds, 0.5
    while may_go_on():
        try:
            act()
        except AwayError as error:
            if time.monotonic() + pause > until:
                return False
            _log.warning("server.away why=%s", error)
            time.sleep(pause)
            pause = min(pause * 2, 10.0)
        else:
            return True
    return False
