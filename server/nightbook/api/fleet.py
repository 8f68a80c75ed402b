"""Routes of pools, workers, kernels and limits: who can run what, and within which bounds."""

from collections.abc import Sequence
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlmodel import Session

from nightbook.adapters.chromium import PrintLimits
from nightbook.adapters.database import moment_of
from nightbook.api.bodies import BodyLimits
from nightbook.api.deps import (
    PREFIX,
    Admin,
    AnyCaller,
    IfMatch,
    Now,
    Reading,
    RunsReader,
    Writing,
    answered_once,
    json_answer,
    version_of,
)
from nightbook.api.notebooks import MAX_FILES_BYTES, MAX_NOTEBOOK_BYTES
from nightbook.records import pools, runs
from nightbook.records.pools import Pool, Worker
from nightbook.schemas import (
    KernelList,
    KernelView,
    LimitList,
    LimitView,
    OutputLimits,
    PoolDraft,
    PoolList,
    PoolName,
    PoolPatch,
    PoolView,
    WorkerList,
    WorkerView,
)

router = APIRouter(prefix=PREFIX, tags=["fleet"])


@router.get("/pools")
def list_pools(session: Reading, _caller: RunsReader, now: Now) -> PoolList:
    """The pools, with their workers, free slots and oldest wait."""
    return PoolList(items=pool_views(session, moment_of(session, now)))


def pool_views(session: Session, now: datetime) -> list[PoolView]:
    running = runs.running_by(session, "pool")
    waiting = {pool: (count, oldest) for pool, count, oldest in runs.waiting_by_pool(session, now)}
    workers = pools.by_pool(session)
    return [
        _pool_view(pool, workers.get(pool.name, []), running.get(pool.name, 0), waiting.get(pool.name), now)
        for pool in pools.all_pools(session)
    ]


def _pool_view(
    pool: Pool,
    workers: Sequence[Worker],
    running: int,
    waiting: tuple[int, datetime] | None,
    now: datetime,
) -> PoolView:
    states = [pools.state_of(worker, pool, now) for worker in workers]
    alive = [worker for worker, state in zip(workers, states, strict=True) if state == "alive"]
    slots = sum(worker.slots for worker in alive)
    count, oldest = waiting or (0, None)
    return PoolView.model_validate(
        {
            **pool.model_dump(),
            "workers": len(alive),
            "silent_workers": states.count("silent"),
            "slots": slots,
            "free_slots": max(0, slots - running),
            "queued": count,
            "running": running,
            "oldest_queued_at": oldest,
        }
    )


@router.post("/pools", status_code=201, response_model=PoolView)
def create_pool(
    request: Request, draft: PoolDraft, session: Writing, caller: Admin, now: Now
) -> JSONResponse:
    """Make a pool; workers join it by name, with a token that covers it."""

    def act() -> PoolView:
        return _pool_view(pools.create(session, draft, caller=caller, now=now), [], 0, None, now)

    return answered_once(request, session, caller, draft, act, moment=now)


@router.get("/pools/{name}", response_model=PoolView)
def show_pool(name: PoolName, session: Reading, _caller: RunsReader, now: Now) -> JSONResponse:
    """One pool, with its workers, free slots and oldest wait."""
    return _answer(session, pools.find(session, name), moment_of(session, now))


@router.patch("/pools/{name}", response_model=PoolView)
def change_pool(
    name: PoolName,
    patch: PoolPatch,
    session: Writing,
    caller: Admin,
    now: Now,
    if_match: IfMatch = None,
) -> JSONResponse:
    """Change the fields that are sent, limits one by one; it holds for runs that are claimed from now on."""
    pool = pools.find(session, name, for_change=True)
    pools.change(session, pool, patch, read=version_of(if_match), caller=caller, now=now)
    return _answer(session, pool, now)


def _answer(session: Session, pool: Pool, now: datetime) -> JSONResponse:
    view = next(view for view in pool_views(session, now) if view.name == pool.name)
    return json_answer(view, headers={"ETag": f'"{pool.version}"'})


@router.get("/workers")
def list_workers(session: Reading, _caller: RunsReader, now: Now) -> WorkerList:
    """The workers, those heard of last first."""
    moment = moment_of(session, now)
    by_name = {pool.name: pool for pool in pools.all_pools(session)}
    running = runs.running_by(session, "worker_id")
    return WorkerList(
        items=[
            WorkerView.model_validate(
                {
                    **worker.model_dump(exclude={"kernels"}),
                    "kernels": worker.kernel_names,
                    "state": pools.state_of(worker, by_name[worker.pool], moment),
                    "running": running.get(worker.id, 0),
                    "last_seen_at": worker.seen_at,
                }
            )
            for worker in pools.workers(session)
        ]
    )


@router.get("/kernels")
def list_kernels(session: Reading, _caller: RunsReader) -> KernelList:
    """The kernels that workers really have, and in which pools."""
    found: dict[str, KernelView] = {}
    for pool in pools.all_pools(session):
        for name, kernel in pools.kernels_of(session, pool.name).items():
            view = found.setdefault(name, KernelView.model_validate({**kernel, "pools": []}))
            view.pools.append(pool.name)
    return KernelList(items=sorted(found.values(), key=lambda kernel: kernel.name))


@router.get("/limits")
def list_limits(_caller: AnyCaller) -> LimitList:
    """The limits that are enforced."""
    bodies, outputs, prints = BodyLimits(), OutputLimits(), PrintLimits()
    return LimitList(
        items=[
            LimitView(name="json_body", value=bodies.json_bytes, unit="bytes", applies_to="every JSON body"),
            LimitView(
                name="notebook_upload", value=bodies.upload_bytes, unit="bytes", applies_to="POST /notebooks"
            ),
            LimitView(
                name="notebook",
                value=MAX_NOTEBOOK_BYTES,
                unit="bytes",
                applies_to="a notebook without outputs",
            ),
            LimitView(
                name="sibling_files", value=MAX_FILES_BYTES, unit="bytes", applies_to="the files of a version"
            ),
            LimitView(name="cells", value=5000, unit="cells", applies_to="a notebook"),
            LimitView(name="parameters", value=200, unit="parameters", applies_to="a run or schedule"),
            LimitView(name="page", value=200, unit="items", applies_to="every list"),
            LimitView(name="preview", value=1000, unit="fire times", applies_to="POST /schedules/preview"),
            LimitView(
                name="cell_output",
                value=outputs.cell_output_bytes,
                unit="bytes",
                applies_to="a cell; then a note",
            ),
            LimitView(
                name="run_output",
                value=outputs.run_output_bytes,
                unit="bytes",
                applies_to="a run; then a note",
            ),
            LimitView(
                name="artifact", value=outputs.artifact_bytes, unit="bytes", applies_to="a file in ./outputs/"
            ),
            LimitView(
                name="artifacts", value=outputs.artifacts, unit="files", applies_to="./outputs/ of a run"
            ),
            LimitView(
                name="export_pdf", value=prints.pdf_bytes, unit="bytes", applies_to="a run's export as PDF"
            ),
            LimitView(
                name="export_time", value=prints.seconds, unit="seconds", applies_to="a run's export as PDF"
            ),
            LimitView(name="run_time", value=604_800, unit="seconds", applies_to="timeout_seconds"),
            LimitView(name="logins", value=LOGINS_PER_MINUTE, unit="tries a minute", applies_to="an address"),
        ]
    )


LOGINS_PER_MINUTE = 20
