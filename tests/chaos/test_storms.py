"""kill -9, SIGSTOP and SIGTERM of whatever they hit, while schedules fire and people order runs."""

import threading
import time
from collections.abc import Mapping

import pytest
from experiment import Experiment
from nemesis import KILLS, Fault, Nemesis, planned

LONG = pytest.mark.long
EVERY_STACK = (
    "embedded",
    pytest.param("postgres-redis", marks=LONG),
    pytest.param("postgres-rabbitmq", marks=LONG),
)
LAST_STACKS = [stack if isinstance(stack, str) else stack.values[0] for stack in EVERY_STACK]


def storm(
    experiment: Experiment, faults: Mapping[Fault, int], count: int, schedules: int, *, seconds: float
) -> None:
    """Let *count* faults hit a fleet that has *schedules* and a person who orders runs of some *seconds*."""
    plan = planned(experiment.seed, faults, count, every=4)
    within = int(sum(act.after + act.lasts for act in plan)) + 5
    end = experiment.schedules_of_all_kinds(schedules, within=within, seconds=seconds)
    with experiment.ordering(every=2.0, seconds=seconds, retry_on_worker_loss=True) as orders:
        Nemesis(experiment.fleet, tell=experiment.tell).act(plan)
    experiment.take(orders)
    experiment.quiet()
    experiment.settle(end)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("fleet", EVERY_STACK, indirect=True)
def test_random_kills_lose_nothing_and_do_nothing_twice(
    experiment: Experiment, rounds: int, is_full: bool
) -> None:
    storm(experiment, KILLS, rounds, 100 if is_full else 30, seconds=0.3)

    runs = experiment.require_kept()
    assert sum(run.state == "succeeded" for run in runs) > len(runs) / 2


@pytest.mark.timeout(1800)
@LONG
@pytest.mark.parametrize("fleet", LAST_STACKS, indirect=True)
def test_everything_killed_at_once_comes_back(experiment: Experiment, rounds: int) -> None:
    storm(experiment, {"kill all": 1}, max(1, rounds * 2 // 5), 40, seconds=2.0)

    experiment.require_kept()


@pytest.mark.timeout(1800)
@LONG
@pytest.mark.parametrize("fleet", LAST_STACKS, indirect=True)
def test_stops_shorter_than_a_lease_lose_no_attempt(experiment: Experiment, rounds: int) -> None:
    faults: Mapping[Fault, int] = {"stop worker": 2, "stop beat": 1, "stop server": 1}
    storm(experiment, faults, max(1, rounds // 2), 40, seconds=1.0)

    runs = experiment.require_kept()
    assert {run.state for run in runs} <= {"succeeded", "skipped"}
    assert {len(run.attempts) for run in runs if run.state == "succeeded"} == {1}


@pytest.mark.timeout(1800)
@LONG
@pytest.mark.parametrize("fleet", LAST_STACKS, indirect=True)
def test_workers_that_are_renewed_one_by_one_lose_no_run(experiment: Experiment, rounds: int) -> None:
    storm(experiment, {"end worker": 1}, max(1, rounds // 5), 40, seconds=3.0)

    assert {run.state for run in experiment.require_kept()} <= {"succeeded", "skipped"}


@pytest.mark.timeout(900)
@LONG
@pytest.mark.parametrize("fleet", LAST_STACKS, indirect=True)
def test_a_cap_of_a_pool_holds_at_every_instant_though_its_workers_die(experiment: Experiment) -> None:
    """As the API sees it in each of its pages, which are one snapshot each."""
    fleet, client = experiment.fleet, experiment.client
    client.pools.edit(fleet.pool, concurrency=2)
    try:
        for _ in range(30):
            experiment.order(seconds=0.5, retry_on_worker_loss=True)
        most = Watch(experiment)
        plan = planned(experiment.seed, {"kill worker": 1}, 4, every=5)
        with most:
            Nemesis(fleet, tell=experiment.tell).act(plan)
            experiment.quiet()
            experiment.settle()
    finally:
        client.pools.edit(fleet.pool, concurrency=None)

    experiment.require_kept()
    assert most.running == 2


class Watch:
    """Asks again and again how many runs are running, and keeps the most."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_always, daemon=True)
        self.running = 0

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look_always(self) -> None:
        with self._experiment.fleet.client() as client:
            while not self._over.is_set():
                found = client.runs.list(tag=self._experiment.tag, state=["running"])
                self.running = max(self.running, sum(1 for _ in found))
                time.sleep(0.05)
