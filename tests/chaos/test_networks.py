"""Workers cut off from their server: ended by themselves before anybody else begins (R28)."""

import time

import psutil
import pytest
from experiment import Experiment
from fleet import LEASE_SECONDS

LONG = pytest.mark.long


@pytest.mark.timeout(900)
@LONG
@pytest.mark.parametrize("how", ["held", "refused"])
@pytest.mark.parametrize("fleet", ["embedded", "postgres-redis"], indirect=True)
def test_a_worker_cut_off_beyond_its_lease_ends_its_runs_itself(experiment: Experiment, how: str) -> None:
    fleet = experiment.fleet
    plain = experiment.order(seconds=40.0)
    repeatable = experiment.order(seconds=20.0, retry_on_worker_loss=True)
    experiment.until_started(plain, repeatable)
    kernels = {entry.pid for entry in experiment.entries()}

    cut = time.monotonic()
    (fleet.workers_line.hold if how == "held" else fleet.workers_line.refuse)()
    while any(psutil.pid_exists(pid) for pid in kernels) and time.monotonic() < cut + 3 * LEASE_SECONDS:
        time.sleep(0.1)
    gone = time.monotonic() - cut
    time.sleep(max(0.0, cut + 3 * LEASE_SECONDS - time.monotonic()))
    fleet.workers_line.cut()
    fleet.workers_line.open()
    experiment.quiet()
    experiment.settle()

    experiment.facts["seconds until kernels were gone"] = round(gone, 1)
    runs = {run.id: run for run in experiment.require_kept()}
    assert gone < LEASE_SECONDS
    assert runs[plain.id].state == "lost"
    assert [attempt.state for attempt in runs[repeatable.id].attempts] == ["lost", "succeeded"]


@pytest.mark.timeout(900)
@LONG
@pytest.mark.parametrize("fleet", ["embedded", "postgres-redis"], indirect=True)
def test_a_short_cut_disturbs_no_attempt(experiment: Experiment) -> None:
    """Shorter than a worker waits for an answer before it fences itself."""
    fleet = experiment.fleet
    runs = [experiment.order(seconds=12.0) for _ in range(2)]
    experiment.until_started(*runs)
    for _ in range(3):
        fleet.workers_line.refuse()
        time.sleep(2)
        fleet.workers_line.open()
        time.sleep(3)
    experiment.quiet()
    experiment.settle()

    assert [run.state for run in experiment.require_kept()] == ["succeeded", "succeeded"]
