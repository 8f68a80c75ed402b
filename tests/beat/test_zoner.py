"""Coming fire times after an upgrade of the zones' rules: moved where they have to, once, and told."""

import pytest
import world
from sqlmodel import select
from world import at, ledger

from nightbook.adapters import database
from nightbook.beat import planner, zoner
from nightbook.beat.loop import Beat
from nightbook.core.errors import Invalid
from nightbook.core.timetables import Timetable
from nightbook.records import events
from nightbook.records.schedules import Schedule

OLD, NEW = "2025.1", "2026.9"


def moved(session):
    session.flush()
    found = session.exec(select(events.Event).where(events.Event.kind == "schedule.moved")).all()
    return [(event.facts["from"], event.facts["to"], event.facts["zones"]) for event in found]


@pytest.fixture
def noon(session):
    """Every day at noon, as an edition had it by whose rules that is an hour later."""
    trigger = {"kind": "cron", "expression": "0 12 * * *", "timezone": "UTC"}
    schedule = world.schedule(session, now=at("09:00"), trigger=trigger)
    schedule.next_fire_at = schedule.due_at = at("13:00")
    schedule.zones_edition = OLD
    session.flush()
    return schedule


def test_a_coming_fire_time_follows_the_new_rules_and_is_told(session, noon):
    assert zoner.tick(session, at("09:30"), NEW) == 1

    assert (noon.next_fire_at, noon.due_at, noon.zones_edition) == (at("12:00"), at("12:00"), NEW)
    assert moved(session) == [("2026-11-23T13:00:00+00:00", "2026-11-23T12:00:00+00:00", NEW)]
    planner.tick(session, at("12:00:01"))
    assert [when for when, *_ in ledger(session, noon.id)] == [at("12:00")]


def test_each_is_looked_at_once_under_an_edition(session, noon):
    world.schedule(session, now=at("09:00"))
    assert [zoner.tick(session, at("09:30"), NEW) for _ in range(2)] == [2, 0]
    assert len(moved(session)) == 1


def test_what_is_due_or_has_its_row_stays(session, noon):
    zoner.tick(session, at("13:00:01"), NEW)
    assert noon.next_fire_at == at("13:00")

    noon.next_fire_at = noon.due_at = at("13:00")
    noon.fired_until, noon.zones_edition = at("12:00"), OLD
    zoner.tick(session, at("11:00"), NEW)
    assert noon.next_fire_at == at("12:00").replace(day=24)


def test_many_are_looked_at_in_rounds(session, noon, monkeypatch):
    monkeypatch.setattr(zoner, "ROUND", 2)
    for _ in range(3):
        world.schedule(session, now=at("09:00"))
    assert [zoner.tick(session, at("09:30"), NEW) for _ in range(3)] == [2, 2, 0]


def test_a_schedule_whose_zone_is_gone_is_broken_and_holds_up_no_other(session, noon, monkeypatch):
    other = world.schedule(session, now=at("09:00"))

    def timetable(schedule):
        if schedule.id == noon.id:
            raise Invalid("unknown_timezone", "Not the IANA name of a time zone.", field="trigger.timezone")
        return Timetable.of(schedule.timetable_fields)

    monkeypatch.setattr(Schedule, "timetable", property(timetable))
    zoner.tick(session, at("09:30"), NEW)

    assert (noon.broken_reason, other.broken_reason) == ("Not the IANA name of a time zone.", None)
    assert noon.next_fire_at is None


def test_a_beat_looks_round_by_round_and_then_rests(engine, monkeypatch):
    found = [zoner.ROUND, zoner.ROUND, 3]
    monkeypatch.setattr(zoner, "tick", lambda *_: found.pop(0))
    beat = Beat(database.sessions(engine), database.reading_sessions(engine), None, None)

    left = []
    for _ in range(5):
        beat._reread_zones()
        left.append(len(found))

    assert left == [2, 1, 0, 0, 0]
