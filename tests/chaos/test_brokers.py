"""The broker is a doorbell: wiped, away, flooded, it costs time and nothing else (R19, R20)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from experiment import Experiment
from nemesis import Nemesis, planned

from nightbook.doorbell import open_broker, queue_of, ring_message

LONG = pytest.mark.long
EVERY_STACK = (
    "embedded",
    pytest.param("postgres-redis", marks=LONG),
    pytest.param("postgres-rabbitmq", marks=LONG),
)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("fleet", EVERY_STACK, indirect=True)
def test_a_broker_that_is_wiped_again_and_again_loses_no_run(experiment: Experiment, is_full: bool) -> None:
    plan = planned(experiment.seed, {"wipe broker": 3, "kill worker": 1 if is_full else 0}, 8, every=1)

    with ThreadPoolExecutor(1) as person:
        ordered = person.submit(
            lambda: [experiment.order(seconds=0.1) for _ in range(200 if is_full else 30)]
        )
        Nemesis(experiment.fleet, tell=experiment.tell).act(plan)
        ordered.result()
    experiment.quiet()
    experiment.settle()

    experiment.require_kept()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("fleet", EVERY_STACK, indirect=True)
def test_messages_that_come_many_times_make_no_run_twice(experiment: Experiment, is_full: bool) -> None:
    """Each ring five times, and rings of runs that never were."""
    fleet = experiment.fleet
    runs = [experiment.order() for _ in range(500 if is_full else 20)]
    broker = open_broker(fleet.broker.url)
    broker.declare_queue(queue_of(fleet.pool))
    for run in runs:
        for hint in (str(run.id),) * 5 + ("no run of ours",):
            broker.enqueue(ring_message(fleet.pool, hint))
    broker.close()
    experiment.quiet()
    experiment.settle()

    ended = experiment.require_kept()
    assert {(run.state, len(run.attempts)) for run in ended} == {("succeeded", 1)}
