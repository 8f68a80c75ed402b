"""Outside the API: is it alive, is it ready, and its metrics."""

import ipaddress
import time

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import CollectorRegistry
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nightbook import __version__
from nightbook.adapters import metrics
from nightbook.adapters.database import is_at_head
from nightbook.api.deps import House, TheHouse, current_caller
from nightbook.core.clock import utc_now
from nightbook.records import pools, runs, schedules

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok", "version": __version__}


@router.get("/readyz")
def ready(the_house: TheHouse) -> JSONResponse:
    """Database, artifact store and broker answer. Without the broker the platform works, only slower."""
    found = {
        "database": _database(the_house),
        "storage": "ok" if the_house.store.check() else "away",
        "broker": "ok" if the_house.ringer.check() else "away",
    }
    is_ready = found["database"] == "ok" and found["storage"] == "ok"
    return JSONResponse({"ready": is_ready, **found}, status_code=200 if is_ready else 503)


def _database(the_house: House) -> str:
    try:
        return "ok" if is_at_head(the_house.engine) else "not migrated"
    except SQLAlchemyError:
        return "away"


@router.get("/metrics")
def scrape(request: Request, the_house: TheHouse) -> Response:
    """Prometheus metrics; from another machine with a token that may read runs."""
    if not _is_local(request):
        current_caller(request, the_house).require("runs:read")
    own = CollectorRegistry()
    own.register(_Rows(the_house))
    return Response(generate_latest(REGISTRY) + generate_latest(own), media_type=CONTENT_TYPE_LATEST)


def _is_local(request: Request) -> bool:
    try:
        address = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:
        return False
    # Behind a proxy everybody comes from loopback.
    return (
        address.is_loopback
        and "x-forwarded-for" not in request.headers
        and "forwarded" not in request.headers
    )


class _Rows:
    """Gauges that are counted from the rows at each scrape."""

    def __init__(self, house: House) -> None:
        self._house = house

    def collect(self) -> list[GaugeMetricFamily]:
        now = utc_now()
        open_runs = GaugeMetricFamily("nightbook_runs", "Runs that wait or run", labels=["pool", "state"])
        oldest = GaugeMetricFamily(
            "nightbook_oldest_queued_age_seconds", "Age of the oldest wait", labels=["pool"]
        )
        workers = GaugeMetricFamily("nightbook_workers", "Workers", labels=["pool", "state"])
        by_state = GaugeMetricFamily("nightbook_schedules", "Schedules", labels=["state"])
        build = GaugeMetricFamily("nightbook_build_info", "This release", labels=["version"])
        build.add_metric([__version__], 1)
        with self._house.reading() as session:
            for pool_name, state, count in runs.count_by_pool_and_state(session):
                open_runs.add_metric([pool_name, state], count)
            for pool_name, _, since in runs.waiting_by_pool(session, now):
                oldest.add_metric([pool_name], max(0.0, (now - since).total_seconds()))
            for pool in pools.all_pools(session):
                found = [pools.state_of(worker, pool, now) for worker in pools.workers(session, pool.name)]
                for worker_state in ("alive", "draining", "silent"):
                    workers.add_metric([pool.name, worker_state], found.count(worker_state))
            for state, count in schedules.count_by_state(session).items():
                by_state.add_metric([state], count)
        return [open_runs, oldest, workers, by_state, build]


class Measure:
    """ASGI middleware: counts and times each answer by its route's template, never by its path."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def measured_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")
                metrics.HTTP_REQUESTS.labels(route, str(message["status"])).inc()
                metrics.HTTP_DURATION.labels(route).observe(time.perf_counter() - begun)
            await send(message)

        await self.app(scope, receive, measured_send)
