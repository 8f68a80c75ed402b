"""The app: all routers on one floor, and the proof at start that none of them is unguarded."""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

from anyio import to_thread
from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from nightbook import __version__
from nightbook.adapters.broker import Doorbell
from nightbook.adapters.database import open_engine, reading_sessions, sessions
from nightbook.adapters.notices import Listener
from nightbook.adapters.printing import Printer
from nightbook.adapters.ringer import Ringer
from nightbook.adapters.storage import ArtifactStore
from nightbook.api import (
    changes,
    diffs,
    evidence,
    exports,
    fleet,
    groups,
    health,
    hooks,
    http,
    identity,
    links,
    live,
    notebooks,
    overview,
    pages,
    previews,
    runs,
    schedules,
    timeline,
    worker,
)
from nightbook.api.deps import PREFIX, AnyCaller, House, Requires
from nightbook.api.lanes import CONNECTIONS, THREADS, WORKER_CONNECTIONS, Lanes
from nightbook.core import rendering
from nightbook.settings import Settings

# Routes are tried in this order; the first are asked for most.
GUARDED = (
    worker.router,
    runs.router,
    live.router,
    identity.router,
    notebooks.router,
    previews.router,
    schedules.router,
    hooks.router,
    links.router,
    diffs.router,
    changes.router,
    groups.router,
    exports.router,
    fleet.router,
    overview.router,
    timeline.router,
    evidence.router,
)
#: The only routes without a caller of ours: log-in, probes, the pages, which hold nothing of ours, and hooks,
#: whose caller is the hook's own secret.
PUBLIC = frozenset({identity.log_in, health.alive, health.ready, health.scrape, pages.page, hooks.fire})


class UnguardedRoute(Exception):
    """A route asks for no caller; the server does not start."""


def create_app(settings: Settings) -> FastAPI:
    """The server's app. It opens no connection before the first request."""
    engine = open_engine(settings.database, pool_size=CONNECTIONS)
    workers_engine = open_engine(settings.database, pool_size=WORKER_CONNECTIONS)
    doorbell = Doorbell(settings.broker_url)
    house = House(
        settings=settings,
        engine=engine,
        sessions=sessions(engine),
        reading=reading_sessions(engine),
        store=ArtifactStore(settings.artifacts),
        ringer=Ringer(doorbell),
        lanes=Lanes(),
        printer=Printer(settings.chromium, policy=rendering.CSP, sandbox=settings.chromium_sandbox),
    )
    app = routes_only()
    app.state.house = house
    app.state.house_of_workers = replace(
        house,
        engine=workers_engine,
        sessions=sessions(workers_engine),
        reading=reading_sessions(workers_engine),
    )
    app.add_middleware(health.Measure)
    http.install(app, settings)
    return app


def routes_only() -> FastAPI:
    app = FastAPI(
        title="Nightbook",
        version=__version__,
        description="Notebooks in production: schedule, run, keep and re-run every executed copy.",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.is_stopping = False
    open_to_all = (identity.public, hooks.public, _description(app), health.router, pages.router)
    for router in (*GUARDED, *open_to_all):
        # Not `include_router`: that keeps a tree, which each request climbs once for each of its floors.
        app.router.routes.extend(router.routes)
    require_guards(app)
    return app


def _description(app: FastAPI) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["description"])

    @router.get("/openapi.json", include_in_schema=False)
    def describe(_caller: AnyCaller) -> dict[str, object]:
        """This API, described by itself."""
        return app.openapi()

    return router


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    # As many threads as connections can serve: more would wait for each other and starve heartbeats.
    to_thread.current_default_thread_limiter().total_tokens = THREADS
    house: House = app.state.house
    listener = _listener(house)
    yield
    app.state.is_stopping = True
    if listener is not None:
        listener.close()
    house.ringer.close()
    house.engine.dispose()
    app.state.house_of_workers.engine.dispose()


def _listener(house: House) -> Listener | None:
    """Hears of what other servers commit; with SQLite there is no other server."""
    if house.engine.dialect.name != "postgresql":
        return None
    listener = Listener(house.settings.database)
    listener.start()
    return listener


def require_guards(app: FastAPI) -> None:
    """Walk all routes. Raises UnguardedRoute for one that asks for no caller and is not public."""
    for route in all_routes(app.routes):
        if not isinstance(route, APIRoute):
            raise UnguardedRoute(f"{route!r} is no route of ours")
        if route.endpoint not in PUBLIC and not any(guards(route.dependant)):
            raise UnguardedRoute(f"{sorted(route.methods or ())} {route.path}")


def all_routes(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """The routes themselves, however deep the routers that hold them (FastAPI includes them lazily)."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is None:
            yield route
        else:
            yield from all_routes(inner.routes)


def guards(dependant: Dependant) -> Iterator[Requires]:
    """The guards among a route's dependencies."""
    for inner in dependant.dependencies:
        if isinstance(inner.call, Requires):
            yield inner.call
        yield from guards(inner)
