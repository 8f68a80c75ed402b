"""Seconds to recover from each fault: server, beat and worker killed, the broker wiped.

A killed process is started again at once, as a service manager would. One platform on SQLite with the
embedded broker, a lease of 15 s (the shortest) and one worker.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import fleet
from engine_parts import sources
from engine_parts.figures import Row
from fleet import Fleet

from nightbook.client import Client, NightbookError

_PATIENCE = 120.0
_SLOW = "slow.ipynb"


def rows(rounds: int) -> list[Row]:
    """Each fault so many times, one after the other within a round."""
    seen: dict[str, list[float]] = {name: [] for name in FAULTS}
    with fleet.running("embedded", fleet.Size(beats=1, workers=1)) as platform, platform.client() as client:
        client.notebooks.upload(sources.TRIVIAL, path="trivial.ipynb")
        client.notebooks.upload(sources.sleeping(3), path=_SLOW)
        _ended(client, _order(client, platform), "warm")
        for _ in range(rounds):
            for name, fault in FAULTS.items():
                seen[name].append(fault(platform, client))
    return [Row("recovery", name, "s", values) for name, values in seen.items()]


def _server(platform: Fleet, client: Client) -> float:
    begun = _killed_and_started(platform, "server-1")
    return _ended(client, _order(client, platform), "server", since=begun)


def _beat(platform: Fleet, client: Client) -> float:
    at = (datetime.now(UTC) + timedelta(seconds=2)).replace(microsecond=0)
    trigger = {"kind": "once", "at": at.isoformat()}
    schedule = client.schedules.create(f"beat {at}", "trivial.ipynb", trigger, pool=platform.pool)
    time.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds() - 0.2))
    begun = _killed_and_started(platform, "beat-1")
    _until(lambda: any(True for _ in client.schedules.occurrences(schedule.id)), "the fire time has a row")
    return time.monotonic() - begun


def _worker(platform: Fleet, client: Client) -> float:
    run = _order(client, platform, notebook=_SLOW, retry_on_worker_loss=True)
    _until(lambda: client.runs.show(run).state == "running", "the run has begun")
    time.sleep(1.5)
    begun = _killed_and_started(platform, "worker-1")
    return _ended(client, run, "worker", since=begun)


def _broker(platform: Fleet, client: Client) -> float:
    platform.broker.kill()
    run = _order(client, platform)
    begun = time.monotonic()
    platform.broker.start()
    return _ended(client, run, "broker", since=begun)


FAULTS: dict[str, Callable[[Fleet, Client], float]] = {
    "server killed → a new run has succeeded": _server,
    "beat killed before a fire time → its row": _beat,
    "worker killed → its run has succeeded again": _worker,
    "broker killed, started empty → a run succeeded": _broker,
}


def _killed_and_started(platform: Fleet, name: str) -> float:
    begun = time.monotonic()
    platform.kill(name)
    platform.start(name)
    return begun


def _order(client: Client, platform: Fleet, notebook: str = "trivial.ipynb", **fields: Any) -> object:
    made: list[object] = []

    def is_made() -> bool:
        made.append(client.runs.create(notebook, pool=platform.pool, **fields).id)
        return True

    _until(is_made, "a run is accepted")
    return made[0]


def _ended(client: Client, run: object, what: str, *, since: float | None = None) -> float:
    begun = time.monotonic() if since is None else since
    _until(lambda: client.runs.show(run).state == "succeeded", f"the run has succeeded ({what})")  # type: ignore[arg-type]
    return time.monotonic() - begun


def _until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        with suppress(NightbookError):
            if is_so():
                return
        time.sleep(0.05)
    raise RuntimeError(f"after {_PATIENCE:.0f} s it is not so that {what}")
