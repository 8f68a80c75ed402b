"""Notebooks, schedules, tokens, pools: what a client may ask about each."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from nightbook.client.files import Files, upload_of
from nightbook.client.wire import Wire, draft_of, exact_draft_of, segment
from nightbook.schemas import (
    BackfillDraft,
    BackfillView,
    Draft,
    Finding,
    FindingList,
    HookView,
    Instant,
    KernelList,
    KernelView,
    NotebookComparison,
    NotebookView,
    OccurrenceView,
    ParameterList,
    PauseDraft,
    PoolDraft,
    PoolList,
    PoolPatch,
    PoolView,
    PreviewDraft,
    PreviewView,
    RRuleDraft,
    RRuleView,
    RunNowDraft,
    RunView,
    ScheduleDraft,
    SchedulePatch,
    ScheduleView,
    TokenDraft,
    TokenView,
    VersionView,
    WorkerList,
    WorkerView,
)
from nightbook.schemas.diffs import NotebookDiff

ScheduleId = str | UUID


class _KeptPreview(Draft):
    """A preview of a schedule that the server has, so without a trigger."""

    from_: Annotated[Instant | None, Field(alias="from")] = None
    count: Annotated[int, Field(ge=1, le=1000)] = 5


class Notebooks:
    """Notebooks, and the immutable versions of them."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def upload(
        self,
        source: str | Path | Mapping[str, Any],
        *,
        path: str | None = None,
        files: Files | None = None,
    ) -> VersionView:
        """Keep a notebook as it is now; the same content gives the same version again.

        *source* is a file, or a notebook's content with the *path* that people shall know it by.
        *files* go beside it: paths relative to the notebook, or bytes by path. Without *files*, those that
        the notebook declares in `metadata.nightbook.files`. Raises UnreadableNotebook.

        >>> client.notebooks.upload("daily_sales.ipynb").path
        'daily_sales.ipynb'
        """
        return self._wire.view(
            VersionView, "POST", "/notebooks", draft=upload_of(source, path=path, files=files)
        )

    def compare(
        self,
        source: str | Path | Mapping[str, Any],
        *,
        path: str | None = None,
        files: Files | None = None,
        against: str | None = None,
    ) -> NotebookDiff:
        """What a notebook as it is now has otherwise than a version that is kept; nothing is kept of it.

        The version is *against*, by its SHA-256, or else the newest of its path. The others as for `upload`.

        >>> client.notebooks.compare("daily_sales.ipynb").is_same
        True
        """
        upload = upload_of(source, path=path, files=files)
        draft = draft_of(
            NotebookComparison,
            {"path": upload.path, "content": upload.content, "files": upload.files, "against": against},
        )
        return self._wire.view(NotebookDiff, "POST", "/notebooks/compare", draft=draft)

    def list(self, **filters: Any) -> Iterator[NotebookView]:
        return self._wire.pages(NotebookView, "/notebooks", filters)

    def versions(self, path: str) -> Iterator[VersionView]:
        """The versions of a notebook, newest first."""
        return self._wire.pages(VersionView, f"/notebooks{segment(path)}/versions", {})

    def version(self, sha256: str) -> VersionView:
        return self._wire.view(VersionView, "GET", f"/versions{segment(sha256)}")

    def content(self, sha256: str) -> bytes:
        return self._wire.ask("GET", f"/versions{segment(sha256)}/content", headers={"Accept": "*/*"}).content

    def parameters(self, sha256: str) -> ParameterList:
        """What the version declares: names, types, defaults, help.

        >>> version = client.notebooks.upload("daily_sales.ipynb")
        >>> [(p.name, p.type, p.default) for p in client.notebooks.parameters(version.sha256).items]
        [('region', 'str', 'all'), ('days', 'int', 7)]
        """
        return self._wire.view(ParameterList, "GET", f"/versions{segment(sha256)}/parameters")

    def check(self, sha256: str, *, kernel: str | None = None, pool: str | None = None) -> Sequence[Finding]:
        """What the pre-flight check notices about running the version in a pool."""
        asked = {"kernel": kernel, "pool": pool}
        return self._wire.view(FindingList, "GET", f"/versions{segment(sha256)}/check", params=asked).items


class Schedules:
    """A spec and a trigger: what runs by itself, and when."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(self, name: str, notebook: str, trigger: Mapping[str, Any], **fields: Any) -> ScheduleView:
        """Make a schedule. *fields* are those of ScheduleDraft.

        >>> nine = {"kind": "cron", "expression": "0 9 * * MON-FRI", "timezone": "Europe/Berlin"}
        >>> client.schedules.create("Daily sales", "daily_sales.ipynb", nine, parameters={"days": 1}).state
        'active'
        """
        given = {**fields, "name": name, "notebook": notebook, "trigger": dict(trigger)}
        return self._wire.view(ScheduleView, "POST", "/schedules", draft=draft_of(ScheduleDraft, given))

    def list(self, **filters: Any) -> Iterator[ScheduleView]:
        """Schedules; filters are `notebook`, `owner`, `tag`, `q` and `state`."""
        return self._wire.pages(ScheduleView, "/schedules", filters)

    def show(self, schedule_id: ScheduleId) -> ScheduleView:
        return self._wire.view(ScheduleView, "GET", _at(schedule_id))

    def edit(self, schedule: ScheduleId | ScheduleView, **changes: Any) -> ScheduleView:
        """Change the named fields; the rest stays, and null empties a field that may be empty.

        Give the view that the decision was made on, and an edit by somebody else in between raises Stale.
        With an id alone, the schedule is read first.

        >>> schedule = next(client.schedules.list())
        >>> client.schedules.edit(schedule, priority=80).priority
        80
        """
        read = schedule if isinstance(schedule, ScheduleView) else self.show(schedule)
        draft = exact_draft_of(SchedulePatch, changes)
        headers = {"If-Match": f'"{read.version}"'}
        return self._wire.view(ScheduleView, "PATCH", _at(read.id), draft=draft, headers=headers, once=True)

    def pause(self, schedule_id: ScheduleId, reason: str | None = None) -> ScheduleView:
        draft = draft_of(PauseDraft, {"reason": reason})
        return self._wire.view(ScheduleView, "POST", f"{_at(schedule_id)}/pause", draft=draft, once=True)

    def resume(self, schedule_id: ScheduleId, reason: str | None = None) -> ScheduleView:
        draft = draft_of(PauseDraft, {"reason": reason})
        return self._wire.view(ScheduleView, "POST", f"{_at(schedule_id)}/resume", draft=draft, once=True)

    def delete(self, schedule_id: ScheduleId) -> None:
        """End the schedule. Its runs and their artifacts stay."""
        self._wire.ask("DELETE", _at(schedule_id), once=True)

    def run(
        self,
        schedule_id: ScheduleId,
        parameters: Mapping[str, Any] | None = None,
        *,
        overlap: str = "refuse",
        note: str | None = None,
    ) -> RunView:
        """Run it now, *parameters* merged over its own. Raises Conflicting where one is running."""
        draft = draft_of(
            RunNowDraft, {"parameters": dict(parameters or {}), "overlap": overlap, "note": note}
        )
        return self._wire.view(RunView, "POST", f"{_at(schedule_id)}/run", draft=draft)

    def preview(
        self,
        trigger: Mapping[str, Any] | None = None,
        *,
        schedule_id: ScheduleId | None = None,
        count: int = 5,
        after: str | None = None,
        **fields: Any,
    ) -> PreviewView:
        """The next fire times of a trigger, or of a schedule that is kept; *after* is an RFC 3339 instant.

        *fields* are for a trigger that is not kept: `start_at`, `end_at`, `exclude_dates`, `holidays`,
        `on_excluded`.

        >>> client.schedules.preview({"kind": "cron", "expression": "0 9 * * *"}, count=2).words
        'At 09:00, every day, UTC'
        """
        asked = {"from": after, "count": count}
        if schedule_id is not None:
            kept = draft_of(_KeptPreview, asked)
            return self._wire.view(PreviewView, "POST", f"{_at(schedule_id)}/preview", draft=kept)
        draft = draft_of(PreviewDraft, {**fields, **asked, "trigger": dict(trigger or {})})
        return self._wire.view(PreviewView, "POST", "/schedules/preview", draft=draft)

    def from_rrule(self, rrule: str, *, timezone: str = "UTC", start: str | None = None) -> RRuleView:
        """A recurrence rule of RFC 5545 as fields of a schedule. Raises Refused naming a part without equal.

        >>> client.schedules.from_rrule("FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0").words
        'At 09:00, Monday, UTC'
        """
        draft = draft_of(RRuleDraft, {"rrule": rrule, "timezone": timezone, "start": start})
        return self._wire.view(RRuleView, "POST", "/schedules/from-rrule", draft=draft)

    def backfill(
        self, schedule_id: ScheduleId, since: str, until: str, *, dry_run: bool = False, **fields: Any
    ) -> BackfillView:
        """Run the fire times from *since* to *until* (RFC 3339 instants), or say which they are (*dry_run*).

        *fields*: `redo` (`missing`, `failed` or `all`), `priority`, `concurrency`, `parameters`, `note`.

        >>> nine = {"kind": "cron", "expression": "0 9 * * *"}
        >>> daily = client.schedules.create("Daily sales, filled in", "daily_sales.ipynb", nine)
        >>> day = ("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z")
        >>> client.schedules.backfill(daily.id, *day, dry_run=True).count
        1
        """
        given = {**fields, "since": since, "until": until, "dry_run": dry_run}
        draft = draft_of(BackfillDraft, given)
        return self._wire.view(BackfillView, "POST", f"{_at(schedule_id)}/backfill", draft=draft)

    def make_hook(self, schedule_id: ScheduleId) -> HookView:
        """Open the hook of an event schedule, or change its secret, which the answer shows this once."""
        return self._wire.view(HookView, "POST", f"{_at(schedule_id)}/hook", once=True)

    def close_hook(self, schedule_id: ScheduleId) -> None:
        """Close the hook: its secret opens nothing any more."""
        self._wire.ask("DELETE", f"{_at(schedule_id)}/hook", once=True)

    def occurrences(self, schedule_id: ScheduleId, **filters: Any) -> Iterator[OccurrenceView]:
        """The ledger: every fire time, the newest first, and what became of it."""
        return self._wire.pages(OccurrenceView, f"{_at(schedule_id)}/occurrences", filters)

    def latest(self, schedule_id: ScheduleId, *, successful: bool = False) -> RunView:
        """The last run that ended, or the last that succeeded. Raises Missing where there is none."""
        name = "latest-successful" if successful else "latest"
        return self._wire.view(RunView, "GET", f"{_at(schedule_id)}/{name}")


class Tokens:
    """Bearer tokens. The secret is shown once, in the answer to `create`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(self, name: str, scopes: Sequence[str], **fields: Any) -> TokenView:
        """Make a token. *fields*: `kind`, `owner`, `pools`, `expires_in_days`."""
        draft = draft_of(TokenDraft, {**fields, "name": name, "scopes": [*scopes]})
        return self._wire.view(TokenView, "POST", "/tokens", draft=draft, once=True)

    def list(self) -> Iterator[TokenView]:
        return self._wire.pages(TokenView, "/tokens", {})

    def revoke(self, token_id: str) -> None:
        self._wire.ask("DELETE", f"/tokens{segment(token_id)}", once=True)


class Pools:
    """Named groups of workers."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self) -> Sequence[PoolView]:
        return self._wire.view(PoolList, "GET", "/pools").items

    def create(self, name: str, **fields: Any) -> PoolView:
        """Make a pool.

        *fields*: `description`, `concurrency`, `lease_seconds`, `max_timeout_seconds`, `limits` (a mapping).
        """
        return self._wire.view(
            PoolView, "POST", "/pools", draft=draft_of(PoolDraft, {**fields, "name": name})
        )

    def show(self, name: str) -> PoolView:
        return self._wire.view(PoolView, "GET", f"/pools{segment(name)}")

    def edit(self, pool: str | PoolView, **changes: Any) -> PoolView:
        """Change the named fields, `limits` one by one; the rest stays. With a name, the pool is read first.

        It holds for runs that are claimed from then on. Raises Stale where somebody else was faster.
        """
        read = pool if isinstance(pool, PoolView) else self.show(pool)
        draft = exact_draft_of(PoolPatch, changes)
        headers = {"If-Match": f'"{read.version}"'}
        return self._wire.view(
            PoolView, "PATCH", f"/pools{segment(read.name)}", draft=draft, headers=headers, once=True
        )

    def workers(self) -> Sequence[WorkerView]:
        return self._wire.view(WorkerList, "GET", "/workers").items

    def kernels(self) -> Sequence[KernelView]:
        return self._wire.view(KernelList, "GET", "/kernels").items


def _at(schedule_id: ScheduleId) -> str:
    return f"/schedules{segment(schedule_id)}"
