"""Printing: a safe page as a PDF, by a browser that runs no script and loads nothing.

The page is handed over as the answer to the one request that is let through, under its own policy; every
other request is refused before it could leave. Scripts are off. Whatever the page holds, and whatever the
browser would do with it, there is no network and no file of ours behind the walls of `chromium`.
"""

import base64
import json
import select
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from nightbook.adapters import chromium
from nightbook.adapters.chromium import Browser, CannotPrintError, PrintLimits, Sandbox, Wall
from nightbook.schemas.exports import Paper

_ADDRESS: Final = "http://nightbook.invalid/"
_INCHES: Final[Mapping[Paper, tuple[float, float]]] = {"a4": (8.27, 11.69), "letter": (8.5, 11.0)}
_TRIAL: Final = PrintLimits(seconds=20.0)
#: How long a machine that could not print is believed to be one that cannot.
_DOUBT_SECONDS: Final = 300.0
_MAX_PAGE_BYTES: Final = 64 << 20
_CHUNK: Final = 1 << 20
_LONGEST_MESSAGE: Final = 32 << 20


class TooMuchToPrintError(Exception):
    """The page is more than a print may take."""


class Printer:
    """Prints pages, and keeps what it has printed lately. Safe to share between threads."""

    def __init__(
        self,
        program: str | None,
        *,
        policy: str,
        sandbox: Sandbox = "auto",
        limits: PrintLimits | None = None,
        kept_bytes: int = 64 << 20,
    ) -> None:
        """*policy* is the Content-Security-Policy under which every page is read."""
        self.limits = limits or PrintLimits()
        self._program = program
        self._policy = policy
        self._sandbox: Sandbox = sandbox
        self._shelf = _Shelf(kept_bytes)
        self._trial = threading.Lock()
        self._wall: Wall | None = None
        self._doubt: tuple[float, CannotPrintError] | None = None

    def proven(self) -> Wall:
        """The walls that work here, found by printing a page in them once. Raises CannotPrintError."""
        with self._trial:
            if self._wall is None:
                if self._doubt and time.monotonic() - self._doubt[0] < _DOUBT_SECONDS:
                    raise CannotPrintError(self._doubt[1].why, self._doubt[1].next_step)
                try:
                    self._wall = self._tried()
                except CannotPrintError as error:
                    self._doubt = (time.monotonic(), error)
                    raise
            return self._wall

    def _tried(self) -> Wall:
        program = chromium.found(self._program)
        for wall in chromium.walls(program, self._sandbox):
            try:
                _print(wall, b"<!doctype html><title>Trial</title>", "a4", self._policy, _TRIAL)
            except (TooMuchToPrintError, CannotPrintError):
                continue
            return wall
        raise CannotPrintError(
            f"{program} does not start within a sandbox here",
            "Install bubblewrap and run the server as a user of its own, "
            "or set NIGHTBOOK_CHROMIUM_SANDBOX=none where a container is the wall.",
        )

    def pdf(self, page: str, paper: Paper = "a4") -> bytes:
        """The page on paper. Raises CannotPrintError, and TooMuchToPrintError where it is over a limit."""
        content = page.encode("utf-8", "replace")
        key = sha256(f"{paper}\n{self._policy}\n".encode() + content).digest()
        kept = self._shelf.get(key)
        if kept is None:
            if len(content) > _MAX_PAGE_BYTES:
                raise TooMuchToPrintError(f"the page has more than {_MAX_PAGE_BYTES >> 20} MiB")
            kept = _print(self.proven(), content, paper, self._policy, self.limits)
            self._shelf.put(key, kept)
        return kept


class _Shelf:
    """The newest PDFs by the page they show, as many as have room."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()

    def get(self, key: bytes) -> bytes | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: bytes, pdf: bytes) -> None:
        with self._lock:
            self._kept[key] = pdf
            while sum(map(len, self._kept.values())) > self._room:
                self._kept.popitem(last=False)


# ---------------------------------------------------------------- one print


def _print(wall: Wall, page: bytes, paper: Paper, policy: str, limits: PrintLimits) -> bytes:
    deadline = time.monotonic() + limits.seconds
    with (
        tempfile.TemporaryDirectory(prefix="nb-print-", ignore_cleanup_errors=True) as name,
        Browser(wall, Path(name), limits) as browser,
    ):
        talk = _Talk(browser, deadline, _Guard(page, policy))
        try:
            session = _opened(talk)
        except _BROKEN as error:
            raise CannotPrintError(
                f"the browser did not start ({error})", "Try again, and see 'nightbook doctor'."
            ) from error
        try:
            return _printed(talk, session, paper, limits.pdf_bytes)
        except _BROKEN as error:
            raise TooMuchToPrintError(f"{error}") from error


def _opened(talk: "_Talk") -> str:
    """A tab in which nothing runs and from which nothing is loaded; return its session."""
    target = talk.call("Target.createTarget", url="about:blank")["targetId"]
    session = str(talk.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
    talk.call("Emulation.setScriptExecutionDisabled", session, value=True)
    talk.call("Page.enable", session)
    talk.call("Fetch.enable", session, patterns=[{"urlPattern": "*"}])
    return session


def _printed(talk: "_Talk", session: str, paper: Paper, most: int) -> bytes:
    talk.call("Page.navigate", session, url=_ADDRESS)
    talk.wait_for("Page.loadEventFired")
    width, height = _INCHES[paper]
    wish: dict[str, Any] = {"paperWidth": width, "paperHeight": height, "printBackground": True}
    wish |= {"generateTaggedPDF": True, "generateDocumentOutline": True, "transferMode": "ReturnAsStream"}
    handle = talk.call("Page.printToPDF", session, **wish)["stream"]
    pdf = bytearray()
    while True:
        piece = talk.call("IO.read", session, handle=handle, size=_CHUNK)
        pdf += base64.b64decode(piece["data"]) if piece.get("base64Encoded") else piece["data"].encode()
        if len(pdf) > most:
            raise TooMuchToPrintError(f"the PDF has more than {most >> 20} MiB")
        if piece["eof"]:
            return bytes(pdf)


@dataclass
class _Guard:
    """Answers the browser's requests: the first one for the page with the page, all others with a refusal."""

    page: bytes
    policy: str
    is_given: bool = False

    def answer(self, asked: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The command that settles the request *asked*."""
        if self.is_given or asked["request"]["url"] != _ADDRESS:
            return "Fetch.failRequest", {"requestId": asked["requestId"], "errorReason": "BlockedByClient"}
        self.is_given = True
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": self.policy,
            "X-Content-Type-Options": "nosniff",
        }
        return "Fetch.fulfillRequest", {
            "requestId": asked["requestId"],
            "responseCode": 200,
            "responseHeaders": [{"name": name, "value": value} for name, value in headers.items()],
            "body": base64.b64encode(self.page).decode(),
        }


# ---------------------------------------------------------------- the browser's protocol


class _SilentError(Exception):
    """The browser is gone, or the time is up."""


class _RefusedError(Exception):
    """The browser could not do it."""


#: What may become of a conversation. A browser that its page has broken may answer anything at all.
_BROKEN: Final = (_SilentError, _RefusedError, KeyError, TypeError, ValueError, AttributeError)


@dataclass
class _Talk:
    """The DevTools protocol on two pipes: JSON messages with a NUL at their ends, up to a deadline."""

    browser: Browser
    deadline: float
    guard: _Guard
    _count: int = 0
    _read: bytearray = field(default_factory=bytearray)
    _seen: set[str] = field(default_factory=set)

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Ask for *method*, and return its result once it has come. Raises _SilentError, _RefusedError."""
        number = self._send(method, session, parameters)
        while True:
            message = self._next()
            if message.get("id") == number:
                if "error" in message:
                    raise _RefusedError(f"{method}: {message['error'].get('message', '')}")
                result: dict[str, Any] = message["result"]
                return result

    def wait_for(self, event: str) -> None:
        while event not in self._seen:
            self._next()

    def _next(self) -> dict[str, Any]:
        """The next message; a request of the page is answered on the way."""
        message = self._receive()
        told = message.get("method")
        if told == "Fetch.requestPaused":
            method, parameters = self.guard.answer(message["params"])
            self._send(method, message["sessionId"], parameters)
        elif isinstance(told, str):
            self._seen.add(told)
        return message

    def _send(self, method: str, session: str | None, parameters: dict[str, Any]) -> int:
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        left = memoryview(json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while left:
            self._wait(self.browser.writing, select.POLLOUT)
            try:
                left = left[self.browser.write(left) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise _SilentError("the browser has ended") from error
        return self._count

    def _receive(self) -> dict[str, Any]:
        searched = 0
        while (end := self._read.find(b"\0", searched)) < 0:
            searched = len(self._read)
            self._wait(self.browser.reading, select.POLLIN)
            piece = self.browser.read(_CHUNK)
            if not piece:
                raise _SilentError("the browser has ended")
            self._read += piece
            if len(self._read) > _LONGEST_MESSAGE:
                raise _RefusedError("it says too much")
        message: dict[str, Any] = json.loads(self._read[:end])
        del self._read[: end + 1]
        return message

    def _wait(self, pipe: int, what: int) -> None:
        ready = select.poll()
        ready.register(pipe, what)
        left = self.deadline - time.monotonic()
        if left <= 0 or not ready.poll(left * 1000):
            raise _SilentError("it took too long")
