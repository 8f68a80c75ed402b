"""kill -9 of whatever it hits, again and again, while schedules fire and people order runs (R01, R03)."""

import pytest
from experiment import Experiment
from nemesis import KILLS, Nemesis, planned

LONG = pytest.mark.long
EVERY_STACK = (
    "embedded",
    pytest.param("postgres-redis", marks=LONG),
    pytest.param("postgres-rabbitmq", marks=LONG),
)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("fleet", EVERY_STACK, indirect=True)
def test_random_kills_lose_nothing_and_do_nothing_twice(
    experiment: Experiment, rounds: int, is_full: bool
) -> None:
    plan = planned(experiment.seed, KILLS, rounds, every=4)
    seconds = int(sum(act.after + act.lasts for act in plan)) + 5
    end = experiment.schedules_of_all_kinds(100 if is_full else 30, within=seconds, seconds=0.3)

    with experiment.ordering(every=2.0, seconds=0.3, retry_on_worker_loss=True) as orders:
        Nemesis(experiment.fleet, tell=experiment.tell).act(plan)
    experiment.take(orders)
    experiment.quiet()
    experiment.settle(end)

    runs = experiment.require_kept()
    assert sum(run.state == "succeeded" for run in runs) > len(runs) / 2
