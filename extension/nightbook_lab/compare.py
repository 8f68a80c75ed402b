"""Comparison: a notebook as it was saved, with its files, beside a version. Nothing is kept."""

from typing import Any

from jupyter_server.auth.decorator import authorized
from pydantic import Field
from tornado import web

from nightbook_lab.snapshot import SnapshotDraft, SnapshotHandler


class CompareDraft(SnapshotDraft):
    """Which notebook, and the version that it is held against; null is the newest of its path."""

    against: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class CompareHandler(SnapshotHandler):
    place = "compare"
    draft_type = CompareDraft

    @web.authenticated
    @authorized
    @authorized("read", resource="contents")  # type: ignore[untyped-decorator]
    async def post(self) -> None:
        draft = self._draft()
        told: dict[str, Any] = {"against": draft.against} if isinstance(draft, CompareDraft) else {}
        await self._pass_on("notebooks/compare", draft, told)
