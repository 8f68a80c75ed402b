"""The lease protocol: what workers say and ask. Every write carries the fence of its attempt."""

import asyncio
import base64
import json
import random
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from sqlmodel import Session

from nightbook.adapters import metrics
from nightbook.adapters.database import moment_of
from nightbook.adapters.notices import BOARD, worker_topic
from nightbook.api.bodies import chunks_of
from nightbook.api.deps import PREFIX, House, Now
from nightbook.api.desk import TheDesk
from nightbook.api.leavings import ROLES, keep, require_name, require_whole_lines, tail_of
from nightbook.api.notebooks import verified_bytes
from nightbook.core.errors import Fault
from nightbook.core.parameters import SPECIAL
from nightbook.core.states import FINAL
from nightbook.records import claims, leases, notebooks, pools, runs
from nightbook.records.notebooks import Version
from nightbook.records.pools import HEARTBEAT_SECONDS, POLL_SECONDS, Pool
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
    Limits,
    NotebookPin,
    OutputLimits,
    Registered,
    RunOrder,
    SourceView,
    WorkerRegistration,
)
from nightbook.schemas.manifests import GitRecord

router = APIRouter(prefix=f"{PREFIX}/worker", tags=["worker"])

Fence = Annotated[int, Query(ge=0, le=2**31)]
_MOST_KNOWN = 100
_CHUNK_LIMIT = OutputLimits().artifact_bytes
#: A source up to this size comes with the order.
_SMALL_SOURCE = 64 * 1024
_CANCELS_LOOK_SECONDS = 5.0


@router.post("/register")
async def register(registration: WorkerRegistration, desk: TheDesk, now: Now) -> Registered:
    """Say who you are: at the start, and whenever an answer is `not_registered`."""

    def act(session: Session) -> Registered:
        moment = moment_of(session, now)
        pool = pools.register(session, registration, caller=desk.caller, now=moment)
        return Registered(
            worker_id=registration.id,
            # A short lease needs a quick heartbeat: several must fit before the worker fences itself.
            heartbeat_seconds=min(HEARTBEAT_SECONDS, pool.lease_seconds / 6),
            lease_seconds=pool.lease_seconds,
            poll_seconds=POLL_SECONDS,
        )

    return await desk.write(act)


@router.post("/heartbeat")
async def heartbeat(beat: Heartbeat, desk: TheDesk, now: Now) -> HeartbeatAnswer:
    """Lengthen the leases of all your attempts; learn which are cancelled and which are no longer yours."""

    def act(session: Session) -> HeartbeatAnswer:
        moment = moment_of(session, now)
        worker = pools.seen(session, beat.worker_id, caller=desk.caller, now=moment, draining=beat.draining)
        return HeartbeatAnswer(attempts=leases.renew(session, worker, beat.attempts, moment))

    return await desk.write(act)


@router.get("/cancels")
async def cancels(
    worker_id: UUID,
    desk: TheDesk,
    wait_seconds: Annotated[float, Query(ge=0, le=20)] = 0,
    known: Annotated[list[UUID] | None, Query(max_length=_MOST_KNOWN)] = None,
) -> CancelList:
    """Your attempts that a person asked to cancel, but those `known` to you.

    None is answered after `wait_seconds` at the earliest.
    """

    def act(session: Session) -> CancelList:
        worker = pools.require_worker(session, worker_id, caller=desk.caller)
        return CancelList(items=leases.cancelling(session, worker, known or ()))

    loop = asyncio.get_running_loop()
    until = loop.time() + wait_seconds
    with BOARD.watch(worker_topic(worker_id)) as watch:
        while True:
            found = await desk.read(act)
            left = until - loop.time()
            if found.items or left <= 0 or desk.is_stopping:
                return found
            await watch.changed(min(left, _CANCELS_LOOK_SECONDS))


@router.post("/claim")
async def claim(
    draft: ClaimDraft,
    desk: TheDesk,
    now: Now,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> ClaimAnswer:
    """Take the best run of your pool that may start now. The same key gives the same attempt again."""
    key, caller = idempotency_key, desk.caller

    def is_worth_it(session: Session) -> bool:
        worker = pools.require_worker(session, draft.worker_id, caller=caller)
        caller.require_pool(worker.pool)
        moment = moment_of(session, now)
        return not pools.is_fresh(worker, moment) or claims.may_claim(session, worker, key=key, now=moment)

    def take(session: Session) -> ClaimAnswer:
        moment = moment_of(session, now)
        worker = pools.seen(session, draft.worker_id, caller=caller, now=moment)
        pool = pools.require(session, worker.pool)
        taken = claims.claim(session, worker, pool, key=key, caller=caller, now=moment)
        if taken is None:
            return ClaimAnswer(order=None)
        run, attempt = taken
        if run.queued_at is not None:
            metrics.QUEUE_WAIT.labels(run.pool).observe((moment - run.queued_at).total_seconds())
        waiting = runs.is_waiting(session, pool.name, moment)
        return ClaimAnswer(order=_order(session, desk.house, run, attempt, pool), waiting=waiting)

    # Most claims find nothing: those look only, and take no lock.
    return await desk.write(take) if await desk.read(is_worth_it) else ClaimAnswer(order=None)


def _order(session: Session, house: House, run: Run, attempt: Attempt, pool: Pool) -> RunOrder:
    version = notebooks.require_version(session, run.notebook_sha256 or "")
    tries = runs.attempts_of(session, [run.id])[run.id]
    return RunOrder(
        run_id=run.id,
        attempt_id=attempt.id,
        attempt=len(tries),
        fence=attempt.fence,
        lease_seconds=run.lease_seconds or 0,
        notebook=NotebookPin(path=run.notebook_path, sha256=run.notebook_sha256),
        parameters={**_special(session, run, version), **run.parameters},
        kernel=run.kernel,
        timeout_seconds=run.timeout_seconds,
        cell_timeout_seconds=run.cell_timeout_seconds,
        fork_kernel=run.fork_kernel,
        pool=run.pool,
        trigger=run.kind,
        triggered_by=run.created_by,
        schedule_id=run.schedule_id,
        schedule_name=run.schedule_name,
        fire_at=run.fire_at,
        rerun_of=run.rerun_of,
        created_at=run.created_at,
        git=GitRecord.model_validate(version.git) if version.git else None,
        limits=Limits.model_validate(pool.limits),
        source=_small_source(house, version),
    )


def _special(session: Session, run: Run, version: Version) -> dict[str, str]:
    """The values that the platform fills in, for a notebook that declares them."""
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


def _small_source(house: House, version: Version) -> str | None:
    """The source as text, if it is small and can be read now; whoever asks for it is told what is wrong."""
    if version.files or version.size > _SMALL_SOURCE:
        return None
    try:
        return _source(house, version).decode()
    except Fault:
        return None


def _source(house: House, version: Version) -> bytes:
    """A SourceView as JSON; the notebook goes through as it was kept, unparsed."""
    content = verified_bytes(house.store, version.content_sha256)
    files = [
        {"path": path, "base64": base64.b64encode(verified_bytes(house.store, sha256)).decode()}
        for path, sha256 in sorted(version.files.items())
    ]
    return b'{"sha256":"%s","content":%s,"files":%s}' % (
        version.sha256.encode(),
        content,
        json.dumps(files).encode(),
    )


@router.get("/attempts/{attempt_id}/source", response_model=SourceView)
async def source(attempt_id: UUID, fence: Fence, desk: TheDesk) -> Response:
    """The pinned notebook and the files declared beside it."""

    def act(session: Session) -> Version:
        run = leases.check_held(session, attempt_id, fence, caller=desk.caller)
        return notebooks.require_version(session, run.notebook_sha256 or "")

    version = await desk.read(act)
    body = await desk.take_in(partial(_source, desk.house, version))
    return Response(body, media_type="application/json")


@router.put("/attempts/{attempt_id}/journal")
async def append_journal(
    attempt_id: UUID,
    fence: Fence,
    offset: Annotated[int, Query(ge=0, le=2**40)],
    request: Request,
    desk: TheDesk,
    now: Now,
) -> JournalAnswer:
    """Append to the record of an attempt. Once its first bytes are accepted, cells may run."""
    body = await request.body()
    require_whole_lines(body, "body")

    def act(session: Session) -> JournalAnswer:
        end = leases.append_journal(
            session, attempt_id, fence, offset=offset, body=body, caller=desk.caller, now=now
        )
        return JournalAnswer(next_offset=end)

    return await desk.write(act)


@router.put("/attempts/{attempt_id}/artifacts/{name:path}")
async def upload_artifact(
    attempt_id: UUID, name: str, fence: Fence, request: Request, desk: TheDesk
) -> FinishedArtifact:
    """Store the bytes of an artifact; they become visible with `finish`."""
    await desk.read(lambda session: leases.check_held(session, attempt_id, fence, caller=desk.caller))
    require_name(name, "name")
    # No transaction is open while the bytes come: a slow upload must not hold a lock.
    stored = await desk.take_in(lambda: desk.house.store.put(chunks_of(request), limit=_CHUNK_LIMIT))
    media_type = request.headers.get("content-type", "application/octet-stream")
    return FinishedArtifact.model_validate(
        {
            "name": name,
            "sha256": stored.sha256,
            "size": stored.size,
            "media_type": media_type[:200],
            "role": ROLES.get(name, "output"),
        }
    )


@router.post("/attempts/{attempt_id}/finish")
async def finish(attempt_id: UUID, draft: FinishDraft, desk: TheDesk, now: Now) -> FinishAnswer:
    """End an attempt: its artifacts, its state and the run's in one transaction."""
    tail = tail_of(draft)
    await desk.take_in(partial(keep, desk.house, attempt_id, draft, tail, caller=desk.caller))

    def act(session: Session) -> FinishAnswer:
        run = leases.finish(
            session,
            attempt_id,
            draft,
            tail=tail,
            caller=desk.caller,
            now=now,
            jitter=random.random(),  # noqa: S311
        )
        if run.state in FINAL:
            metrics.RUNS_ENDED.labels(run.pool, run.state, run.failure_class or "", run.kind).inc()
            if run.started_at:
                seconds = (now - run.started_at).total_seconds()
                metrics.RUN_DURATION.labels(run.pool).observe(max(0.0, seconds))
        return FinishAnswer(run_id=run.id, state=run.state, waiting=runs.is_waiting(session, run.pool, now))

    return await desk.write(act)
