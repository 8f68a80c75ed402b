"""Response headers that keep a hostile notebook, name or page away from the app's origin.

Every answer gets the plain defaults; bytes that strangers made get `artifact_headers` (a download in an
opaque origin) or `safe_view_headers` (a page in one). A header that a route has set is left as it is.
"""

import re
from typing import Final
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: The policy of our own pages. Frames show our own addresses only, each an opaque origin by its own header.
APP_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "frame-src 'self'",
        "form-action 'self'",
        "require-trusted-types-for 'script'",
    )
)
_NO_PAGE_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
_DOWNLOAD_POLICY: Final = "sandbox; default-src 'none'"
_DEFAULTS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NO_DEVICES: Final = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"

_MEDIA_TYPE: Final = re.compile(
    r"^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$"
)
_UNPLAIN: Final = re.compile(r"[^A-Za-z0-9 ._-]")
_INVISIBLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


class SecurityHeaders:
    """ASGI middleware that adds to each answer the security headers it lacks."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": list(message.get("headers", ()))}
                _add_missing(MutableHeaders(raw=message["headers"]))
            await send(message)

        await self.app(scope, receive, guarded_send if scope["type"] == "http" else send)


def _add_missing(headers: MutableHeaders) -> None:
    for name, value in _DEFAULTS.items():
        headers.setdefault(name, value)
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "text/html":
        headers.setdefault("Content-Security-Policy", APP_POLICY)
        headers.setdefault("Permissions-Policy", _NO_DEVICES)
    elif media_type in {"application/json", "application/problem+json", "text/plain", "text/event-stream"}:
        headers.setdefault("Content-Security-Policy", _NO_PAGE_POLICY)
        headers.setdefault("Cache-Control", "no-store")


def artifact_headers(media_type: str, filename: str, sha256: str) -> dict[str, str]:
    """The headers of bytes that a notebook left: always a download, never a page of our origin."""
    return {
        "Content-Type": media_type if _MEDIA_TYPE.match(media_type) else "application/octet-stream",
        "Content-Disposition": content_disposition(filename),
        "ETag": f'"{sha256}"',
        "Content-Security-Policy": _DOWNLOAD_POLICY,
        "Cache-Control": "private, no-cache",
        **_DEFAULTS,
    }


def safe_page_headers(policy: str, filename: str, sha256: str) -> dict[str, str]:
    """The headers of a rendered notebook that may be looked at, and saved under its name."""
    shown = content_disposition(filename).replace("attachment", "inline", 1)
    return {**safe_view_headers(policy), "Content-Disposition": shown, "ETag": f'"{sha256}"'}


def safe_view_headers(policy: str) -> dict[str, str]:
    """The headers of a rendered notebook; *policy* is the renderer's own Content-Security-Policy."""
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": policy,
        "Cache-Control": "private, no-cache",
        "Permissions-Policy": _NO_DEVICES,
        **_DEFAULTS,
    }


def content_disposition(filename: str) -> str:
    """An attachment by the last part of *filename* (RFC 6266), with the exact name beside it (RFC 8187)."""
    name = _INVISIBLE.sub("", re.split(r"[/\\]", filename)[-1])[:200].strip(" .") or "file"
    plain = _UNPLAIN.sub("_", name)
    exact = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{exact}'
