"""SQLite under many writers, and under a stranger who holds its lock (R31)."""

import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from experiment import Experiment
from fleet import Fleet

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

WRITERS = 8


def writing(fleet: Fleet, run_id: object, seconds: float) -> Counter[int]:
    """Write notes to a run as fast as it goes. Return how often each status was answered."""
    headers = {"Authorization": f"Bearer {(fleet.home / 'token').read_text().strip()}"}
    told: Counter[int] = Counter()
    until = time.monotonic() + seconds
    with httpx.Client(base_url=fleet.url, headers=headers, timeout=60) as http:
        while time.monotonic() < until:
            answer = http.post(f"/api/v1/runs/{run_id}/note", json={"note": f"{time.monotonic()}"})
            told[answer.status_code] += 1
            assert answer.status_code != 503 or "retry-after" in answer.headers
    return told


@pytest.mark.parametrize("held_seconds", [0, 5, 40])
def test_many_writers_and_a_held_lock_end_in_no_lock_error(experiment: Experiment, held_seconds: int) -> None:
    fleet = experiment.fleet
    noted = experiment.client.runs.create(**_plain(experiment))
    end = experiment.schedules_of_all_kinds(10, within=20, seconds=0.2)

    with ThreadPoolExecutor(WRITERS) as threads:
        writers = [threads.submit(writing, fleet, noted.id, 20 + held_seconds) for _ in range(WRITERS)]
        time.sleep(5)
        if held_seconds:
            hold(fleet, held_seconds)
        told = sum((writer.result() for writer in writers), Counter[int]())
    experiment.quiet()
    experiment.settle(end)

    experiment.facts |= {"answers": {str(status): count for status, count in told.items()}}
    experiment.require_kept()
    assert set(told) <= {200, 503}
    assert held_seconds > 30 or set(told) == {200}
    wal = fleet.home / "nightbook.db-wal"
    assert not wal.exists() or wal.stat().st_size < 200 * 1024 * 1024


def hold(fleet: Fleet, seconds: float) -> None:
    """As a stranger's program that forgot to commit."""
    with sqlite3.connect(fleet.home / "nightbook.db", timeout=30, isolation_level=None) as database:
        database.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        database.execute("ROLLBACK")


def _plain(experiment: Experiment) -> dict[str, object]:
    draft = experiment.draft()
    return {"notebook": draft.pop("notebook"), "parameters": draft.pop("parameters"), **draft}
