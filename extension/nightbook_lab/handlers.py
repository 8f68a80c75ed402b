"""What all handlers share: who may ask, how to reach the server, and problem documents for refusals."""

import json
from typing import Any, cast

from jupyter_server.base.handlers import APIHandler

from nightbook_lab import problems
from nightbook_lab.upstream import Headers, Upstream

#: What of a browser's request goes on. Cookies and its Authorization are JupyterLab's, not ours.
FORWARDED = (
    "Accept",
    "Content-Type",
    "If-Match",
    "If-None-Match",
    "Idempotency-Key",
    "Range",
    "Last-Event-ID",
)
UPSTREAM = "nightbook_upstream"


class NightbookHandler(APIHandler):
    """A handler below `nightbook/` that speaks to the server."""

    auth_resource = "nightbook"
    #: What stands before the captured part of the address.
    place = ""

    @property
    def upstream(self) -> Upstream:
        return cast(Upstream, self.settings[UPSTREAM])

    @property
    def rest(self) -> str:
        """The captured part of the path as it was sent; tornado hands it over decoded, `%2F` and all."""
        return self.request.path.partition(f"/nightbook/{self.place}/")[2]

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")

    async def prepare(self) -> None:  # type: ignore[override]
        # Pages ask again and again by themselves; only what a person does keeps an idle server alive.
        self._track_activity = self.request.method not in {"GET", "HEAD"}
        await super().prepare()

    def compute_etag(self) -> None:
        """No tag but the server's own: an invented one would be sent back as If-Match."""

    def forwarded_headers(self) -> Headers:
        sent = self.request.headers
        return {name: sent[name] for name in FORWARDED if name in sent}

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        self.finish(json.dumps(self.document(error, status_code)), set_content_type=problems.PROBLEM)

    def document(self, error: BaseException | None, status: int) -> dict[str, Any]:
        return problems.document(error, status)
