"""Every single step of a run's way: a crash there (R04), a system call that fails there (R35).

The way is that of a fire time and of an order, from their creation to their executed copies. What is left
half done at a step is finished without a hand, by the part that is started again or by the others.
"""

import os
import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from experiment import FINAL, Experiment
from facts import instant, soon
from fleet import Fleet, Size, running
from orders import Orders
from steps import COUNT_ONLY, Steps

from nightbook.client import NightbookError

HERE = Path(__file__).parent
KINDS = ("server", "beat", "worker")
#: `enum kind` in faulty.c.
FAULTS = ("no space", "broken", "interrupted", "short")
LONG = pytest.mark.long
ONE_OF_EACH = Size(beats=1, workers=1)
_PATIENCE = 40.0


def go(experiment: Experiment, *, is_over: Callable[[], bool] = lambda: False) -> None:
    """Have a fire time and an order, and wait until both have ended, or it *is over* before."""
    at, known = soon(2), len(experiment.fire_times)
    with experiment.ordering(every=0.05, at_most=1, retry_on_worker_loss=True) as orders:
        with suppress(NightbookError):
            once = {"kind": "once", "at": instant(at)}
            experiment.schedule(once, at, at + timedelta(seconds=1), retry_on_worker_loss=True)
        deadline = time.monotonic() + _PATIENCE
        while not is_over() and time.monotonic() < deadline:
            if len(experiment.fire_times) > known and has_ended(experiment, orders):
                break
            time.sleep(0.1)
    experiment.take(orders)


def has_ended(experiment: Experiment, orders: Orders) -> bool:
    with suppress(NightbookError):
        ordered = [one for one in orders.answered.values() if one is not None]
        rows = list(experiment.client.schedules.occurrences(list(experiment.fire_times)[-1]))
        states = [experiment.client.runs.show(one).state for one in ordered] + [row.state for row in rows]
        return bool(ordered and rows) and FINAL.issuperset(states)
    return False


def some_of(count: int, most: int, dice: random.Random) -> list[int]:
    """Steps from one to *count*: all of them, or *most* of them, drawn."""
    every = range(1, count + 1)
    return list(every) if most >= count else sorted(dice.sample(every, most))


@contextmanager
def in_trouble(
    stack: str,
    name: str,
    seed: int,
    *,
    programs: Mapping[str, tuple[str, ...]] | None = None,
    environments: Mapping[str, Mapping[str, str]] | None = None,
) -> Iterator[Experiment]:
    wishes = {"programs": programs, "environments": environments}
    with running(stack, ONE_OF_EACH, **wishes) as fleet, fleet.client() as client:
        yield Experiment(fleet, client, name, seed=seed)


# ---------------------------------------------------------------- crashes


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("stack", ["embedded", pytest.param("postgres-redis", marks=LONG)])
def test_a_crash_at_any_step_is_mended_without_a_hand(
    stack: str, tmp_path: Path, seed: int, rounds: int, is_full: bool
) -> None:
    steps = {kind: Steps(tmp_path / f"{kind}.steps") for kind in KINDS}
    programs = {kind: (str(HERE / "crashing.py"), str(one.file)) for kind, one in steps.items()}
    with in_trouble(stack, "a crash at any step", seed, programs=programs) as experiment:
        for kind, counter in steps.items():
            crash_at_each(experiment, f"{kind}-1", counter, most=rounds if is_full else 2)
        experiment.quiet()
        experiment.settle()
        experiment.require_kept()


def crash_at_each(experiment: Experiment, part: str, steps: Steps, *, most: int) -> None:
    fleet, trace = experiment.fleet, steps.file.with_suffix(".trace")
    steps.arm(COUNT_ONLY)
    go(experiment)
    count = steps.count
    assert count, f"no step of {part} is counted"
    trace.unlink()
    for number in some_of(count, most, random.Random(f"{experiment.seed} {part}")):
        steps.arm(number)
        go(experiment, is_over=lambda: steps.is_hit)
        steps.disarm()
        if steps.is_hit or not fleet.parts[part].is_up:
            fleet.kill(part)  # it is dead, and that was meant
        revive(fleet, part)
    died = [line.split(" ", 1)[1] for line in trace.read_text().splitlines() if line.endswith("†")]
    experiment.facts[f"crashes of {part}"] = dict(Counter(died))
    assert len(died) >= min(most, count) // 2, f"{part} died at {died} only, of {count} steps"


def revive(fleet: Fleet, part: str) -> None:
    if fleet.parts[part].is_up:
        return
    if part.startswith("worker"):
        fleet.start_worker(part)
    else:
        fleet.start(part)
        fleet.until_ready()


# ---------------------------------------------------------------- system calls that fail


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, missing: Callable[[str], None]) -> Path:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        missing("a C compiler")
    assert compiler is not None
    made = tmp_path_factory.mktemp("faulty") / "faulty.so"
    words = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(made), str(HERE / "faulty.c")]
    subprocess.run(words, check=True)
    return made


@LONG
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_system_call_that_fails_at_any_step_loses_nothing(
    fault: str, library: Path, tmp_path: Path, seed: int, rounds: int
) -> None:
    steps = {kind: Steps(tmp_path / f"{kind}.steps") for kind in KINDS}
    environments = {kind: {"LD_PRELOAD": str(library), "STEPS": str(one.file)} for kind, one in steps.items()}
    with in_trouble("embedded", f"a call that fails: {fault}", seed, environments=environments) as experiment:
        for kind, counter in steps.items():
            fail_at_each(experiment, f"{kind}-1", counter, FAULTS.index(fault), most=rounds)
        experiment.quiet()
        experiment.settle()
        experiment.require_kept()


def fail_at_each(experiment: Experiment, part: str, steps: Steps, fault: int, *, most: int) -> None:
    """Unlike at a crash the part is expected to live on."""
    steps.arm(COUNT_ONLY)
    go(experiment)
    count, failed = steps.count, 0
    assert count, f"no system call of {part} are counted"
    for number in some_of(count, most, random.Random(f"{experiment.seed} {part}")):
        steps.arm(number, fault)
        go(experiment)
        failed += steps.is_hit
        steps.disarm()
        assert experiment.fleet.parts[part].is_up, experiment.fleet.log(part)
    experiment.facts[f"calls of {part} that failed"] = f"{failed} of {count}"
    assert failed
