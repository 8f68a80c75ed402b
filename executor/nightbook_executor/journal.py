"""The append-only record of an attempt, as the child writes it: one JSON line a fact, never rewritten.

One thread does all the writing, so that the loop that reads the kernel never waits for the disk.
A failed write is final: it is told once and never tried again on the same file.
"""

import datetime
import json
import math
import os
import queue
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightbook.core.journal import LONGEST

_BATCH_SECONDS = 0.02
_BATCH_BYTES = 64 * 1024
_SYNC_SECONDS = 1.0
_OVERHEAD = 24  # a line's number and its end
_SURROGATE = re.compile("[\ud800-\udfff]")

Record = dict[str, Any]


class TooLongError(ValueError):
    """A record whose line would be longer than any may be. Nothing was appended."""


def opened(path: Path) -> int:
    """Make an attempt's journal. What is given on can be appended to and nothing else. Raises OSError."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL | os.O_CLOEXEC, 0o600)


class Journal:
    """Append records to an open file; None keeps nothing, for a run outside Nightbook."""

    def __init__(self, fd: int | None, on_failure: Callable[[OSError], None] = lambda _error: None) -> None:
        self._fd = fd
        self._on_failure = on_failure
        self._start = time.monotonic()
        self._queue: queue.SimpleQueue[_Line | threading.Event] = queue.SimpleQueue()
        self._next = 0
        self._dirty_since: float | None = None
        self.failure: OSError | None = None
        #: Bytes appended so far, whether or not they are on the disk.
        self.size = 0
        if fd is not None:
            threading.Thread(target=self._write_all, name="journal", daemon=True).start()

    @property
    def is_written(self) -> bool:
        return self._fd is not None

    @property
    def elapsed_ms(self) -> int:
        return int((time.monotonic() - self._start) * 1000)

    def begin(self, **fields: Any) -> Record:
        """Append the first record: from here the clock runs, and `at` is this moment on the wall."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        self._start = time.monotonic()
        return self.append("begin", at=now.replace("+00:00", "Z"), **fields)

    def append(self, kind: str, **fields: Any) -> Record:
        """Add one record and return it as it will be written, all but its number.

        It is made into bytes here, so that what waits for the disk takes no more than it will take there.
        Raises TooLongError.
        """
        record = {"t": self.elapsed_ms, "k": kind, **fields}
        if self._fd is not None:
            line = _Line.of(record)
            if line.size > LONGEST:
                raise TooLongError(f"a record of {line.size:,} bytes")
            self.size += line.size
            self._queue.put(line)
        return record

    def sync(self) -> None:
        """Wait until everything appended so far is on the disk."""
        if self._fd is None or self.failure:
            return
        done = threading.Event()
        self._queue.put(done)
        done.wait()

    def _write_all(self) -> None:
        while True:
            batch = self._batch()
            lines = [item for item in batch if isinstance(item, _Line)]
            waiting = [item for item in batch if isinstance(item, threading.Event)]
            if not self.failure:
                try:
                    self._write(lines, sync=bool(waiting))
                except OSError as error:
                    self.failure = error
                    self._on_failure(error)
            for done in waiting:
                done.set()

    def _batch(self) -> "list[_Line | threading.Event]":
        """Everything of the next 20 ms, or 64 KiB, or up to somebody who waits."""
        batch: list[_Line | threading.Event] = []
        size, until = 0, math.inf
        while size < _BATCH_BYTES:
            try:
                item = self._queue.get(timeout=self._patience(until))
            except queue.Empty:
                break
            batch.append(item)
            if isinstance(item, threading.Event):
                break
            until = min(until, time.monotonic() + _BATCH_SECONDS)
            size += len(item.body)
        return batch

    def _patience(self, until: float) -> float | None:
        if until < math.inf:
            return max(0.0, until - time.monotonic())
        return _SYNC_SECONDS if self._dirty_since is not None else None

    def _write(self, lines: "list[_Line]", *, sync: bool) -> None:
        view = memoryview(b"".join(self._numbered(line) for line in _joined(lines)))
        is_new = bool(view)
        while view:
            view = view[os.write(self._fd or 0, view) :]
        now = time.monotonic()
        if is_new and self._dirty_since is None:
            self._dirty_since = now
        if self._dirty_since is not None and (sync or now - self._dirty_since >= _SYNC_SECONDS):
            os.fdatasync(self._fd or 0)
            self._dirty_since = None

    def _numbered(self, line: "_Line") -> bytes:
        number = self._next
        self._next += 1
        return b'{"n":%d,%b%b%b' % (number, line.head, line.body, line.tail)


@dataclass
class _Line:
    """A record's line without its number; `stream` names the cell and stream of one that can be joined."""

    head: bytes
    body: bytes = b""
    tail: bytes = b"\n"
    stream: tuple[int, str] | None = None

    @property
    def size(self) -> int:
        return len(self.head) + len(self.body) + _OVERHEAD

    @classmethod
    def of(cls, record: Record) -> "_Line":
        if record["k"] != "text":
            return cls(encoded(record)[1:])
        rest = {name: value for name, value in record.items() if name != "s"}
        head = encoded(rest)[1:-1] + b',"s":"'
        return cls(head, encoded(record["s"])[1:-1], b'"}\n', (record["i"], record["name"]))


def _joined(lines: list[_Line]) -> list[_Line]:
    """Join neighbouring pieces of one stream of one cell."""
    joined: list[_Line] = []
    pieces: list[bytes] = []
    for line in lines:
        if joined and line.stream is not None and joined[-1].stream == line.stream:
            pieces.append(line.body)
            continue
        if pieces:
            joined[-1].body += b"".join(pieces)
            pieces = []
        joined.append(line)
    if pieces:
        joined[-1].body += b"".join(pieces)
    return joined


def encoded(value: Any) -> bytes:
    """Valid UTF-8 JSON in one line: lone surrogates become U+FFFD, numbers that are not finite null."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:  # UnicodeEncodeError is one too
        clean = _scrubbed(value)
        return json.dumps(clean, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {_scrubbed(key): _scrubbed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(item) for item in value]
    return value
