"""The line to the server: one HTTP client, time-outs, repeats that are safe, pages, bytes.

A GET is repeated as it is. A POST that makes something carries an Idempotency-Key made once, so that its
repeat gets the first answer again. What moves a state (an edit, a pause, a cancel) is repeated only where
the first try surely never arrived.
"""

import json
import random
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx
from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from nightbook import __version__
from nightbook.client.errors import (
    InvalidRequest,
    NightbookError,
    Unintelligible,
    Unreachable,
    invalid_draft,
    refusal,
    retry_after,
)
from nightbook.schemas import Page

API: Final = "/api/v1"
#: Busy or briefly away; the request was not carried out, or its key makes the repeat harmless.
_PASSING: Final = frozenset({429, 502, 503, 504})
_LONGEST_WAIT: Final = 30.0

V = TypeVar("V", bound=BaseModel)
Filters = Mapping[str, object]


class Wire:
    """Requests to one server with one token. Safe to share between threads."""

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        timeout: float = 30.0,
        retries: int = 3,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None],
    ) -> None:
        self.url = _server_url(url)
        self.pause = pause
        self.timeout = timeout
        self._has_answered = False
        self._waits = [0.25 * 3**n for n in range(retries)]
        headers = {"User-Agent": f"nightbook/{__version__}", "Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {_plain_token(token)}"
        self._http = httpx.Client(
            base_url=self.url + API,
            headers=headers,
            timeout=httpx.Timeout(timeout, connect=5.0),
            transport=transport,
            follow_redirects=False,
            # A proxy from the environment cannot reach this machine's loopback.
            trust_env=not _is_loopback(self.url),
        )

    def close(self) -> None:
        self._http.close()

    # ------------------------------------------------------------ asking

    def ask(
        self,
        method: str,
        path: str,
        *,
        draft: BaseModel | None = None,
        params: Filters | None = None,
        headers: Mapping[str, str] | None = None,
        once: bool = False,
    ) -> httpx.Response:
        """Send one request, repeat it where that is safe, and raise what the answer means.

        *once*: a second arrival would not be answered like the first.
        """
        sent = {**(headers or {})}
        if method == "POST" and not once:
            sent["Idempotency-Key"] = str(uuid4())
        body = _body(draft)
        if body is not None:
            sent["Content-Type"] = "application/json"
        request = self._http.build_request(
            method, path, content=body, params=_query(params or {}), headers=sent
        )
        response = self._delivered(request, once=once)
        if not response.is_success:
            raise refusal(response)
        return response

    def view(self, kind: type[V], method: str, path: str, **asked: Any) -> V:
        """Ask, and read the answer as a view."""
        return _read(kind, self.ask(method, path, **asked))

    def pages(self, kind: type[V], path: str, filters: Filters) -> Iterator[V]:
        """All items of a list, page by page, each asked for when it is reached."""
        cursor: str | None = None
        while True:
            page = self.view(Page[kind], "GET", path, params={**filters, "cursor": cursor})  # type: ignore[valid-type]
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    @contextmanager
    def stream(
        self, path: str, *, headers: Mapping[str, str] | None = None, silence: float = 30.0
    ) -> Iterator[httpx.Response]:
        """An answer as it comes. A line that is silent for *silence* seconds is taken for dead."""
        timeout = httpx.Timeout(silence, connect=5.0)
        try:
            with self._http.stream("GET", path, headers=headers, timeout=timeout) as response:
                if not response.is_success:
                    response.read()
                    raise refusal(response)
                yield response
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _delivered(self, request: httpx.Request, *, once: bool) -> httpx.Response:
        for wait in self._waits:
            try:
                response = self._http.send(request)
            except httpx.TransportError as error:
                if self._is_vain(error, once=once):
                    raise self._unreachable(error) from error
                self.pause(_spread(wait))
                continue
            self._has_answered = True
            if response.status_code not in _PASSING or (once and response.status_code != 429):
                return response
            self.pause(min(_LONGEST_WAIT, max(_spread(wait), retry_after(response) or 0)))
        try:
            return self._http.send(request)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _is_vain(self, error: httpx.TransportError, *, once: bool) -> bool:
        was_received = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        # Where there never was a server, somebody waits for a word on what to do.
        return once if was_received else not self._has_answered

    def _unreachable(self, error: httpx.TransportError) -> Unreachable:
        if isinstance(error, httpx.TimeoutException):
            return Unreachable(f"{self.url} did not answer in time. Is the server overloaded or stopped?")
        if isinstance(error.__context__, ssl.SSLError) or "CERTIFICATE" in str(error):
            return Unreachable(f"{self.url}: the TLS certificate is not trusted ({error}).")
        return Unreachable(
            f"No server answers at {self.url}. Start one with 'nightbook up', or set NIGHTBOOK_API_URL."
        )


def segment(*names: object) -> str:
    """Path segments, quoted; a name may hold slashes of its own (a notebook's path, an artifact's name)."""
    return "".join(f"/{quote(str(name), safe='/')}" for name in names)


def draft_of(kind: type[V], fields: Mapping[str, object]) -> V:
    """Build a draft; what is null is left out. Raises InvalidRequest before anything is sent."""
    return exact_draft_of(kind, {name: value for name, value in fields.items() if value is not None})


def exact_draft_of(kind: type[V], fields: Mapping[str, object]) -> V:
    """Build a draft in which null means null. Raises InvalidRequest before anything is sent."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise invalid_draft(error) from error


def _read(kind: type[V], response: httpx.Response) -> V:
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as error:
        where = response.url.copy_with(query=None)
        raise Unintelligible(
            f"The answer from {where} is not one that this release ({__version__}) understands. "
            "Is this a Nightbook server, and not older than the client?"
        ) from error


def _body(draft: BaseModel | None) -> bytes | None:
    if draft is None:
        return None
    try:
        # The draft's own JSON mode makes null of NaN, without a word.
        fields = to_jsonable_python(
            draft.model_dump(by_alias=True, exclude_unset=True), inf_nan_mode="constants"
        )
        return json.dumps(fields, allow_nan=False, ensure_ascii=False).encode()
    except ValueError as error:
        raise InvalidRequest(
            "JSON holds no NaN, no Infinity and no lone surrogates.", status=422, code="not_finite"
        ) from error


def _query(filters: Filters) -> dict[str, str | list[str]]:
    return {name: _query_value(value) for name, value in filters.items() if value is not None}


def _query_value(value: object) -> str | list[str]:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [str(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _spread(wait: float) -> float:
    """So that many clients do not come back in the same instant."""
    return wait * (0.75 + random.random() / 2)  # noqa: S311


def _server_url(url: str) -> str:
    url = url.rstrip("/").removesuffix(API)
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise Unreachable("The server's address must look like https://nightbook.example.org.")
    if parts.username or parts.password:
        raise NightbookError(
            "Leave user name and password out of the server's address; a token says who asks."
        )
    return url


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"}


def _plain_token(token: str) -> str:
    if not token.isascii() or not token.isprintable() or " " in token:
        raise NightbookError(
            "The token holds characters that no token has. Was it copied whole, on one line?"
        )
    return token
