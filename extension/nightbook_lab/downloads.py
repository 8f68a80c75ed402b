"""Downloads: bytes of artifacts and notebooks, always as an attachment.

Shown in place, an HTML artifact would be a page of Jupyter's own origin, with its rights.
"""

import re
from urllib.parse import quote, unquote

import httpx
from jupyter_server.auth.decorator import authorized
from tornado import iostream, web

from nightbook_lab import problems
from nightbook_lab.handlers import NightbookHandler

RELAYED = ("Content-Length", "Content-Range", "Accept-Ranges", "ETag", "Retry-After")
_OFFERED = re.compile(
    r"(runs/[^/]+|schedules/[^/]+/(latest|latest-successful))"
    r"/(artifacts/.+|notebook|notebook\.html|manifest|log)|versions/[^/]+/content"
    r"|runs/[^/]+/export/(ipynb|html|slides|pdf)"
)
_MADE_WHEN_ASKED = re.compile(r"runs/[^/]+/export/pdf")


class DownloadHandler(NightbookHandler):
    place = "download"

    @property
    def content_security_policy(self) -> str:
        return "sandbox; default-src 'none'"

    @web.authenticated
    @authorized
    async def get(self, _path: str) -> None:
        if not _OFFERED.fullmatch(self.rest):
            raise problems.Refusal(404, "not_found", "JupyterLab does not offer this address for download.")
        async with self.upstream.stream(
            self.rest,
            query=self.request.query,
            headers=self.forwarded_headers(),
            slow=bool(_MADE_WHEN_ASKED.fullmatch(self.rest)),
        ) as answer:
            if answer.status_code >= 300:
                await self._tell_refusal(answer)
                return
            self._announce(answer)
            await self._copy(answer)
        await self.finish(set_content_type=answer.headers.get("Content-Type", "application/octet-stream"))

    async def _tell_refusal(self, answer: httpx.Response) -> None:
        if answer.status_code == 304:
            self.set_status(304)
            await self.finish()
            return
        await answer.aread()
        raise problems.of_answer(answer)

    def _announce(self, answer: httpx.Response) -> None:
        self.set_status(answer.status_code)
        for name in RELAYED:
            if name in answer.headers:
                self.set_header(name, answer.headers[name])
        self.set_header("Content-Type", answer.headers.get("Content-Type", "application/octet-stream"))
        self.set_header(
            "Content-Disposition", self._disposition(answer.headers.get("Content-Disposition", ""))
        )

    def _disposition(self, told: str) -> str:
        if told.startswith("attachment"):
            return told
        if told.startswith("inline; filename="):
            return told.replace("inline", "attachment", 1)
        name = re.sub(r"[^\w. -]", "_", unquote(self.rest).rsplit("/", 1)[-1])
        return f"attachment; filename*=UTF-8''{quote(name)}"

    async def _copy(self, answer: httpx.Response) -> None:
        try:
            async for chunk in answer.aiter_raw():
                self.write(chunk)
                await self.flush()
        except httpx.HTTPError as error:
            # A short body under an announced length tells the browser that the download broke.
            self.log.warning("nightbook.download_broken error=%s", type(error).__name__)
            self.request.connection.stream.close()  # type: ignore[union-attr]
            raise iostream.StreamClosedError(error) from error
