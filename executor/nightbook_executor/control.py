"""The control pipe between worker and child: JSON lines of at most 64 KiB, both ways, on one socket pair.

With the journal it is the child's only way out. Its end-of-file is the life-line: the other side is gone.
"""

import contextlib
import json
import select
import socket
import threading
from collections.abc import Iterator
from typing import Any

MAX_LINE = 64 * 1024

Message = dict[str, Any]


class Channel:
    """One end of the pipe. `send` may be called from any thread, `receive` from one."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._lock = threading.Lock()
        self._buffer = b""

    @classmethod
    def pair(cls) -> "tuple[Channel, socket.socket]":
        """Open a pipe: our end, and the socket to hand to the child."""
        ours, theirs = socket.socketpair()
        return cls(ours), theirs

    @classmethod
    def of_fd(cls, fd: int) -> "Channel":
        return cls(socket.socket(fileno=fd))

    def send(self, kind: str, **fields: Any) -> bool:
        """Send one message; False where nobody is left to read it."""
        line = json.dumps({"k": kind, **fields}).encode() + b"\n"
        try:
            with self._lock:
                self._socket.sendall(line)
        except OSError:
            return False
        return True

    def receive(self, timeout: float | None) -> Message | None:
        """The next message, or None after *timeout* seconds. Raises EOFError at the end of the pipe."""
        while b"\n" not in self._buffer:
            if len(self._buffer) > MAX_LINE:
                raise EOFError("a control line is too long")
            piece = self._read(timeout)
            if piece is None:
                return None
            self._buffer += piece
        line, self._buffer = self._buffer.split(b"\n", 1)
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise EOFError("a control line is not JSON") from error
        if not isinstance(message, dict) or not isinstance(message.get("k"), str):
            raise EOFError("a control line is not a message")
        return message

    def _read(self, timeout: float | None) -> bytes | None:
        poll = _poller(self._socket)
        if not poll.poll(None if timeout is None else max(0, timeout) * 1000):
            return None
        try:
            piece = self._socket.recv(MAX_LINE)
        except OSError as error:
            raise EOFError("the control pipe broke") from error
        if not piece:
            raise EOFError("the control pipe ended")
        return piece

    def messages(self) -> Iterator[Message]:
        """Messages until the end of the pipe."""
        with contextlib.suppress(EOFError):
            while (message := self.receive(None)) is not None:
                yield message

    def close(self) -> None:
        self._socket.close()


def _poller(end: socket.socket) -> select.poll:
    poll = select.poll()
    poll.register(end, select.POLLIN)
    return poll
