"""The lease protocol: what workers say and ask. Every write carries the fence of its attempt."""

import base64
import json
import random
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from sqlmodel import Session

from nightbook.adapters import metrics
from nightbook.adapters.database import moment_of
from nightbook.api.bodies import chunks_of
from nightbook.api.deps import House, Now, Reading, TheHouse, WorkerCaller, Writing
from nightbook.api.notebooks import verified_bytes
from nightbook.core.errors import Invalid, TooLarge
from nightbook.core.parameters import SPECIAL
from nightbook.core.states import FINAL
from nightbook.records import leases, notebooks, pools, runs
from nightbook.records.access import Caller
from nightbook.records.pools import HEARTBEAT_SECONDS, POLL_SECONDS
from nightbook.records.runs import Attempt, Run
from nightbook.schemas import (
    CancelList,
    ClaimAnswer,
    ClaimDraft,
    FinishAnswer,
    FinishDraft,
    FinishedArtifact,
    Heartbeat,
    HeartbeatAnswer,
    JournalAnswer,
    NotebookPin,
    OutputLimits,
    Registered,
    RunOrder,
    SourceView,
    WorkerRegistration,
)

router = APIRouter(prefix="/worker", tags=["worker"])

Fence = Annotated[int, Query(ge=0, le=2**31)]
_ROLES = {"notebook.ipynb": "notebook", "manifest.json": "manifest", "journal.jsonl": "journal"}
_CHUNK_LIMIT = OutputLimits().artifact_bytes


@router.post("/register")
def register(
    registration: WorkerRegistration, session: Writing, caller: WorkerCaller, now: Now
) -> Registered:
    """Say who you are: at the start, and whenever an answer is `not_registered`."""
    moment = moment_of(session, now)
    pool = pools.register(session, registration, caller=caller, now=moment)
    return Registered(
        worker_id=registration.id,
        # A short lease needs a quick heartbeat: several must fit before the worker fences itself.
        heartbeat_seconds=min(HEARTBEAT_SECONDS, pool.lease_seconds / 6),
        lease_seconds=pool.lease_seconds,
        poll_seconds=POLL_SECONDS,
    )


@router.post("/heartbeat")
def heartbeat(beat: Heartbeat, session: Writing, caller: WorkerCaller, now: Now) -> HeartbeatAnswer:
    """Lengthen the leases of all your attempts; learn which are cancelled and which are no longer yours."""
    moment = moment_of(session, now)
    worker = pools.seen(session, beat.worker_id, caller=caller, now=moment, draining=beat.draining)
    return HeartbeatAnswer(attempts=leases.renew(session, worker, beat.attempts, moment))


@router.get("/cancels")
def cancels(worker_id: UUID, session: Reading, caller: WorkerCaller) -> CancelList:
    """Your attempts that a person asked to cancel. Ask every second while any of them runs."""
    worker = pools.require_worker(session, worker_id, caller=caller)
    return CancelList(items=leases.cancelling(session, worker))


@router.post("/claim")
def claim(
    draft: ClaimDraft,
    session: Writing,
    caller: WorkerCaller,
    now: Now,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> ClaimAnswer:
    """Take the best run of your pool that may start now. The same key gives the same attempt again."""
    moment = moment_of(session, now)
    worker = pools.seen(session, draft.worker_id, caller=caller, now=moment)
    caller.require_pool(worker.pool)
    pool = pools.require(session, worker.pool)
    taken = leases.claim(session, worker, pool, key=idempotency_key, caller=caller, now=moment)
    if taken is None:
        return ClaimAnswer(order=None)
    run, attempt = taken
    if run.queued_at is not None:
        metrics.QUEUE_WAIT.labels(run.pool).observe((moment - run.queued_at).total_seconds())
    return ClaimAnswer(order=_order(session, run, attempt))


def _order(session: Session, run: Run, attempt: Attempt) -> RunOrder:
    tries = runs.attempts_of(session, [run.id])[run.id]
    return RunOrder(
        run_id=run.id,
        attempt_id=attempt.id,
        attempt=len(tries),
        fence=attempt.fence,
        lease_seconds=run.lease_seconds or 0,
        notebook=NotebookPin(path=run.notebook_path, sha256=run.notebook_sha256),
        parameters={**_special(session, run), **run.parameters},
        kernel=run.kernel,
        timeout_seconds=run.timeout_seconds,
        cell_timeout_seconds=run.cell_timeout_seconds,
        pool=run.pool,
        trigger=run.kind,
        triggered_by=run.created_by,
        schedule_id=run.schedule_id,
        schedule_name=run.schedule_name,
        fire_at=run.fire_at,
        rerun_of=run.rerun_of,
        created_at=run.created_at,
        limits=OutputLimits(),
    )


def _special(session: Session, run: Run) -> dict[str, str]:
    """The values that the platform fills in, for a notebook that declares them."""
    version = notebooks.require_version(session, run.notebook_sha256 or "")
    declared = {parameter.name for parameter in version.declared.parameters} & SPECIAL
    values = {"nightbook_run_id": str(run.id)}
    if run.schedule_name:
        values["nightbook_schedule"] = run.schedule_name
    if run.fire_at:
        values["nightbook_fire_time"] = _instant(run.fire_at)
    if run.schedule_id and "nightbook_previous_success" in declared:
        previous = runs.previous_success(session, run.schedule_id, run.fire_at or run.created_at)
        if previous:
            values["nightbook_previous_success"] = _instant(previous)
    return {name: value for name, value in values.items() if name in declared}


def _instant(moment: Now) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@router.get("/attempts/{attempt_id}/source")
def source(
    attempt_id: UUID, fence: Fence, session: Writing, caller: WorkerCaller, the_house: TheHouse
) -> SourceView:
    """The pinned notebook and the files declared beside it."""
    run, _ = leases.require_held(session, attempt_id, fence, caller=caller)
    version = notebooks.require_version(session, run.notebook_sha256 or "")
    return SourceView(
        sha256=version.sha256,
        content=json.loads(verified_bytes(the_house.store, version.content_sha256)),
        files=[
            {"path": path, "base64": base64.b64encode(verified_bytes(the_house.store, sha256)).decode()}
            for path, sha256 in sorted(version.files.items())
        ],
    )


@router.put("/attempts/{attempt_id}/journal")
def append_journal(
    attempt_id: UUID,
    fence: Fence,
    offset: Annotated[int, Query(ge=0, le=2**40)],
    request: Request,
    session: Writing,
    caller: WorkerCaller,
    now: Now,
) -> JournalAnswer:
    """Append to the record of an attempt. Once its first bytes are accepted, cells may run."""
    body = b"".join(chunks_of(request))
    if body and not body.endswith(b"\n"):
        raise Invalid("torn_line", "Send whole lines.", field="body")
    end = leases.append_journal(session, attempt_id, fence, offset=offset, body=body, caller=caller, now=now)
    return JournalAnswer(next_offset=end)


@router.put("/attempts/{attempt_id}/artifacts/{name:path}")
def upload_artifact(
    attempt_id: UUID, name: str, fence: Fence, request: Request, caller: WorkerCaller, the_house: TheHouse
) -> FinishedArtifact:
    """Store the bytes of an artifact; they become visible with `finish`."""
    _require_held(the_house, attempt_id, fence, caller)
    _require_name(name)
    # No transaction is open while the bytes come: a slow upload must not hold a lock.
    stored = the_house.store.put(chunks_of(request), limit=_CHUNK_LIMIT)
    media_type = request.headers.get("content-type", "application/octet-stream")
    return FinishedArtifact.model_validate(
        {
            "name": name,
            "sha256": stored.sha256,
            "size": stored.size,
            "media_type": media_type[:200],
            "role": _ROLES.get(name, "output"),
        }
    )


def _require_held(house: House, attempt_id: UUID, fence: int, caller: Caller) -> None:
    with house.reading() as session:
        leases.check_held(session, attempt_id, fence, caller=caller)


def _require_name(name: str) -> None:
    if len(name) > 512:
        raise TooLarge("name_too_long", "An artifact's name has at most 512 characters.", field="name")
    if name not in _ROLES and not name.startswith("outputs/"):
        raise Invalid("bad_name", "Artifacts beside the three of ours lie under outputs/.", field="name")


@router.post("/attempts/{attempt_id}/finish")
def finish(
    attempt_id: UUID,
    draft: FinishDraft,
    session: Writing,
    caller: WorkerCaller,
    the_house: TheHouse,
    now: Now,
) -> FinishAnswer:
    """End an attempt: its artifacts, its state and the run's in one transaction."""
    for index, artifact in enumerate(draft.artifacts):
        if not the_house.store.exists(artifact.sha256):
            raise Invalid("not_uploaded", "Upload this artifact first.", field=f"artifacts.{index}.sha256")
    run = leases.finish(session, attempt_id, draft, caller=caller, now=now, jitter=random.random())  # noqa: S311
    if run.state in FINAL:
        metrics.RUNS_ENDED.labels(run.pool, run.state, run.failure_class or "", run.kind).inc()
        if run.started_at:
            metrics.RUN_DURATION.labels(run.pool).observe(max(0.0, (now - run.started_at).total_seconds()))
    return FinishAnswer(run_id=run.id, state=run.state)
