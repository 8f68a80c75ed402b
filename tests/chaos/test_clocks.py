"""Clocks that are wrong or are set while everything runs (R14, R15). Needs libfaketime."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from experiment import Experiment
from facts import soon
from fleet import Fleet

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


class Clock:
    """What some parts of a fleet take for the time: the machine's, and so many seconds."""

    def __init__(self, fleet: Fleet, name: str, library: Path) -> None:
        self._fleet = fleet
        self._file = fleet.folder / f"{name}.clock"
        self._library = library
        self.set(0)

    def set(self, seconds: int) -> None:
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(f"{seconds:+d}\n")
        unfinished.replace(self._file)

    def give_to(self, names: Iterable[str]) -> None:
        """Start the parts again under this clock. Their steady clocks stay the machine's."""
        for name in names:
            self._fleet.kill(name)
            self._fleet.parts[name].environment |= {
                "LD_PRELOAD": str(self._library),
                "FAKETIME_TIMESTAMP_FILE": str(self._file),
                "FAKETIME_NO_CACHE": "1",
                "DONT_FAKE_MONOTONIC": "1",
            }

    def take_from(self, names: Iterable[str]) -> None:
        for name in names:
            self._fleet.kill(name)
            self._fleet.parts[name].environment.pop("LD_PRELOAD")


@pytest.fixture(scope="session")
def library(missing: Callable[[str], None]) -> Path:
    found = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if found is None:
        missing("libfaketime")
    assert found is not None
    return found


@pytest.mark.parametrize("fleet", ["postgres-redis"], indirect=True)
def test_beats_and_workers_with_wrong_clocks_do_nothing_twice(experiment: Experiment, library: Path) -> None:
    """A fast beat fires ahead of time, and nobody fires that again."""
    fleet = experiment.fleet
    wrong = {"beat-1": 45, "beat-2": -45, "worker-1": 7200, "worker-2": -7200}
    for name, seconds in wrong.items():
        clock = Clock(fleet, name, library)
        clock.set(seconds)
        clock.give_to([name])
    try:
        fleet.heal()
        end = experiment.schedules_of_all_kinds(20, within=75, seconds=0.3)
        killed = experiment.order(seconds=60.0, retry_on_worker_loss=False)
        experiment.until_started(killed)
        worker = next(run.attempts[0].worker for run in [experiment.client.runs.show(killed.id)])
        fleet.kill(str(worker))
        experiment.settle(end)
    finally:
        for name in wrong:
            fleet.parts[name].environment.pop("LD_PRELOAD")
            fleet.kill(name)
    experiment.quiet()
    experiment.settle()

    runs = {run.id: run for run in experiment.require_kept()}
    assert runs.pop(killed.id).state == "lost"
    assert {run.state for run in runs.values()} <= {"succeeded", "skipped"}


@pytest.mark.parametrize("fleet", ["embedded", "postgres-redis"], indirect=True)
def test_a_machine_whose_clock_is_set_loses_no_attempt(experiment: Experiment, library: Path) -> None:
    """On SQLite leases are wall time: a step must not end one."""
    fleet = experiment.fleet
    clock = Clock(fleet, "machine", library)
    clock.give_to(fleet.parts)
    try:
        fleet.heal()
        end = experiment.schedules_of_all_kinds(8, within=70, seconds=0.2)
        runs = [experiment.order(seconds=50.0) for _ in range(2)]
        experiment.until_started(*runs)
        for seconds in (7200, 7230, 7200, 0, -7200, -7230, 0):
            clock.set(seconds)
            time.sleep(6)
        experiment.settle(max(end, soon(1)))
    finally:
        clock.take_from(fleet.parts)
    experiment.quiet()
    experiment.settle()

    ended = {run.id: run for run in experiment.require_kept()}
    assert [ended[run.id].state for run in runs] == ["succeeded", "succeeded"]
