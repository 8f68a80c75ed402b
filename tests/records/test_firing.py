"""What becomes of fire times that are many, late, excluded, limited or raced for; on both databases."""

from datetime import timedelta

import pytest
import world
from world import ANA, NOON, at, ledger

from nightbook.beat import planner
from nightbook.records import firing, gaps, runs, schedules

MINUTELY = {"kind": "cron", "expression": "* * * * *", "timezone": "UTC"}
DAY = timedelta(days=1)


def settle_down(session, now):
    """Tick until nothing is left to do."""
    while planner.has_work(session, now):
        planner.tick(session, now)


def states(session, schedule):
    return [state for _, state, _ in ledger(session, schedule.id)]


@pytest.mark.parametrize(
    ("policy", "missed", "wanted"),
    [
        ("none", 510, 0),
        ("latest", 500, 1),
        ("latest", 501, 1),
        ("latest", 510, 1),
        ("all", 30, 30),
        ("all", 510, 50),
        ("all", 2000, 50),
    ],
)
def test_catch_up_judges_the_whole_outage_and_leaves_no_gap(session, policy, wanted, missed):
    began = NOON - timedelta(minutes=missed)
    schedule = world.schedule(session, now=began, trigger=MINUTELY, catch_up=policy, overlap="allow")

    # An hour after the last of them, so that none is on time.
    schedule.end_at = NOON
    settle_down(session, NOON + timedelta(hours=1))

    rows = ledger(session, schedule.id)
    assert [fire_at for fire_at, _, _ in rows] == [began + timedelta(minutes=m + 1) for m in range(missed)]
    assert [state for _, state, _ in rows] == ["skipped"] * (missed - wanted) + ["queued"] * wanted
    assert {reason for _, state, reason in rows if state == "skipped"} <= {"catch_up"}
    assert not gaps.is_any(session)


def test_what_is_due_now_goes_before_the_rows_of_a_long_outage(session):
    silent = world.schedule(session, now=NOON - 3 * DAY, trigger=MINUTELY, catch_up="none")
    fresh = world.schedule(session, now=at("11:30"))

    planner.tick(session, NOON + timedelta(seconds=1))

    assert states(session, fresh) == ["queued"]
    assert len(ledger(session, silent.id)) < 3 * 1440
    assert silent.next_fire_at == at("12:01")


@pytest.mark.parametrize(("days", "minutes"), [(1, 60), (1, 1), (30, 20)])
def test_a_pause_of_any_length_is_written_down_whole(session, days, minutes):
    began = NOON - days * DAY
    every = {60: "0 * * * *", 1: "* * * * *", 20: "*/20 * * * *"}[minutes]
    schedule = world.schedule(session, now=began, trigger={"kind": "cron", "expression": every})
    schedules.pause(session, schedule, reason="holiday", caller=ANA, now=began)

    schedules.resume(session, schedule, reason=None, caller=ANA, now=NOON)
    settle_down(session, NOON)

    rows = ledger(session, schedule.id)
    step = timedelta(minutes=minutes)
    assert [row[0] for row in rows] == [began + (n + 1) * step for n in range(days * DAY // step)]
    assert {row[1:] for row in rows} == {("skipped", "paused")}
    assert schedule.next_fire_at > NOON


def test_an_edit_during_a_pause_leaves_its_past_to_the_old_trigger(session):
    schedule = world.schedule(session, now=at("08:30"))
    schedules.pause(session, schedule, reason=None, caller=ANA, now=at("08:45"))
    trigger = {"kind": "cron", "expression": "30 * * * *", "timezone": "UTC"}

    schedules.edit(session, schedule, schedule.spec, {"trigger": trigger}, caller=ANA, now=at("10:15"))
    schedules.resume(session, schedule, reason=None, caller=ANA, now=at("11:45"))
    settle_down(session, at("11:45"))

    fired = [fire_at for fire_at, _, _ in ledger(session, schedule.id)]
    assert fired == [at("09:00"), at("10:00"), at("10:30"), at("11:30")]


def test_a_deleted_schedule_still_tells_of_its_pause(session):
    schedule = world.schedule(session, now=at("08:30"))
    schedules.pause(session, schedule, reason=None, caller=ANA, now=at("08:45"))

    schedules.delete(session, schedule, caller=ANA, now=at("10:15"))
    settle_down(session, at("10:15"))

    assert states(session, schedule) == ["skipped", "skipped"]


def test_a_mended_schedule_tells_of_the_time_when_it_was_broken(session):
    schedule = world.schedule(session, now=at("08:30"))
    schedules.mark_broken(session, schedule, "the pool is gone", at("08:45"))

    facts = {"start_at": None}
    schedules.edit(session, schedule, schedule.spec, facts, caller=ANA, now=at("10:15"))
    settle_down(session, at("10:15"))

    assert [row[1:] for row in ledger(session, schedule.id)] == [("skipped", "broken")] * 2
    assert schedule.next_fire_at == at("11:00")


# ---------------------------------------------------------------- limits, exclusions, shifts


def test_max_runs_ends_a_schedule_and_skipped_fire_times_do_not_count(session):
    schedule = world.schedule(session, now=at("08:30"), max_runs=2)
    who = world.worker(session)

    planner.tick(session, at("09:00:01"))
    planner.tick(session, at("10:00:01"))  # overlaps with the first, which still waits
    _, attempt = world.claim(session, who, now=at("10:30"))
    world.finish(session, attempt, who, now=at("10:31"))
    planner.tick(session, at("11:00:01"))
    planner.tick(session, at("12:00:01"))

    assert states(session, schedule) == ["succeeded", "skipped", "queued"]
    assert (schedule.runs_made, schedule.next_fire_at, schedule.due_at) == (2, None, None)


def test_max_runs_holds_within_one_catch_up(session):
    schedule = world.schedule(session, now=at("06:30"), max_runs=2, catch_up="all", overlap="allow")

    planner.tick(session, at("11:30"))

    assert states(session, schedule) == ["queued", "queued"]
    assert schedule.next_fire_at is None


def test_jitter_delays_the_run_by_the_same_each_time_and_keeps_the_fire_time(session):
    schedule = world.schedule(session, now=at("09:30"), jitter_seconds=1800)
    delay = schedule.due_at - at("10:00")
    assert timedelta(0) <= delay <= timedelta(minutes=30)

    assert planner.tick(session, at("10:00") + delay - timedelta(seconds=1)) == 0
    assert planner.tick(session, at("10:00") + delay) == 1

    assert [row[0] for row in ledger(session, schedule.id)] == [at("10:00")]
    assert schedule.due_at == at("11:00") + delay


def test_jitter_spreads_schedules_over_its_whole_span():
    delays = {
        schedules.Schedule(id=world.new_id(), jitter_seconds=9, trigger={"kind": "manual"}).shift.seconds
        for _ in range(400)
    }

    assert delays == set(range(10))


def test_a_pause_within_the_jitter_still_runs_the_fire_time_before_it(session):
    schedule = world.schedule(session, now=at("09:30"), jitter_seconds=86_400)
    assert schedule.due_at > at("10:00:01")

    firing.settle(session, schedule, at("10:00:01"))
    schedules.pause(session, schedule, reason=None, caller=ANA, now=at("10:00:01"))

    assert states(session, schedule) == ["queued"]


def test_an_excluded_day_is_a_row_with_its_reason(session):
    schedule = world.schedule(session, now=at("10:30"), exclude_dates=["2026-11-23"], catch_up="all")

    planner.tick(session, at("12:00:30"))

    assert [row[1:] for row in ledger(session, schedule.id)] == [("skipped", "excluded")] * 2


def test_catch_up_latest_takes_the_newest_fire_time_that_is_not_excluded(session):
    daily = {"kind": "cron", "expression": "0 9 * * *", "timezone": "UTC"}
    schedule = world.schedule(session, now=NOON - 3 * DAY, trigger=daily, exclude_dates=["2026-11-23"])

    settle_down(session, NOON)

    assert [row[1:] for row in ledger(session, schedule.id)] == [
        ("skipped", "catch_up"),
        ("queued", None),
        ("skipped", "excluded"),
    ]


def test_a_holiday_moves_the_run_to_the_next_business_day(session):
    monthly = {"kind": "cron", "expression": "0 9 1 * *", "timezone": "Europe/Berlin"}

    schedule = world.schedule(session, trigger=monthly, holidays="DE", on_excluded="next_business_day")

    moments = schedule.timetable.between(NOON, NOON + 130 * DAY)
    assert [f"{moment:%m-%d}" for moment in moments] == ["12-01", "01-04", "02-01", "03-01", "04-01"][
        : len(moments)
    ]


# ---------------------------------------------------------------- finish-by


READY = {"kind": "cron", "expression": "0 * * * *", "timezone": "UTC", "finish_by": True}


def test_finish_by_starts_earlier_and_keeps_the_fire_time(session):
    schedule = world.schedule(session, now=at("09:10"), trigger={**READY, "margin_seconds": 600})
    assert (schedule.next_fire_at, schedule.due_at) == (at("10:00"), at("09:50"))

    assert planner.tick(session, at("09:49:59")) == 0
    assert planner.tick(session, at("09:50")) == 1

    run = runs.occurrences(session, schedule.id, before=None, limit=1)[0]
    assert (run.fire_at, run.due_at) == (at("10:00"), at("09:50"))
    assert (schedule.next_fire_at, schedule.due_at) == (at("11:00"), at("10:50"))


def test_finish_by_learns_its_margin_from_the_runs_that_succeeded(session):
    schedule = world.schedule(session, now=at("09:10"), trigger=READY)
    who = world.worker(session)
    assert schedule.due_at == at("09:30")  # half an hour while nobody knows
    planner.tick(session, at("09:30"))
    _, attempt = world.claim(session, who, now=at("09:31"))
    world.finish(session, attempt, who, now=at("09:38"))

    planner.tick(session, at("09:38:01"))

    # Eight minutes from queued to finished, and a quarter more.
    assert (schedule.margin_seconds, schedule.due_at) == (600, at("10:50"))


def test_an_edit_after_the_early_start_does_not_start_the_same_fire_time_again(session):
    schedule = world.schedule(session, now=at("09:10"), trigger={**READY, "margin_seconds": 600})
    planner.tick(session, at("09:50"))

    facts = {"trigger": {**READY, "margin_seconds": 1200}}
    schedules.edit(session, schedule, schedule.spec, facts, caller=ANA, now=at("09:55"))

    assert (schedule.next_fire_at, schedule.due_at) == (at("11:00"), at("10:40"))


# ---------------------------------------------------------------- caps and deadlines


def test_a_schedule_with_room_for_two_overlaps_at_the_third(session):
    schedule = world.schedule(session, now=at("08:30"), concurrency=2)
    who = world.worker(session)
    for clock in ("09:00:01", "10:00:01", "11:00:01"):
        planner.tick(session, at(clock))
        world.claim(session, who, now=at(clock))

    assert states(session, schedule) == ["running", "running", "skipped"]


def test_a_cap_with_queue_all_lets_the_rest_wait(session):
    schedule = world.schedule(session, now=at("08:30"), concurrency=2, overlap="queue_all")
    who = world.worker(session)
    for clock in ("09:00:01", "10:00:01", "11:00:01"):
        planner.tick(session, at(clock))
    taken = [world.claim(session, who, now=at("11:01")) for _ in range(3)]

    assert [each is not None for each in taken] == [True, True, False]
    world.finish(session, taken[0][1], who, now=at("11:02"))
    assert world.claim(session, who, now=at("11:03")) is not None
    assert states(session, schedule) == ["succeeded", "running", "running"]


def test_runs_of_one_key_wait_for_each_other_whatever_their_schedule(session):
    first = world.run(session, concurrency_key="warehouse")
    second = world.run(session, concurrency_key="warehouse")
    free = world.run(session)
    who = world.worker(session)

    taken = [world.claim(session, who) for _ in range(3)]

    assert [each and each[0].id for each in taken] == [first.id, free.id, None]
    world.finish(session, taken[0][1], who)
    assert world.claim(session, who)[0].id == second.id


def test_a_key_lets_as_many_run_as_its_runs_say(session):
    for _ in range(4):
        world.run(session, concurrency_key="warehouse", concurrency_per_key=3)
    who = world.worker(session)

    assert [world.claim(session, who) is not None for _ in range(4)] == [True, True, True, False]


def test_a_run_that_no_worker_takes_in_time_expires(session):
    run = world.run(session, expire_after_seconds=60)
    who = world.worker(session)

    assert world.claim(session, who, now=NOON + timedelta(seconds=60)) is None
    assert runs.expire(session, NOON + timedelta(seconds=59)) == 0
    assert runs.expire(session, NOON + timedelta(seconds=60)) == 1

    assert (runs.require(session, run.id).state, runs.require(session, run.id).reason) == (
        "expired",
        "expired",
    )


def test_a_run_that_has_begun_never_expires(session):
    run = world.run(session, expire_after_seconds=60, retries=1)
    who = world.worker(session)
    _, attempt = world.claim(session, who)
    world.begin(session, attempt, who)
    world.finish(session, attempt, who, "failed", class_="code")

    later = NOON + timedelta(hours=1)
    assert runs.expire(session, later) == 0
    assert world.claim(session, who, now=later)[0].id == run.id


def test_the_users_retries_follow_the_classes_and_the_delay_that_were_asked_for(session):
    run = world.run(session, retries=2, retry_on=["timeout"], retry_delay_seconds=10)
    who = world.worker(session)
    _, attempt = world.claim(session, who)
    world.begin(session, attempt, who)

    world.finish(session, attempt, who, "timed_out", class_="timeout")
    assert (run.state, run.available_at) == ("queued", NOON + timedelta(seconds=10))
    later = NOON + timedelta(minutes=1)
    _, attempt = world.claim(session, who, now=later)
    world.begin(session, attempt, who)
    world.finish(session, attempt, who, "failed", class_="code", now=later)

    assert (run.state, run.user_retries_used) == ("failed", 1)


# ---------------------------------------------------------------- many failures


def fail(session, who, clock):
    planner.tick(session, at(clock))
    _, attempt = world.claim(session, who, now=at(clock))
    world.begin(session, attempt, who)
    world.finish(session, attempt, who, "failed", class_="code", now=at(clock))
    planner.tick(session, at(clock))


def test_a_schedule_pauses_itself_after_failures_in_a_row(session):
    schedule = world.schedule(session, now=at("06:30"), pause_after_failures=2)
    who = world.worker(session)
    fail(session, who, "07:00:01")
    assert schedule.paused_at is None

    fail(session, who, "08:00:01")

    assert (schedule.paused_by, schedule.paused_reason) == ("nightbook", "2 failures in a row")
    assert schedule.next_fire_at is None


def test_after_a_resume_failures_are_counted_anew(session):
    schedule = world.schedule(session, now=at("06:30"), pause_after_failures=2)
    who = world.worker(session)
    fail(session, who, "07:00:01")
    fail(session, who, "08:00:01")
    schedules.resume(session, schedule, reason="mended", caller=ANA, now=at("08:30"))

    fail(session, who, "09:00:01")

    assert schedule.paused_at is None


def test_a_success_between_ends_the_row_of_failures(session):
    schedule = world.schedule(session, now=at("06:30"), pause_after_failures=2)
    who = world.worker(session)
    fail(session, who, "07:00:01")
    planner.tick(session, at("08:00:01"))
    _, attempt = world.claim(session, who, now=at("08:00:02"))
    world.finish(session, attempt, who, now=at("08:00:03"))

    fail(session, who, "09:00:01")

    assert schedule.paused_at is None
