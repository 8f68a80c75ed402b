"""The proxy: a fixed list of the API's routes, bytes in and bytes out.

A body is not parsed here, so the server's strict reading of it holds. What comes back is JSON, plain
text or an event stream; anything else would run as Jupyter's own page and is refused.
"""

import asyncio
import re

import httpx
from jupyter_server.auth.decorator import authorized
from jupyter_server.utils import url_path_join
from tornado import iostream, web

from nightbook_lab import problems
from nightbook_lab.handlers import NightbookHandler

#: First parts of the routes that JupyterLab uses. Never `worker`, `hooks`, `sessions` or `tokens`.
ROUTES = frozenset(
    {
        "me",
        "notebooks",
        "versions",
        "schedules",
        "runs",
        "exports",
        "pools",
        "workers",
        "kernels",
        "limits",
        "overview",
        "stats",
        "events",
    }
)
RELAYED = ("ETag", "Retry-After", "Content-Range", "Content-Disposition")
EVENTS = "text/event-stream"
_STREAMED = re.compile(r"runs/[^/]+/live|events/stream")
_READABLE = re.compile(r"^(application/([a-z0-9.-]+\+)?json|text/plain)\s*(;|$)", re.IGNORECASE)


class ProxyHandler(NightbookHandler):
    place = "api/v1"
    _stream: "asyncio.Task[None] | None" = None

    @web.authenticated
    @authorized
    async def get(self, _path: str) -> None:
        if _STREAMED.fullmatch(self.rest):
            await self._relay_stream()
        else:
            await self._relay()

    @web.authenticated
    @authorized
    async def post(self, _path: str) -> None:
        await self._relay()

    @web.authenticated
    @authorized
    async def patch(self, _path: str) -> None:
        await self._relay()

    @web.authenticated
    @authorized
    async def put(self, _path: str) -> None:
        await self._relay()

    @web.authenticated
    @authorized
    async def delete(self, _path: str) -> None:
        await self._relay()

    async def _relay(self) -> None:
        self._refuse_other_routes()
        answer = await self.upstream.ask(
            self.request.method or "",
            self.rest,
            query=self.request.query,
            headers=self.forwarded_headers(),
            content=self.request.body,
        )
        self._tell(answer, answer.content)

    def _refuse_other_routes(self) -> None:
        if self.rest.split("/", 1)[0] not in ROUTES:
            raise problems.Refusal(404, "not_found", "JupyterLab does not forward this address.")

    def _tell(self, answer: httpx.Response, content: bytes) -> None:
        media_type = answer.headers.get("Content-Type", "")
        is_bare = not content and answer.status_code in {204, 304}
        if not is_bare and not _READABLE.match(media_type):
            raise problems.not_json(answer)
        self.set_status(answer.status_code)
        self._take_headers(answer)
        if is_bare:
            self.finish(set_content_type="application/json")
            self.clear_header("Content-Type")
        else:
            self.finish(content, set_content_type=media_type)

    def _take_headers(self, answer: httpx.Response) -> None:
        for name in RELAYED:
            if name in answer.headers:
                self.set_header(name, answer.headers[name])
        location = answer.headers.get("Location", "")
        if location.startswith(self.upstream.root):
            rest = location.removeprefix(self.upstream.root)
            self.set_header("Location", url_path_join(self.base_url, "nightbook", self.place, rest))

    # ---- streams

    async def _relay_stream(self) -> None:
        self._stream = asyncio.create_task(self._pump())
        try:
            await self._stream
        except asyncio.CancelledError:
            if not self._stream.cancelled():
                raise  # the server stops, and this handler with it

    async def _pump(self) -> None:
        """Write each chunk as it comes; a slow reader slows the server, for each write is awaited."""
        async with self.upstream.stream(
            self.rest, query=self.request.query, headers=self.forwarded_headers(), endless=True
        ) as answer:
            if not answer.headers.get("Content-Type", "").startswith(EVENTS):
                self._tell(answer, await answer.aread())
                return
            self.set_status(answer.status_code)
            self.set_header("Content-Type", EVENTS)
            self.set_header("Cache-Control", "no-cache")
            self.set_header("X-Accel-Buffering", "no")
            await self.flush()
            await self._copy(answer)
            await self.finish(set_content_type=EVENTS)

    async def _copy(self, answer: httpx.Response) -> None:
        try:
            async for chunk in answer.aiter_raw():
                self.write(chunk)
                await self.flush()
        except (httpx.HTTPError, iostream.StreamClosedError) as error:
            # The reader asks again with the last id it has; the status is already out.
            self.log.info("nightbook.stream_broken path=%s error=%s", self.request.path, type(error).__name__)

    def on_connection_close(self) -> None:
        if self._stream is not None:
            self._stream.cancel()
        super().on_connection_close()
