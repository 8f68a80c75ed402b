"""The statements that run all day find their rows by an index, as the databases themselves say."""

from datetime import timedelta

import pytest
import world
from sqlalchemy import event, text
from world import NOON, at

from nightbook.adapters import database
from nightbook.beat import dispatcher, planner, reaper
from nightbook.core.clock import new_id
from nightbook.records import chains, gaps, runs, schedules, tallies

LARGE = {"runs", "schedules", "arrivals", "schedule_links", "events", "run_tags", "attempts"}


def plans_of(session, act):
    """The plan of each SELECT and UPDATE that *act* sends, as text."""
    sent = []

    def note(_connection, _cursor, statement, parameters, _context, is_many):
        sent.append((statement, parameters[0] if is_many else parameters))

    engine = session.get_bind()
    session.flush()
    event.listen(engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return [
        (statement, _explained(session, statement, parameters))
        for statement, parameters in sent
        if statement.lstrip().startswith(("SELECT", "UPDATE"))
    ]


def _explained(session, statement, parameters):
    connection = session.connection()
    if database.is_postgresql(session):
        # The tables are nearly empty, where reading all of them is cheapest: we ask what an index could do.
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        return "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    return "\n".join(row[3] for row in rows)


def whole_reads(plan):
    """The lines of a plan that read a large table from end to end."""
    found = []
    for line in plan.splitlines():
        words = line.replace("->", " ").split()
        is_scan = "Seq Scan" in line or (words[:1] == ["SCAN"] and "USING" not in line)
        if is_scan and LARGE & set(words):
            found.append(line)
    return found


@pytest.fixture
def busy(session):
    """A schedule that is due, one that follows it, runs under each cap, and a worker."""
    upstream = world.schedule(
        session, now=at("10:30"), overlap="allow", concurrency=2, pause_after_failures=3
    )
    follow = {"kind": "after", "schedule_id": str(upstream.id)}
    follower = world.schedule(session, now=at("10:30"), trigger=follow)
    group = runs.Group(new_id(), 2)
    world.run(session, group=group, concurrency_key="k")
    who = world.worker(session)
    planner.tick(session, at("11:00:01"))
    session.flush()
    return upstream, follower, group, who


ACTS = {
    "look for work": lambda s, b: planner.has_work(s, NOON),
    "find what is due": lambda s, b: schedules.due(s, NOON),
    "fire": lambda s, b: planner.tick(s, NOON),
    "ring": lambda s, b: dispatcher.tick(s, NOON),
    "reap": lambda s, b: reaper.tick(s, NOON, NOON),
    "claim": lambda s, b: world.claim(s, b[3], now=NOON),
    "expire": lambda s, b: runs.expire(s, NOON),
    "overlap": lambda s, b: runs.unfinished(s, b[0].id),
    "who follows": lambda s, b: chains.tell(s, b[0].id, new_id(), "succeeded", NOON),
    "what arrived": lambda s, b: (chains.new_followers(s), chains.arrived(s, b[1].id, "after")),
    "failures in a row": lambda s, b: runs.reds_in_a_row(s, b[0].id, since=NOON - timedelta(1), limit=3),
    "durations": lambda s, b: runs.durations(s, b[0].id, 20),
    "ledger": lambda s, b: runs.occurrences(s, b[0].id, before=NOON, limit=50),
    "calls of a hook": lambda s, b: runs.fired_since(s, b[0].id, NOON),
    "newest fire time": lambda s, b: runs.newest_fire_at(s, b[0].id),
    "runs of a group": lambda s, b: runs.page(s, beyond=None, limit=50, filters={"group_id": b[2].id}),
    "runs of a day": lambda s, b: [
        runs.page(s, beyond=None, limit=50, filters={"since": NOON, "until": NOON + timedelta(1), **more})
        for more in ({}, {"state": ["succeeded"]}, {"schedule_id": b[0].id})
    ],
    "fire times of a backfill": lambda s, b: runs.fire_time_rows(s, b[0].id, [at("11:00"), at("12:00")]),
    "a glance": lambda s, b: (
        schedules.failing(s, 10),
        schedules.count_failing(s),
        schedules.broken(s, 10),
        schedules.overdue(s, NOON, 10),
        schedules.next_due(s, 10),
        runs.waiting_since(s, NOON, 10),
        tallies.since(s, NOON - timedelta(hours=1)),
    ),
    "close an hour": lambda s, b: tallies.close(s, NOON),
    "newest of a schedule": lambda s, b: runs.newest(s, b[0].id, 100),
    "newest of each schedule": lambda s, b: runs.newest_of_each(s, [b[0].id, b[1].id], 12),
    "what is usual": lambda s, b: (
        runs.comparable(s, runs.newest(s, b[0].id, 1)[0]),
        runs.comparable(s, world.run(s)),
    ),
    "a timeline": lambda s, b: (
        runs.within(s, NOON, NOON + timedelta(days=1), limit=100),
        runs.not_run_within(s, [b[0].id, b[1].id], NOON, NOON + timedelta(days=1), limit=100),
        schedules.firing_before(s, NOON, 100),
    ),
    "gaps": lambda s, b: gaps.next_to_fill(s, limit=5),
}


@pytest.mark.parametrize("act", ACTS)
def test_no_hot_statement_reads_a_whole_table(session, busy, act):
    plans = plans_of(session, lambda: ACTS[act](session, busy))

    assert plans
    for statement, plan in plans:
        assert whole_reads(plan) == [], f"{statement}\n{plan}"


def test_a_statement_without_an_index_would_be_found(session, busy):
    plans = plans_of(session, lambda: session.execute(text("SELECT id FROM runs WHERE note = 'x'")))

    assert any(whole_reads(plan) for _, plan in plans)
