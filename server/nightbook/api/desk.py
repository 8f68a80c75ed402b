"""The workers' desk: who comes from the pools, in which threads, over which connections.

Everything happens in the lane of workers, so that nothing that people do delays a heartbeat.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request
from sqlmodel import Session
from starlette.applications import Starlette

from nightbook.api import queries
from nightbook.api.deps import House, Requires, current_caller
from nightbook.records.access import Caller

_T = TypeVar("_T")


@dataclass(frozen=True)
class Desk:
    """One request of a worker: its caller, and transactions for it."""

    house: House
    caller: Caller
    _app: Starlette

    @property
    def is_stopping(self) -> bool:
        """Whether this server ends, so that a wait should."""
        return bool(self._app.state.is_stopping)

    async def read(self, act: Callable[[Session], _T]) -> _T:
        def reading() -> _T:
            with self.house.reading() as session:
                return act(session)

        return await self.do(reading)

    async def write(self, act: Callable[[Session], _T]) -> _T:
        """Do *act* and commit, before anything is answered."""

        def writing() -> _T:
            with self.house.sessions() as session:
                found = act(session)
                session.commit()
            self.house.ring(session)
            return found

        return await self.do(writing)

    async def do(self, act: Callable[[], _T]) -> _T:
        return await to_thread.run_sync(act, limiter=self.house.lanes.workers)

    async def take_in(self, act: Callable[[], _T]) -> _T:
        """Do what takes as long as a body takes to come."""
        return await to_thread.run_sync(act, limiter=self.house.lanes.uploads)


class _WorkerGuard(Requires):
    """As every route's guard, in the lane of workers. Gives the desk."""

    async def __call__(self, request: Request) -> Desk:  # type: ignore[override]
        house: House = request.app.state.house_of_workers
        lane: CapacityLimiter = house.lanes.workers
        caller = await to_thread.run_sync(current_caller, request, house, limiter=lane)
        caller.require("worker")
        queries.refuse_unknown(request)
        return Desk(house, caller, request.app)


WORKER_GUARD: Final = _WorkerGuard("worker")
TheDesk = Annotated[Desk, Depends(WORKER_GUARD)]
