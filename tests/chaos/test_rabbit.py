"""RabbitMQ takes back what is not acknowledged in time, and no run is executed again for that (R21)."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import rabbit
from cluster import database_of_its_own
from experiment import Experiment
from fleet import running


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_message_that_is_delivered_again_during_its_run_makes_no_second_one(
    missing: Callable[[str], None], seed: int
) -> None:
    if not rabbit.is_there():
        missing("RabbitMQ's own program")
    with tempfile.TemporaryDirectory(prefix="nb-rabbit-") as name, database_of_its_own() as database:
        broker = rabbit.OwnRabbit(Path(name), consumer_seconds=5)
        with running("postgres-rabbitmq", database_url=database, broker=broker) as fleet:
            with fleet.client() as client:
                experiment = Experiment(fleet, client, "consumer timeout", seed=seed)
                runs = [experiment.order(seconds=25.0) for _ in range(4)]
                experiment.until_started(*runs)
                behind = [experiment.order() for _ in range(6)]
                experiment.settle()
                for worker in fleet.names("worker"):
                    fleet.kill(worker)
                experiment.quiet()
                experiment.settle()
                experiment.facts["messages taken back"] = broker.timeouts()
                ended = experiment.require_kept()
            assert broker.timeouts() > 0
            assert len(ended) == len(runs) + len(behind)
            assert {(run.state, len(run.attempts)) for run in ended} == {("succeeded", 1)}
