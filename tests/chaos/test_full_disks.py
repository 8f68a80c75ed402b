"""A disk that is full, under the artifacts and under the database (R33, R34)."""

import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from experiment import Experiment
from fleet import Fleet, running

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


class SmallDisk:
    """A file system of a few megabytes, with ballast that can be thrown out."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._ballast = place / "ballast"

    def fill(self) -> None:
        """Leave no byte."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (65536, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError:
                    continue

    def free(self) -> None:
        self._ballast.unlink()


@contextmanager
def small_disk(megabytes: int, missing: Callable[[str], None]) -> Iterator[SmallDisk]:
    with tempfile.TemporaryDirectory(prefix="nb-disk-") as name:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", name],
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            missing("the right to mount a tmpfs")
        try:
            yield SmallDisk(Path(name))
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


@pytest.fixture
def disk(missing: Callable[[str], None]) -> Iterator[SmallDisk]:
    with small_disk(24, missing) as found:
        yield found


def fleet_of(fleet: Fleet, name: str, seed: int) -> Experiment:
    return Experiment(fleet, fleet.client(), name, seed=seed)


def test_a_full_artifact_store_fails_or_delays_runs_and_shows_nothing_cut(disk: SmallDisk, seed: int) -> None:
    with running("embedded", environment={"NIGHTBOOK_ARTIFACTS_URL": f"file://{disk.place}/a"}) as fleet:
        experiment = fleet_of(fleet, "full artifact store", seed)
        before = [experiment.order(kilobytes=512) for _ in range(4)]
        experiment.settle()
        disk.fill()
        during = [experiment.order(kilobytes=512) for _ in range(8)]
        time.sleep(40)
        disk.free()
        experiment.quiet()
        after = [experiment.order(kilobytes=512) for _ in range(4)]
        experiment.settle()

        runs = {run.id: run for run in experiment.require_kept()}
        assert {runs[run.id].state for run in (*before, *after)} == {"succeeded"}
        ends = {(runs[run.id].state, runs[run.id].class_) for run in during}
        assert ends <= {("succeeded", None), ("failed", "storage")}
        assert [path.name for path in disk.place.rglob("*.part*")] == []


def test_a_full_disk_under_the_database_refuses_changes_and_goes_on_afterwards(
    disk: SmallDisk, seed: int
) -> None:
    url = f"sqlite:///{disk.place}/nightbook.db"
    with running("embedded", database_url=url) as fleet:
        experiment = fleet_of(fleet, "full disk under the database", seed)
        with experiment.ordering(every=0.2, seconds=0.1) as orders:
            time.sleep(5)
            disk.fill()
            time.sleep(20)
            assert fleet.client().runs.list(tag=experiment.tag) is not None
            answered = sum(one is not None for one in orders.answered.values())
            disk.free()
            time.sleep(5)
        experiment.take(orders)
        experiment.quiet()
        experiment.settle()

        experiment.facts["answered while full"] = answered
        experiment.require_kept()
        with sqlite3.connect(disk.place / "nightbook.db") as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
