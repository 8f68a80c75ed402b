"""A small world for tests of rows: Ana's notebook, schedules and runs, and workers that take them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session

from nightbook.core.clock import new_id
from nightbook.records import claims, leases, notebooks, pools, runs, schedules, specs
from nightbook.records.access import AUTHOR_SCOPES, Caller
from nightbook.records.notebooks import Version
from nightbook.records.pools import Pool, Worker
from nightbook.records.runs import Attempt, Run
from nightbook.records.schedules import Schedule
from nightbook.schemas import FinishDraft, ScheduleDraft, WorkerRegistration

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ANA = Caller("ana", "ana-token", frozenset(AUTHOR_SCOPES))
PATH = "report.ipynb"
SPEC = {*specs.SpecDraft.__annotations__} - {"notebook"}
PARAMETERS = [
    {
        "name": "region",
        "type": "str",
        "default": "north",
        "help": "",
        "required": False,
        "nullable": False,
        "choices": None,
        "editable": True,
        "expression": None,
        "item_type": None,
    }
]


def at(clock: str) -> datetime:
    """A moment of the day of these tests, for example 11:30 or 11:30:05."""
    parts = [int(part) for part in clock.split(":")]
    return NOON.replace(hour=parts[0], minute=parts[1], second=parts[2] if len(parts) > 2 else 0)


def version(
    session: Session,
    *,
    sha256: str = "a" * 64,
    parameters: Any = PARAMETERS,
    path: str = PATH,
    now: datetime = NOON,
) -> Version:
    made = Version(
        sha256=sha256,
        content_sha256=sha256,
        size=1,
        kernel="python3",
        language="python",
        parameters=parameters,
        has_parameters_cell=True,
        files={},
        findings=[],
        created_at=NOON,
        created_by="ana",
    )
    return notebooks.upload(session, made, path=path, caller=ANA, now=now)[0]


def schedule(session: Session, *, now: datetime = NOON - timedelta(hours=3), **fields: Any) -> Schedule:
    """A schedule of the notebook at PATH, by default every hour in UTC."""
    if notebooks.latest(session, PATH) is None:
        version(session)
    trigger = fields.pop("trigger", {"kind": "cron", "expression": "0 * * * *", "timezone": "UTC"})
    name = fields.pop("name", f"schedule {new_id()}")
    draft = ScheduleDraft.model_validate({"name": name, "trigger": trigger, "notebook": PATH, **fields})
    spec_fields = {*specs.SpecDraft.__annotations__, "notebook", "paused"}
    facts = {name: getattr(draft, name) for name in ScheduleDraft.model_fields if name not in spec_fields}
    facts["trigger"] = draft.trigger.model_dump(mode="json")
    spec = specs.check(session, draft).spec
    return schedules.create(session, spec, facts, caller=ANA, now=now, is_paused=draft.paused)


def run(session: Session, *, now: datetime = NOON, **fields: Any) -> Run:
    """A run by hand that waits for a worker."""
    spec_fields = {key: fields.pop(key) for key in list(fields) if key in SPEC}
    if notebooks.latest(session, PATH) is None:
        version(session)
    draft = ScheduleDraft.model_validate(
        {"name": "of a run", "trigger": {"kind": "manual"}, "notebook": PATH, **spec_fields}
    )
    spec = specs.check(session, draft).pinned
    return runs.create(session, spec, kind="manual", owner="ana", created_by="ana", now=now, **fields)


def worker(
    session: Session, *, name: str = "w1", kernels: tuple[str, ...] = ("python3",)
) -> tuple[Worker, Caller]:
    caller = Caller(name, f"{name}-token", frozenset({"worker"}), frozenset({"default"}))
    registration = WorkerRegistration.model_validate(
        {
            "id": str(new_id()),
            "name": name,
            "pool": "default",
            "slots": 4,
            "host": "here",
            "pid": 1,
            "version": "0",
            "kernels": [{"name": kernel, "display_name": kernel, "language": "python"} for kernel in kernels],
        }
    )
    pools.register(session, registration, caller=caller, now=NOON)
    return session.get_one(Worker, registration.id), caller


def claim(
    session: Session, who: tuple[Worker, Caller], *, now: datetime = NOON, key: str | None = None
) -> tuple[Run, Attempt] | None:
    return claims.claim(session, who[0], session.get_one(Pool, "default"), key=key, caller=who[1], now=now)


def finish(
    session: Session,
    attempt: Attempt,
    who: tuple[Worker, Caller],
    state: str = "succeeded",
    *,
    class_: str | None = None,
    now: datetime = NOON,
    fence: int | None = None,
) -> Run:
    copy = [
        {"name": name, "sha256": "b" * 64, "size": 1, "media_type": "application/json", "role": role}
        for name, role in (("notebook.ipynb", "notebook"), ("manifest.json", "manifest"))
    ]
    draft = FinishDraft.model_validate(
        {
            "fence": attempt.fence if fence is None else fence,
            "state": state,
            "class": class_,
            "reason": f"it {state}",
            "artifacts": copy if state != "handed_back" else [],
        }
    )
    return leases.finish(session, attempt.id, draft, caller=who[1], now=now, jitter=0.5)


def begin(session: Session, attempt: Attempt, who: tuple[Worker, Caller], body: bytes = b'{"n":0}\n') -> int:
    return leases.append_journal(
        session, attempt.id, attempt.fence, offset=0, body=body, caller=who[1], now=NOON
    )


def ledger(session: Session, schedule_id: UUID) -> list[tuple[datetime | None, str, str | None]]:
    """Fire time, state and reason of every row, the oldest first."""
    rows = runs.occurrences(session, schedule_id, before=None, limit=10_000)
    return [(row.fire_at, row.state, row.reason) for row in reversed(rows)]
