"""The lease protocol, explored completely; and proof that each of its rules is needed."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from leases import Found, Model, Rule


def _explored(*without: Rule, retry_on_worker_loss: bool = False) -> Found:
    return Model(without=frozenset(without), retry_on_worker_loss=retry_on_worker_loss).explore()


@pytest.mark.parametrize("retry_on_worker_loss", [False, True])
def test_no_crash_pause_or_lost_answer_breaks_a_promise(retry_on_worker_loss: bool) -> None:
    found = _explored(retry_on_worker_loss=retry_on_worker_loss)
    assert found.broken is None, "\n".join(found.path)
    assert found.states > 5_000  # it did look around


def test_two_runs_and_a_worker_do_not_disturb_each_other() -> None:
    found = Model(runs=2, workers=1).explore()
    assert found.broken is None, "\n".join(found.path)


@pytest.mark.parametrize(
    ("rule", "retry_on_worker_loss", "broken"),
    [
        (Rule.FENCE_AT_FINISH, True, "a stale worker published"),
        (Rule.BEGIN_GATE, False, "user code was started twice"),
        (Rule.LOST_AFTER_BEGIN, False, "user code was started twice"),
        (Rule.CLAIM_IS_CONDITIONAL, False, "user code was started twice"),
        (Rule.RING_AGAIN, False, "a run can never end from here"),
    ],
)
def test_without_a_rule_a_promise_breaks(rule: Rule, retry_on_worker_loss: bool, broken: str) -> None:
    found = _explored(rule, retry_on_worker_loss=retry_on_worker_loss)
    assert found.broken == broken
    assert found.path  # the way there, for whoever wants to see it


def test_the_state_and_the_raised_fence_stand_in_for_each_other() -> None:
    assert _explored(Rule.STATE_AT_FINISH).broken is None
    assert _explored(Rule.FENCE_RAISED_WHEN_JUDGED).broken is None
    both = _explored(Rule.STATE_AT_FINISH, Rule.FENCE_RAISED_WHEN_JUDGED)
    assert both.broken == "an ended run was changed"
