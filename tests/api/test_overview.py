"""The landing page, a schedule's figures, and what is usual: one answer each, from few statements."""

from datetime import UTC, date, datetime, timedelta

import pytest
import world as rows
from sqlalchemy import event

from nightbook.api import overview
from nightbook.api.fleet import pool_views
from nightbook.beat import planner
from nightbook.core.errors import Invalid
from nightbook.records import pools

NOON = rows.NOON


def look(session, now=NOON, timezone="UTC"):
    session.flush()
    return overview.overview(session, rows.ANA, now, timezone)


def a_failing_schedule(session, who, name, times=1, now=NOON):
    schedule = rows.schedule(session, name=name, trigger={"kind": "manual"})
    for _ in range(times):
        run = rows.run(session, now=now)
        run.schedule_id, run.schedule_name = schedule.id, name
        session.flush()
        rows.finish(session, rows.claim(session, who, now=now)[1], who, "failed", class_="code", now=now)
    return run


def test_a_new_nightbook_says_that_it_is_new(session):
    assert look(session).is_new
    rows.schedule(session)
    assert not look(session).is_new


def test_what_fails_is_told_with_its_newest_reason_and_how_often(session):
    run = a_failing_schedule(session, rows.worker(session), "Ledger", times=3)

    (failing,) = look(session).failing

    assert (failing.schedule_name, failing.in_a_row, failing.reason) == ("Ledger", 3, "it failed")
    assert (failing.run_id, failing.state, failing.class_) == (run.id, "failed", "code")


def test_the_landing_page_costs_as_many_statements_for_ten_schedules_as_for_one(session):
    who = rows.worker(session)

    def statements():
        sent = []

        def note(*call):
            sent.append(call[2])

        session.flush()
        event.listen(session.get_bind(), "before_cursor_execute", note)
        look(session)
        event.remove(session.get_bind(), "before_cursor_execute", note)
        return len(sent)

    a_failing_schedule(session, who, "first")
    rows.schedule(session)
    one = statements()
    for number in range(9):
        a_failing_schedule(session, who, f"schedule {number}")
        rows.schedule(session)

    assert statements() == one


def test_a_run_that_nobody_takes_is_late_and_says_why(session):
    run = rows.run(session, now=NOON - timedelta(minutes=5))
    rows.run(session, now=NOON - timedelta(seconds=30))

    (late,) = look(session).late

    assert (late.run_id, late.why) == (run.id, "No worker is alive in the pool default.")


def test_a_schedule_that_nobody_fires_is_late(session):
    schedule = rows.schedule(session, now=rows.at("10:30"))

    (late,) = look(session, now=rows.at("11:05")).late

    assert (late.run_id, late.schedule_id, late.due_at) == (None, schedule.id, rows.at("11:00"))
    assert "beat" in late.why
    planner.tick(session, rows.at("11:05"))
    (fired,) = look(session, now=rows.at("11:05")).late
    assert (fired.schedule_id, fired.due_at) == (schedule.id, rows.at("11:00"))
    assert "worker" in fired.why


def test_silent_workers_are_counted_apart(session):
    worker, _ = rows.worker(session)
    rows.worker(session, name="w2")
    worker.seen_at = NOON - timedelta(hours=1)
    session.add(worker)
    session.flush()

    pool = next(view for view in pool_views(session, NOON) if view.name == pools.DEFAULT_POOL)

    assert (pool.workers, pool.silent_workers) == (1, 1)


def test_days_are_those_of_the_readers_zone(session):
    who = rows.worker(session)
    late_evening = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    rows.run(session, now=late_evening)
    rows.finish(session, rows.claim(session, who, now=late_evening)[1], who, now=late_evening)

    by_zone = {
        zone: [day.day for day in look(session, timezone=zone).days if day.succeeded]
        for zone in ("UTC", "Europe/Berlin")
    }

    assert by_zone == {"UTC": [date(2026, 11, 22)], "Europe/Berlin": [date(2026, 11, 23)]}
    assert len(look(session).days) == 14


def test_an_unknown_zone_is_refused(session):
    with pytest.raises(Invalid, match="IANA"):
        look(session, timezone="Mars/Base")


def test_a_schedules_figures_are_there_after_one_run(session):
    who = rows.worker(session)
    schedule = rows.schedule(session, now=rows.at("10:30"))
    planner.tick(session, rows.at("11:00:01"))
    run, attempt = rows.claim(session, who, now=rows.at("11:00:03"))
    rows.finish(session, attempt, who, now=rows.at("11:00:33"))

    stats = overview.stats(schedule.id, session, rows.ANA)

    assert (stats.judged, stats.success_rate, stats.last_success_at) == (1, 1.0, rows.at("11:00:33"))
    assert (stats.duration_p50_seconds, stats.duration_p95_seconds) == (30, 30)
    assert stats.lateness_p95_seconds == 3
    assert [(point.run_id, point.state, point.seconds) for point in stats.points] == [
        (run.id, "succeeded", 30)
    ]


def test_cancelled_and_waiting_runs_do_not_count_in_the_success_rate(session):
    who = rows.worker(session)
    failed = a_failing_schedule(session, who, "Ledger")
    waiting = rows.run(session)
    waiting.schedule_id = failed.schedule_id
    session.flush()

    stats = overview.stats(failed.schedule_id, session, rows.ANA)

    assert (stats.judged, stats.success_rate, stats.duration_p50_seconds) == (1, 0.0, None)
    assert [point.state for point in stats.points] == ["queued", "failed"]


def test_what_is_usual_is_the_median_of_former_runs(session):
    who = rows.worker(session)
    for seconds in (10, 90, 20):
        _, attempt = (rows.run(session), rows.claim(session, who))[1]
        attempt.cell_seconds = {"0": seconds / 2}
        rows.finish(session, attempt, who, now=NOON + timedelta(seconds=seconds))
    run = rows.run(session)

    usual = overview.usual(run.id, session, rows.ANA)

    assert (usual.runs, usual.seconds) == (3, 20)
    assert [(cell.index, cell.seconds) for cell in usual.cells] == [(0, 10)]


def test_nothing_is_usual_for_a_first_run(session):
    usual = overview.usual(rows.run(session).id, session, rows.ANA)

    assert (usual.runs, usual.seconds, usual.cells) == (0, None, [])
