"""Many schedules due at once: written together, with the same rows as one by one, and with few statements."""

from datetime import timedelta

import pytest
import world
from sqlalchemy import event
from sqlmodel import select
from world import at, ledger

from nightbook.adapters import notices
from nightbook.beat import planner
from nightbook.records import bursts, events, runs, schedules
from nightbook.records.runs import Run, RunTag
from nightbook.records.schedules import Schedule

DUE = at("11:00:01")


def many(session, count, **fields):
    return [world.schedule(session, now=at("10:30"), **fields) for _ in range(count)]


def statements(session, act):
    sent = []

    def note(_connection, _cursor, statement, *_):
        sent.append(statement)

    session.flush()
    event.listen(session.get_bind(), "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(session.get_bind(), "before_cursor_execute", note)
    return sent


def facts(row, *without):
    return {name: value for name, value in row.model_dump().items() if name not in without}


def test_the_statements_of_a_burst_do_not_grow_with_it(session):
    many(session, 3)
    few = statements(session, lambda: planner.tick(session, DUE))
    schedules_of_it = many(session, 60)

    at_once = statements(session, lambda: planner.tick(session, DUE))

    assert all(len(ledger(session, each.id)) == 1 for each in schedules_of_it)
    assert len(at_once) <= len(few) + 2


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"overlap": "allow", "tags": ["daily", "sales"], "parameters": {"region": "south"}},
        {"concurrency": 3, "overlap": "queue_all", "expire_after_seconds": 600, "priority": 7},
        {"jitter_seconds": 30, "concurrency_key": "warehouse"},
        {"max_runs": 1},
        {"trigger": {"kind": "once", "at": "2026-11-23T11:00:00Z"}},
    ],
)
def test_it_writes_the_rows_that_one_alone_would_write(session, fields, monkeypatch):
    together, alone = many(session, 2, **fields)
    later = DUE + timedelta(seconds=31)
    monkeypatch.setattr(
        schedules, "due", lambda session, _now: [session.get_one(Schedule, together.id, with_for_update=True)]
    )
    planner.tick(session, later)
    monkeypatch.setattr(bursts, "plain", lambda *_: [])
    monkeypatch.setattr(
        schedules, "due", lambda session, _now: [session.get_one(Schedule, alone.id, with_for_update=True)]
    )
    planner.tick(session, later)

    session.expire_all()
    own = ("id", "schedule_id", "schedule_name", "due_at", "available_at")
    rows = [session.exec(select(Run).where(Run.schedule_id == each.id)).one() for each in (together, alone)]
    assert facts(rows[0], *own) == facts(rows[1], *own)
    for row, each in zip(rows, (together, alone), strict=True):
        assert (row.due_at or row.fire_at) == row.available_at == row.fire_at + each.shift
    told = [
        [
            (one.kind, one.caller, facts(one)["facts"] | {"schedule_id": None})
            for one in events.newest(session, before=None, limit=9, about=str(row.id))
        ]
        for row in rows
    ]
    assert told[0] == told[1] != []
    tags = [session.exec(select(RunTag.tag).where(RunTag.run_id == row.id)).all() for row in rows]
    assert sorted(tags[0]) == sorted(tags[1]) == sorted(fields.get("tags", []))
    moved = ("id", "name", "live_name", "due_at")
    states = [session.get_one(Schedule, each.id) for each in (together, alone)]
    assert facts(states[0], *moved) == facts(states[1], *moved)
    assert states[0].runs_made == 1


def test_who_waits_for_events_hears_of_it(session):
    many(session, 2)
    session.commit()

    planner.tick(session, DUE)

    assert notices.EVENTS_TOPIC in session.info["notices"]


@pytest.mark.parametrize(
    ("fields", "row"),
    [
        ({"overlap": "skip"}, ("skipped", "overlap")),
        ({"overlap": "queue_one"}, ("queued", None)),
        ({"exclude_dates": ["2026-11-23"], "overlap": "allow"}, ("skipped", "excluded")),
    ],
)
def test_what_is_not_plain_is_judged_alone_and_the_others_go_on(session, fields, row):
    plain = many(session, 2)
    special = world.schedule(session, now=at("09:30"), **fields)
    planner.tick(session, at("10:00:01"))

    planner.tick(session, DUE)

    assert (DUE.replace(second=0), *row) in ledger(session, special.id)
    assert all(ledger(session, each.id) == [(DUE.replace(second=0), "queued", None)] for each in plain)


def test_a_row_that_is_there_already_costs_only_its_own_schedule_the_moment(session):
    *others, raced = many(session, 4)
    runs.create(session, raced.spec, now=DUE, kind="scheduled", owner="ana", created_by="ana",
                schedule_id=raced.id, schedule_name=raced.name, fire_at=at("11:00"))  # fmt: skip
    raced.overlap = "allow"
    session.commit()

    assert planner.tick(session, DUE) == 3

    assert all(len(ledger(session, each.id)) == 1 for each in [*others, raced])


def test_schedules_that_someone_else_moved_are_left_to_him(session, monkeypatch):
    first, second = many(session, 2)
    session.commit()
    plain = bursts.plain

    def overtaken(session, due, now):
        shots = plain(session, due, now)
        schedule = next(shot.schedule for shot in shots if shot.schedule.id == first.id)
        session.connection().exec_driver_sql(
            "UPDATE schedules SET version = version + 1 WHERE name = '" + schedule.name + "'"
        )
        return shots

    monkeypatch.setattr(bursts, "plain", overtaken)

    planner.tick(session, DUE)

    # Read again, the first fires under the version that it has now.
    assert [len(ledger(session, each.id)) for each in (first, second)] == [1, 1]
    assert session.get_one(Schedule, first.id).next_fire_at == at("12:00")


def test_a_schedule_that_cannot_run_stops_no_other(session):
    broken, *others = many(session, 3)
    broken.parameters = {"region": ["not", "a", "string"]}
    session.commit()

    planner.tick(session, DUE)

    assert [row[1] for row in ledger(session, broken.id)] == ["failed"]
    assert [[row[1] for row in ledger(session, each.id)] for each in others] == [["queued"]] * 2
