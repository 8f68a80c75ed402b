"""The checker names each breach, on observations that were made up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from checker import Expected, Observed, judge
from expected import fire_times
from ledger import Entry

from nightbook.schemas import OccurrenceView, RunView

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SCHEDULE = uuid4()
EXPECTED = Expected({SCHEDULE: [NOON]}, {"order": None})


def attempt(fence: int, state: str = "succeeded", *, begun: bool = True) -> dict[str, Any]:
    return {
        "fence": fence,
        "worker": "w1",
        "state": state,
        "started_at": NOON,
        "begun_at": NOON if begun else None,
    }


def run(state: str = "succeeded", *attempts: dict[str, Any], **fields: Any) -> RunView:
    """A run of the schedule at noon that succeeded at once, unless *fields* say otherwise."""
    facts = {
        "id": uuid4(),
        "state": state,
        "reason": "a reason",
        "notebook": {"path": "ledger.ipynb", "sha256": "a" * 64},
        "parameters": {},
        "trigger": "scheduled",
        "triggered_by": "nightbook",
        "pool": "default",
        "priority": 50,
        "timeout_seconds": 60,
        "created_at": NOON,
        "schedule_id": SCHEDULE,
        "fire_at": NOON,
        "attempts": list(attempts or [attempt(1)]),
    }
    return RunView.model_validate({**facts, **fields})


def entries(run_id: UUID, fence: int = 1, *, begin: float = 0.0) -> list[Entry]:
    return [
        Entry("start", run_id, fence, None, 1, begin),
        Entry("end", run_id, fence, None, 1, begin + 1),
    ]


def observed(*runs: RunView, written: list[Entry] | None = None, **seen: Any) -> Observed:
    """*runs* with a ledger of fire times and final events that fit them."""
    rows = [
        OccurrenceView(fire_at=one.fire_at, state=one.state, run_id=one.id, reason=one.reason)
        for one in runs
        if one.fire_at is not None
    ]
    if written is None:
        written = [entry for one in runs for entry in entries(one.id)]
    ends = {one.id: [one.state] for one in runs}
    return Observed(runs, {SCHEDULE: rows}, ends, seen.pop("damaged", {}), written, **seen)


def told(seen: Observed, expected: Expected = EXPECTED) -> set[tuple[str, str]]:
    """The promises that were broken, and the last words of each breach."""
    return {(breach.promise, breach.words) for breach in judge(expected, seen)}


def promises(seen: Observed, expected: Expected = EXPECTED) -> set[str]:
    return {promise for promise, _ in told(seen, expected)}


def test_nothing_is_said_of_a_world_in_order() -> None:
    skipped = run("skipped", reason="overlap").model_copy(
        update={"attempts": [], "fire_at": NOON + timedelta(minutes=1)}
    )
    good = run()
    both = Expected({SCHEDULE: [NOON, NOON + timedelta(minutes=1)]})
    assert told(observed(good, skipped, written=entries(good.id)), both) == set()


def test_a_fire_time_without_a_row_is_named() -> None:
    assert promises(observed(written=[])) == {"no gap"}


def test_a_fire_time_with_two_rows_is_named() -> None:
    assert promises(observed(run(), run())) == {"once"}


def test_a_row_that_is_no_fire_time_is_named() -> None:
    assert promises(observed(run()), Expected({SCHEDULE: []})) == {"once"}


def test_a_skipped_fire_time_without_a_reason_is_named() -> None:
    silent = run("skipped", reason=None).model_copy(update={"attempts": []})
    assert promises(observed(silent, written=[])) == {"no gap"}


def test_an_order_that_was_answered_and_is_gone_is_named() -> None:
    assert promises(observed(run()), Expected({SCHEDULE: [NOON]}, {"order": uuid4()})) == {"accepted"}


def test_an_order_that_made_two_runs_is_named() -> None:
    twice = [run(note="order", fire_at=None, schedule_id=None, trigger="manual") for _ in range(2)]
    assert promises(observed(*twice), Expected({}, {"order": twice[0].id})) == {"once"}


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_run_that_does_not_end_is_named(state: str) -> None:
    assert "ends" in promises(observed(run(state, attempt(1, "running"))))


def test_an_ended_run_with_a_running_attempt_is_named() -> None:
    assert "ends" in promises(observed(run("succeeded", attempt(1), attempt(2, "running"))))


def test_two_attempts_that_succeeded_are_named() -> None:
    repeated = run("succeeded", attempt(1), attempt(2), retry_on_worker_loss=True)
    written = [*entries(repeated.id), *entries(repeated.id, 2, begin=5)]
    assert promises(observed(repeated, written=written)) == {"fence"}


def test_a_failure_after_a_success_is_named() -> None:
    assert "fence" in promises(observed(run("failed", attempt(1), class_="code", **{"class": "code"})))


def test_a_run_that_is_lost_without_a_lost_attempt_is_named() -> None:
    assert promises(observed(run("lost", attempt(1, "failed")))) == {"ends"}


def test_user_code_that_was_executed_twice_under_one_fence_is_named() -> None:
    good = run()
    assert promises(observed(good, written=[*entries(good.id), *entries(good.id)])) == {"user code"}


def test_user_code_that_was_repeated_without_leave_is_named() -> None:
    lost_once = run("succeeded", attempt(1, "lost"), attempt(3))
    written = [*entries(lost_once.id), *entries(lost_once.id, 3, begin=5)]
    assert promises(observed(lost_once, written=written)) == {"user code"}
    allowed = lost_once.model_copy(update={"retry_on_worker_loss": True})
    assert promises(observed(allowed, written=written)) == set()


def test_user_code_of_two_attempts_at_once_is_named() -> None:
    again = run("succeeded", attempt(1, "lost"), attempt(3), retry_on_worker_loss=True)
    written = [*entries(again.id), *entries(again.id, 3, begin=0.5)]
    assert promises(observed(again, written=written)) == {"user code"}


def test_user_code_before_the_begin_gate_is_named() -> None:
    assert promises(observed(run("succeeded", attempt(1, begun=False)))) == {"user code"}


def test_a_success_that_wrote_no_pair_is_named() -> None:
    good = run()
    assert promises(observed(good, written=entries(good.id)[:1])) == {"user code"}


def test_a_copy_that_does_not_verify_is_named() -> None:
    good = run()
    assert promises(observed(good, damaged={good.id: "another hash"})) == {"copy"}


def test_a_final_event_too_many_or_too_few_is_named() -> None:
    good = run()
    for ends in ([], ["lost", "succeeded"]):
        assert promises(replace(observed(good), ends={good.id: ends})) == {"events"}


@pytest.mark.parametrize(
    ("seen", "promise"),
    [("stale_writes", "fence"), ("server_faults", "answers"), ("deaths", "ends")],
)
def test_what_others_saw_meanwhile_is_named(seen: str, promise: str) -> None:
    assert promises(observed(run(), **{seen: ["it"]})) == {promise}


def test_fire_times_are_counted_from_their_first_to_their_last_instant() -> None:
    end = NOON + timedelta(minutes=2)
    every = {"kind": "interval", "every": "PT60S", "anchor": "2026-11-23T12:00:00Z"}
    minutes = [NOON, NOON + timedelta(minutes=1), end]
    assert fire_times(every, NOON, end) == minutes
    assert fire_times({"kind": "cron", "expression": "* * * * *"}, NOON, end) == minutes
    assert fire_times({"kind": "once", "at": "2026-11-23T12:00:00Z"}, NOON, end) == [NOON]
    assert fire_times({"kind": "once", "at": "2026-11-23T13:00:00Z"}, NOON, end) == []
