"""The front door: what every request must be before a route may see it.

It names each request, refuses what two parsers could read in two ways (paths, hosts, repeated headers),
and turns whatever escapes the routes into a 500 that says nothing. `install` puts all floors in order.
"""

import ipaddress
import logging
import re
import socket
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nightbook.api import problems
from nightbook.api.bodies import BodyLimits, StrictBodies
from nightbook.api.headers import SecurityHeaders
from nightbook.core.errors import Fault, Invalid, NotFound
from nightbook.settings import Settings

log = logging.getLogger("nightbook.api")

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MAX_HEADERS: Final = 100
MAX_HEADER_BYTES: Final = 32 * 1024

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ANYWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104
_HOST: Final = re.compile(
    r"^(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,253}))(?::\d{1,5})?\Z"
)
_SINGLE: Final = frozenset(
    {
        b"authorization",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"host",
        b"idempotency-key",
        b"if-match",
        b"origin",
        b"transfer-encoding",
    }
)
_TOKEN_KEYS: Final = frozenset({"token", "access_token", "api_key", "authorization"})


def install(app: FastAPI, settings: Settings, limits: BodyLimits | None = None) -> None:
    """Put problem documents, strict bodies, the front door and the security headers around *app*."""
    problems.install(app)
    app.add_middleware(StrictBodies, limits=limits or BodyLimits())
    app.add_middleware(FrontDoor, hosts=Hosts.of(settings))
    app.add_middleware(SecurityHeaders)  # added last, so outermost


class Hosts:
    """The names under which this server may be addressed; all others are DNS rebinding or a mistake.

    Known are the loopback names, `allowed_hosts`, the host of `public_url` and the address it listens on.
    A server that listens beyond loopback also answers to address literals, which no rebinding can
    forge, and one that listens everywhere to its machine's own name. Ports are not compared.
    """

    def __init__(self, names: Iterable[str], *, take_addresses: bool = False) -> None:
        self.names = _LOOPBACK | {name for name in map(host_of, names) if name}
        self.take_addresses = take_addresses

    @classmethod
    def of(cls, settings: Settings) -> "Hosts":
        names = [*settings.allowed_hosts, settings.host if ":" not in settings.host else f"[{settings.host}]"]
        if settings.public_url:
            names.append(urlsplit(settings.public_url).netloc.rpartition("@")[2])
        if settings.host in _ANYWHERE:
            names.append(socket.gethostname())
        return cls(names, take_addresses=settings.host not in _LOOPBACK)

    def take(self, header: str) -> bool:
        """Say whether a request with this Host header is meant for us."""
        name = host_of(header)
        return name is not None and (name in self.names or (self.take_addresses and _is_address(name)))


def host_of(header: str) -> str | None:
    """The host of a Host header, lower case and without the port; None where it is not one."""
    match = _HOST.match(header)
    return (match["v6"] or match["name"]).lower().rstrip(".") if match else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class FrontDoor:
    """ASGI middleware; see the module's docstring."""

    def __init__(self, app: ASGIApp, *, hosts: Hosts) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # WSGI-style proxies read `X_Forwarded_User` and `X-Forwarded-User` as one name.
        scope = {**scope, "headers": [(k, v) for k, v in scope["headers"] if b"_" not in k]}
        started = False

        async def named_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                named = (b"x-request-id", problems.request_id(scope).encode())
                message = {**message, "headers": [*message.get("headers", ()), named]}
            await send(message)

        try:
            refuse_oddities(scope, self.hosts)
            await self.app(scope, receive, named_send)
        except Fault as fault:
            await problems.response(fault, scope, _refusal_headers(fault, scope))(scope, receive, named_send)
        except ClientDisconnect:
            log.info("request.abandoned request_id=%s", problems.request_id(scope))
        except Exception as error:
            if started:
                raise  # the server cuts the connection, so that a half answer is not taken for a whole one
            await problems.internal(scope, error)(scope, receive, named_send)


def _refusal_headers(fault: Fault, scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    if isinstance(fault, problems.WrongMethod):
        headers["Allow"] = ", ".join(METHODS)
    if any(name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"]):
        headers["Connection"] = "close"  # nobody reads this body, and where it ends may be in doubt
    return headers


def refuse_oddities(scope: Scope, hosts: Hosts) -> None:
    """Raise the Fault that keeps this request from every route; return where there is none."""
    _check_headers(scope["headers"], hosts)
    if scope["method"] not in METHODS:
        raise problems.WrongMethod("method_not_allowed", "This address does not take this method.")
    _check_path(scope.get("raw_path") or scope["path"].encode("utf-8", "surrogateescape"))
    _check_query(scope.get("query_string", b""))


def _check_headers(headers: list[tuple[bytes, bytes]], hosts: Hosts) -> None:
    if len(headers) > MAX_HEADERS or sum(len(k) + len(v) for k, v in headers) > MAX_HEADER_BYTES:
        words = f"Send at most {MAX_HEADERS} headers and {MAX_HEADER_BYTES:,} bytes of them."
        raise problems.TooManyHeaders("headers_too_large", words)
    names = [name for name, _ in headers]
    for name in _SINGLE:
        if names.count(name) > 1:
            raise Fault("duplicate_header", f"Send the header {name.decode()} once.", field=name.decode())
    if b"transfer-encoding" in names and b"content-length" in names:
        raise Fault("ambiguous_length", "Send Content-Length or Transfer-Encoding, not both.")
    host = dict(headers).get(b"host", b"").decode("latin-1")
    if not hosts.take(host):
        words = "This server does not answer to this host name; name it in NIGHTBOOK_ALLOWED_HOSTS."
        raise Fault("bad_host", words, field="host")


def _check_path(raw: bytes) -> None:
    raw = raw.partition(b"?")[0]
    once = unquote_to_bytes(raw)
    # A proxy before us may decode once more than we do, so both readings must be plain.
    if not raw.startswith(b"/") or not all(_is_plain(path) for path in (once, unquote_to_bytes(once))):
        raise NotFound("not_found", "There is nothing here, or it is not yours to see.")


def _is_plain(path: bytes) -> bool:
    try:
        text = path.decode("utf-8")
    except UnicodeDecodeError:
        return False
    segments = [segment.partition(";")[0] for segment in text.split("/")]
    has_dots = any(segment in {".", ".."} for segment in segments)
    is_slashed = "//" in text or "\\" in text or (text.startswith("/api/") and text.endswith("/"))
    return not has_dots and not is_slashed and not any(c < " " or c == "\x7f" for c in text)


def _check_query(query: bytes) -> None:
    if b"%00" in query:
        raise Invalid("bad_character", "Remove the NUL character from the query.", field="query")
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    if any(key.lower() in _TOKEN_KEYS for key, _ in pairs):
        words = "Send a token as `Authorization: Bearer nb_…`, never in an address: addresses end up in logs."
        raise Fault("token_in_query", words, field="query")
