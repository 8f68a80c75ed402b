"""The checker is checked: with a rule of the platform taken out, the experiments must fail."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from checker import Breach
from experiment import Experiment
from facts import instant, soon
from fleet import LEASE_SECONDS, Size, running
from waiting import until
from zombie import Zombie

SABOTEUR = str(Path(__file__).with_name("saboteur.py"))
#: After this a silent worker would have been judged: its lease, the patience and the rhythm of the reaper.
JUDGED_SECONDS = LEASE_SECONDS + 20


@contextmanager
def sabotaged(name: str, *rules: str) -> Iterator[Experiment]:
    """An experiment with a fleet of its own, whose server and beat lack *rules*."""
    program = (SABOTEUR, ",".join(rules))
    programs = {"server": program, "beat": program}
    with running("embedded", Size(beats=1, workers=1), programs=programs) as fleet, fleet.client() as client:
        yield Experiment(fleet, client, name, seed=0)


def promises(breaches: list[Breach], words: str) -> set[str]:
    return {breach.promise for breach in breaches if words in breach.words}


@pytest.mark.timeout(600)
def test_without_the_fence_a_stale_write_is_seen() -> None:
    with sabotaged("without the fence", "fence") as experiment:
        fleet = experiment.fleet
        fleet.kill("worker-1")
        run = experiment.order(seconds=3.0)
        zombie = Zombie(fleet)
        zombie.claim(1)
        fleet.heal()
        experiment.until_started(run)
        experiment.stale_writes += zombie.write_stale()
        zombie.close()
        experiment.settle()
        breaches = experiment.verdict()

    assert promises(breaches, "a stale write was accepted: finish") == {"fence"}
    assert promises(breaches, "succeeded, and fence [1] wrote no pair") == {"user code"}
    assert promises(breaches, "its copy does not verify") == {"copy"}


@pytest.mark.timeout(600)
def test_without_reaper_key_or_second_ring_what_they_are_for_is_seen() -> None:
    """Three rules of different promises, so that one wait tells of all."""
    with sabotaged("without three rules", "reaper", "advance", "ring") as experiment:
        fleet, client = experiment.fleet, experiment.client
        silent = experiment.order(seconds=600.0)
        experiment.until_started(silent)
        fleet.kill("worker-1")
        fleet.heal()
        # An index is the database's: there is no program to take it out of.
        with sqlite3.connect(fleet.home / "nightbook.db") as database:
            database.execute("DROP INDEX one_run_a_fire_time")
        at = soon(2)
        once = experiment.schedule({"kind": "once", "at": instant(at)}, at, at + timedelta(seconds=1))
        until(
            lambda: len(list(client.schedules.occurrences(once.id))) > 1,
            seconds=30,
            what="a fire time has several rows",
        )
        fleet.broker.kill()
        unrung = experiment.order()
        fleet.broker.start()
        time.sleep(JUDGED_SECONDS)
        breaches = experiment.verdict()

    assert promises(breaches, f"run {silent.id} is still running") == {"ends"}
    assert promises(breaches, f"run {unrung.id} is still queued") == {"ends"}
    assert promises(breaches, f"schedule {once.id} has") == {"once"}


@pytest.mark.timeout(600)
@pytest.mark.long
def test_the_unique_key_alone_keeps_a_planner_that_never_moves_on_from_firing_twice() -> None:
    with sabotaged("the key alone", "advance") as experiment:
        at = soon(2)
        experiment.schedule({"kind": "once", "at": instant(at)}, at, at + timedelta(seconds=1))
        experiment.settle(at + timedelta(seconds=5))
        experiment.require_kept()
