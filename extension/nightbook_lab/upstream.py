"""The way to the server: one HTTP client, the person's own token, a fixed address.

The address comes from configuration and never from a request. The token is read anew when its file
changes, and stays in this process. No cookie is kept or sent.
"""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from urllib.parse import unquote

import httpx

from nightbook_lab.problems import NotConnected, Refusal

Headers = dict[str, str]

_TIMEOUT = httpx.Timeout(30, connect=5)
#: A stream is silent between two events for as long as nothing happens.
_STREAM_TIMEOUT = httpx.Timeout(10, read=None)
#: What is made when it is asked for, and may have to wait for others before it.
_SLOW_TIMEOUT = httpx.Timeout(10, read=300)


class TokenFile:
    """The token in a file, read again when the file is another one than last time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._token = ""

    def __call__(self) -> str:
        try:
            stat = self.path.stat()
            seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if seen != self._seen:
                self._token = self.path.read_text(encoding="utf-8").strip()
                self._seen = seen
        except (OSError, UnicodeDecodeError) as error:
            raise self._missing("cannot be read") from error
        if not self._token or not self._token.isascii() or not self._token.isprintable():
            raise self._missing("holds no token")
        return self._token

    def _missing(self, what: str) -> NotConnected:
        words = f"JupyterLab is not connected to Nightbook: the token file {self.path} {what}."
        return NotConnected(503, "not_connected", words)


def token_source(token_file: str) -> Callable[[], str]:
    """Whose token is sent: under JupyterHub the process's own, elsewhere that of a file."""
    hub_token = os.environ.get("JUPYTERHUB_API_TOKEN", "")
    if hub_token and not token_file:
        return lambda: hub_token  # the server asks the Hub whose it is
    home = os.environ.get("NIGHTBOOK_HOME") or "~/.nightbook"
    # `nightbook init` and `nightbook up` leave a token for JupyterLab there.
    return TokenFile(Path(token_file or Path(home) / "lab-token").expanduser().absolute())


def configured_upstream() -> "Upstream":
    """The way that the environment names, where no trait of the extension says otherwise."""
    return Upstream(default_api_url(), token_source(os.environ.get("NIGHTBOOK_TOKEN_FILE", "")))


def default_api_url() -> str:
    return os.environ.get("NIGHTBOOK_API_URL", "http://127.0.0.1:8600")


class Upstream:
    """Sends requests to the API; every failure to get an answer is a Refusal."""

    def __init__(
        self, api_url: str, token: Callable[[], str], transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._token = token
        self._client = httpx.AsyncClient(
            base_url=api_url.rstrip("/") + "/api/v1/",
            timeout=_TIMEOUT,
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    @property
    def root(self) -> str:
        """The path of the API on its host, with a slash at its end."""
        return self._client.base_url.path

    async def close(self) -> None:
        await self._client.aclose()

    async def ask(
        self, method: str, path: str, *, query: str = "", headers: Headers | None = None, content: bytes = b""
    ) -> httpx.Response:
        """The whole answer to one request; *path* is as it stands in an address, percent signs and all."""
        with _refusals():
            request = self._request(method, path, query, headers, content)
            answer = await self._client.send(request)
        return _known(answer)

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        *,
        query: str = "",
        headers: Headers | None = None,
        endless: bool = False,
        slow: bool = False,
    ) -> AsyncIterator[httpx.Response]:
        """The answer to a GET whose body is still to come, in the bytes that were sent."""
        with _refusals():
            # aiter_raw does not unpack, so nothing may be packed.
            wanted = {**(headers or {}), "Accept-Encoding": "identity"}
            request = self._request("GET", path, query, wanted, b"")
            if endless:
                request.extensions["timeout"] = _STREAM_TIMEOUT.as_dict()
            elif slow:
                request.extensions["timeout"] = _SLOW_TIMEOUT.as_dict()
            answer = await self._client.send(request, stream=True)
            try:
                yield _known(answer)
            finally:
                await answer.aclose()

    def _request(
        self, method: str, path: str, query: str, headers: Headers | None, content: bytes
    ) -> httpx.Request:
        refuse_leaving(path)
        raw = self._client.base_url.raw_path + path.encode("latin-1", "replace")
        if query:
            raw += b"?" + query.encode("latin-1", "replace")
        try:
            url = self._client.base_url.copy_with(raw_path=raw)
        except httpx.InvalidURL as error:
            raise Refusal(400, "not_a_path", "The address holds characters that no address has.") from error
        return self._client.build_request(
            method,
            url,
            headers={**(headers or {}), "Authorization": f"Bearer {self._token()}"},
            content=content,
        )


def refuse_leaving(path: str) -> None:
    """Refuse a path that would climb out of the API, in whatever spelling."""
    # httpx resolves dots as a browser does, and the server decodes percent signs once.
    parts = unquote(path, "latin-1").replace("\\", "/").split("/")
    if any(part in {".", ".."} for part in parts):
        raise Refusal(400, "not_a_path", "An address must not hold '.' or '..' as a part of its path.")


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn every way of getting no answer into a Refusal."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise Refusal(504, "timed_out", "Nightbook did not answer in time; try again.") from error
    except httpx.HTTPError as error:
        raise Refusal(502, "unreachable", "Nightbook cannot be reached. Is it running?") from error


def _known(answer: httpx.Response) -> httpx.Response:
    """The answer, unless it says that our token is not good: that is no failing of the browser's."""
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise NotConnected(502, "token_refused", "Nightbook does not take the token that JupyterLab sent.")
    return answer
