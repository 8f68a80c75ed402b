"""The conversation with a kernel: one pump a channel, requests matched with their replies and outputs.

A request is finished when its reply has come *and* its own `idle`, however late: a flood of output
must not fail a run. Output goes to the cell that its parent names, also after that cell ended.
"""

import asyncio
import contextlib
import hmac
import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import zmq
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.session import Session

_BURST = 100
_HUGE = 64 * 1024 * 1024
_LONG = 1024 * 1024
_SILENT_SECONDS = 60
_STREAM = re.compile(rb'\s*\{\s*"name":\s*"(?P<name>\w+)",\s*"text":\s*"')
_log = logging.getLogger(__name__)

Message = dict[str, Any]


@dataclass
class Request:
    """Something asked of the kernel; `cell` is null for what is not a cell."""

    cell: int | None
    reply: Message | None = None
    idle: bool = False
    replied: asyncio.Event = field(default_factory=asyncio.Event)
    finished: asyncio.Event = field(default_factory=asyncio.Event)


class Wire:
    """Send requests, and hand every message of a cell to `on_message(index, message, size)`."""

    def __init__(
        self,
        client: AsyncKernelClient,
        on_message: Callable[[int, Message, int], None],
        is_full: Callable[[int, str, int], bool],
        on_drop: Callable[[int, str, int], None],
    ) -> None:
        self._client = client
        self._on_message = on_message
        self._is_full = is_full
        self._on_drop = on_drop
        self._requests: dict[str, Request] = {}
        self._bursts = 0
        self._iopub: zmq.Socket[bytes] = zmq.Socket.shadow(client.iopub_channel.socket.underlying)
        self._shell: zmq.Socket[bytes] = zmq.Socket.shadow(client.shell_channel.socket.underlying)
        self._look_after_each_send()
        self._pumps = [asyncio.create_task(self._pump_iopub()), asyncio.create_task(self._pump_shell())]

    def ask_kernel_info(self) -> Request:
        return self._sent(self._client.kernel_info(), None)

    def execute(self, source: str, cell: int, *, stop_on_error: bool) -> Request:
        msg_id = self._client.execute(
            source, store_history=True, allow_stdin=False, stop_on_error=stop_on_error
        )
        return self._sent(msg_id, cell)

    def _sent(self, msg_id: str, cell: int | None) -> Request:
        request = Request(cell)
        self._requests[msg_id] = request
        return request

    async def ended(self, request: Request) -> None:
        """Wait until *request* is finished, or can no more be: a minute after its reply, and no output since.

        ipykernel's thread for output can stop for ever at a text that it cannot encode, a lone surrogate.
        Only seconds in which our own loop ran are counted, so that a pause of the machine is none of silence.
        """
        await request.replied.wait()
        heard, silent = self._bursts, 0
        while not request.finished.is_set() and silent < _SILENT_SECONDS:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(request.finished.wait(), 1.0)
            silent = silent + 1 if self._bursts == heard else 0
            heard = self._bursts

    async def close(self) -> None:
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def _look_after_each_send(self) -> None:
        """Look for replies whenever something was sent, by nbclient's widgets too.

        ZeroMQ tells once that there is something to read, and sending takes that word away unheard: a reply
        that arrived in this moment would be waited for until another message came.
        """
        channel, loop = self._client.shell_channel, asyncio.get_running_loop()
        send = channel.send

        def heard(message: Message) -> None:
            send(message)
            # Not at once: who sends it has yet to note what it waits for.
            loop.call_soon(self._drain_shell)

        channel.send = heard

    async def _pump_shell(self) -> None:
        while True:
            await self._client.shell_channel.socket.poll()
            self._drain_shell()

    def _drain_shell(self) -> None:
        session = self._client.session
        while not self._shell.closed:
            try:
                frames = self._shell.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                _, parts = session.feed_identities(frames)
                message: Message = session.deserialize(parts)
                request = self._requests.get(message["parent_header"].get("msg_id", ""))
            except Exception as error:  # not signed by our kernel, or no message at all
                _log.warning("a kernel's reply could not be read: %s", type(error).__name__)
                continue
            if request is not None:
                request.reply = message
                request.replied.set()
                self._settle(request)

    async def _pump_iopub(self) -> None:
        while True:
            await self._client.iopub_channel.socket.poll()
            self._bursts += 1
            self.drain()
            await asyncio.sleep(0)

    def drain(self) -> None:
        """Take what lies in the socket, but not for ever: others want the loop too."""
        for _ in range(_BURST):
            try:
                frames = self._iopub.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                self._take(frames)
            except Exception as error:  # whatever user code sends, the next message is read
                _log.warning("a kernel message could not be read: %s", type(error).__name__)

    def _take(self, frames: list[bytes]) -> None:
        session = self._client.session
        _, parts = session.feed_identities(frames)
        parent = session.unpack(parts[2])
        request = self._requests.get(parent.get("msg_id", ""))
        if request is None:
            return
        kind, size = session.unpack(parts[1])["msg_type"], len(parts[4])
        if request.cell is not None and self._skips(request.cell, kind, size):
            # Not even parsed: a flood costs its own bytes only.
            self._on_drop(request.cell, "stream" if kind == "stream" else "output", size)
            return
        if kind == "stream" and size > _LONG:
            self._take_pieces(request, parts)
            return
        message = self._read(session, parts)
        if kind == "status":
            request.idle = request.idle or message["content"].get("execution_state") == "idle"
            self._settle(request)
        elif request.cell is not None:
            self._on_message(request.cell, message, size)

    def _skips(self, cell: int, kind: str, size: int) -> bool:
        return self._is_full(cell, kind, size) or (kind != "stream" and size > _HUGE)

    def _read(self, session: Session, parts: list[bytes]) -> Message:
        """One signed message. Raises ValueError where it is not our kernel's.

        The session's own reading also makes dates and keeps signatures; in a flood that is most of it.
        """
        header = session.unpack(parts[1])
        if str(header["msg_type"]).startswith("comm_"):
            found: Message = session.deserialize(parts)
            return found
        self._check(session, parts)
        message = {"header": header, "msg_type": header["msg_type"], "buffers": parts[5:]}
        places = {"parent_header": 2, "metadata": 3, "content": 4}
        return message | {name: session.unpack(parts[place]) for name, place in places.items()}

    def _check(self, session: Session, parts: list[bytes]) -> None:
        if session.auth is not None and not hmac.compare_digest(session.sign(parts[1:5]), bytes(parts[0])):
            raise ValueError("invalid signature")

    def _take_pieces(self, request: Request, parts: list[bytes]) -> None:
        """A very long text is never in memory as a whole twice. Raises ValueError."""
        assert request.cell is not None
        self._check(self._client.session, parts)
        found = _STREAM.match(parts[4][:200])
        if found is None:
            self._on_drop(request.cell, "stream", len(parts[4]))
            return
        name, parent = found["name"].decode(), self._client.session.unpack(parts[2])
        for text in pieces_of_string(parts[4], found.end(), _LONG):
            content = {"name": name, "text": text}
            message = {"msg_type": "stream", "content": content, "parent_header": parent}
            message |= {"header": {"msg_type": "stream"}, "metadata": {}}
            self._on_message(request.cell, message, len(text))

    def _settle(self, request: Request) -> None:
        if request.reply is not None and request.idle:
            request.finished.set()


def pieces_of_string(raw: bytes, start: int, size: int) -> Iterator[str]:
    """The JSON string that begins at *start* of *raw* and ends at its last quote, in pieces of *size* bytes.

    Raises ValueError where it is none.
    """
    end = raw.rindex(b'"')
    while start < end:
        stop = min(end, start + size)
        while stop < end and (raw[stop] & 0xC0) == 0x80:  # not within a character
            stop += 1
        if stop < end:
            escape = raw.rfind(b"\\", max(start, stop - 6), stop)
            before = escape
            while before > start and raw[before - 1] == 0x5C:
                before -= 1
            if escape >= 0 and (escape - before) % 2 == 0:  # it begins an escape, not the end of one
                stop = min(end, max(stop, escape + (6 if raw[escape + 1] == 0x75 else 2)))
        yield json.loads((b'"%b"' % raw[start:stop]).decode("utf-8", "replace"), strict=False)
        start = stop
