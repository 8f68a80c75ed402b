"""Workers that fall silent and come back: judged, succeeded by another, and refused (R08)."""

import psutil
import pytest
from experiment import Experiment
from waiting import until
from zombie import Zombie

#: Longer than a kernel may live without its worker, so that its guard must end it.
LONGER_THAN_ITS_DEADLINE = 14.0


@pytest.mark.timeout(900)
@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.long)], ids=["alone", "whole"])
def test_a_worker_that_was_stopped_beyond_its_lease_is_followed_and_refused(
    experiment: Experiment, whole: bool
) -> None:
    fleet = experiment.fleet
    for name in fleet.names("worker"):
        fleet.kill(name)
    unbegun, begun = experiment.order(), experiment.order()
    zombie = Zombie(fleet)
    zombie.claim(2)
    zombie.begin(next(order for order in zombie.orders if order.run_id == begun.id))
    fleet.start_worker("worker-1")
    repeatable = experiment.order(seconds=LONGER_THAN_ITS_DEADLINE, retry_on_worker_loss=True)
    plain = experiment.order(seconds=3.0)
    experiment.until_started(repeatable, plain)
    first = next(entry for entry in experiment.entries() if entry.run == repeatable.id)

    fleet.pause("worker-1", whole=whole)
    fleet.start_worker("worker-2")
    until(
        lambda: any(e.run == repeatable.id and e.fence > first.fence for e in experiment.entries()),
        seconds=120,
        what=lambda: f"another worker takes over\n{fleet.log('beat-1')}",
    )
    if not whole:
        assert not psutil.pid_exists(first.pid), "two kernels of one run live at once"
    experiment.stale_writes += zombie.write_stale()
    fleet.go_on("worker-1")
    experiment.quiet()
    experiment.settle()
    experiment.stale_writes += zombie.write_stale()
    zombie.close()

    runs = {run.id: run for run in experiment.require_kept()}
    ends = {name: runs[run.id].state for name, run in (("plain", plain), ("begun", begun))}
    assert ends == {"plain": "lost", "begun": "lost"}
    for run in (repeatable, unbegun):
        assert [attempt.state for attempt in runs[run.id].attempts] == ["lost", "succeeded"]
