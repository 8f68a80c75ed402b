"""Bodies: read within limits while the bytes arrive, JSON read strictly, before a route sees any of it.

A body that is too large, too slow, packed, of another media type or ambiguous is refused here; one that
passes reaches the app byte for byte. Raw routes of the worker get their bytes as they come, counted.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Final

from anyio import from_thread
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nightbook.api import problems
from nightbook.core import journal, strict_json
from nightbook.core.errors import Fault, FieldError, TooLarge

MIB: Final = 1024 * 1024
BASE: Final = "/api/v1/"

_UNSAFE: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_JOURNAL: Final = re.compile(r"^/api/v1/worker/attempts/[^/]+/(journal|evidence)$")
_ARTIFACT: Final = re.compile(r"^/api/v1/worker/attempts/[^/]+/artifacts/.+$")
_UPLOADS: Final = frozenset({"/api/v1/notebooks", "/api/v1/notebooks/compare"})
_JSON: Final = re.compile(r"^application/json\s*(;\s*charset\s*=\s*\"?utf-8\"?\s*)?$", re.IGNORECASE)
#: Smaller documents are parsed where they are read: a thread costs more than the parse.
_PARSE_ASIDE: Final = 64 * 1024
_LINGER_SECONDS: Final = 2.0


@dataclass(frozen=True)
class BodyLimits:
    """Bytes and times that a body may take."""

    json_bytes: int = MIB
    upload_bytes: int = 40 * MIB  # a notebook of 20 MiB and its siblings as base64
    journal_bytes: int = journal.LONGEST  # a worker sends less, but for one line that is as long
    artifact_bytes: int = 200 * MIB
    silence_seconds: float = 30.0
    #: After the first `silence_seconds`, a body must have come at least this fast on average.
    bytes_per_second: int = 16 * 1024


class StrictBodies:
    """ASGI middleware for the unsafe methods under /api/v1."""

    def __init__(self, app: ASGIApp, *, limits: BodyLimits) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in _UNSAFE or not scope["path"].startswith(BASE):
            await self.app(scope, receive, send)
            return
        cap, is_raw = self._cap(scope["path"])
        incoming = _Incoming(receive, cap, self.limits)
        try:
            _check_length(Headers(scope=scope), cap)
            if is_raw:
                await self.app(scope, incoming.receive, incoming.closing(send))
                return
            body = await self._read_json(scope, incoming)
        except Fault as fault:
            await _refuse(fault, scope, incoming, send)
        else:
            await self.app(scope, _replay(body, receive), send)

    def _cap(self, path: str) -> tuple[int, bool]:
        if _JOURNAL.match(path):
            return self.limits.journal_bytes, True
        if _ARTIFACT.match(path):
            return self.limits.artifact_bytes, True
        return (self.limits.upload_bytes if path in _UPLOADS else self.limits.json_bytes), False

    async def _read_json(self, scope: Scope, incoming: "_Incoming") -> bytes:
        body = bytearray()
        async for chunk in incoming.chunks():
            if not body:
                _check_media_type(Headers(scope=scope))
            body += chunk
        raw = bytes(body)
        if raw:
            await _check_json(raw, is_upload=scope["path"] in _UPLOADS)
        return raw


def chunks_of(request: Request) -> Iterator[bytes]:
    """The body of *request* as it comes, for a synchronous route (which runs in a thread of its own)."""
    stream = request.stream()

    async def next_chunk() -> bytes | None:
        return await anext(stream, None)

    while (chunk := from_thread.run(next_chunk)) is not None:
        if chunk:
            yield chunk


# ---------------------------------------------------------------- checks


def _check_length(headers: Headers, cap: int) -> None:
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise problems.UnsupportedMedia(
            "content_encoding", "Send the body unpacked, without Content-Encoding.", field="content-encoding"
        )
    length = headers.get("content-length", "0")
    if not re.fullmatch(r"\d{1,19}", length):
        raise Fault("bad_length", "Content-Length must be a number of bytes.", field="content-length")
    if int(length) > cap:
        raise _too_large(cap)


def _check_media_type(headers: Headers) -> None:
    if not _JSON.match(headers.get("content-type", "")):
        raise problems.UnsupportedMedia(
            "unsupported_media_type", "Send JSON with Content-Type: application/json.", field="content-type"
        )


async def _check_json(raw: bytes, *, is_upload: bool) -> None:
    try:
        if len(raw) <= _PARSE_ASIDE:
            _parse(raw, is_upload)
        else:
            await asyncio.to_thread(_parse, raw, is_upload)
    except Fault as fault:
        if not fault.errors:
            fault.errors = (FieldError("body", fault.code, fault.message),)
        raise


def _parse(raw: bytes, is_upload: bool) -> None:
    if is_upload:
        # Outputs of plots hold millions of numbers, and siblings come as one long string each.
        strict_json.loads(raw, max_keys=1_000_000, max_items=4_000_000, max_string=40 * MIB, max_int=None)
    else:
        strict_json.loads(raw)


def _too_large(cap: int) -> TooLarge:
    return TooLarge("too_large", f"Send at most {cap:,} bytes.", field="body")


# ---------------------------------------------------------------- reading


class _Incoming:
    """The body's messages, counted and timed; only the waiting for the client counts as time."""

    def __init__(self, receive: Receive, cap: int, limits: BodyLimits) -> None:
        self._receive = receive
        self._cap = cap
        self._limits = limits
        self._bytes = 0
        self._waited = 0.0
        self.is_complete = False
        self.is_refused = False

    async def receive(self) -> Message:
        """The next message. Raises TooLarge, TooSlow."""
        if self.is_complete:
            return await self._receive()
        message = await self._next()
        if message["type"] != "http.request":
            return message
        self._bytes += len(message.get("body", b""))
        self.is_complete = not message.get("more_body", False)
        if self._bytes > self._cap:
            self.is_refused = True
            raise _too_large(self._cap)
        return message

    async def chunks(self) -> AsyncIterator[bytes]:
        while not self.is_complete:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            if message.get("body"):
                yield message["body"]

    async def _next(self) -> Message:
        clock = asyncio.get_running_loop().time
        began = clock()
        allowed = self._limits.silence_seconds + self._bytes / self._limits.bytes_per_second - self._waited
        try:
            async with asyncio.timeout(min(self._limits.silence_seconds, allowed)):
                return await self._receive()
        except TimeoutError as error:
            self.is_refused = True
            raise problems.TooSlow("too_slow", "The body stopped coming, or came too slowly.") from error
        finally:
            self._waited += clock() - began

    async def discard(self) -> None:
        """Read on for a moment, so that a client which is still sending sees the answer and no reset."""
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                while not self.is_complete:
                    message = await self._receive()
                    self.is_complete = not message.get("more_body", False)
        except TimeoutError:
            return

    def closing(self, send: Send) -> Send:
        """A `send` that closes the connection once the body was refused half-way."""

        async def send_closing(message: Message) -> None:
            if message["type"] == "http.response.start" and self.is_refused:
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        return send_closing


def _replay(body: bytes, receive: Receive) -> Receive:
    is_given = False

    async def replayed() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


async def _refuse(fault: Fault, scope: Scope, incoming: _Incoming, send: Send) -> None:
    headers = {} if incoming.is_complete else {"Connection": "close"}
    answer = problems.response(fault, scope, headers)
    await send({"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": True})
    # A client that waits for 100 Continue sends nothing, and reading on would invite it to.
    is_sending = not isinstance(fault, problems.TooSlow) and "expect" not in Headers(scope=scope)
    if is_sending and not incoming.is_complete:
        await incoming.discard()
    await send({"type": "http.response.body", "body": b"", "more_body": False})
