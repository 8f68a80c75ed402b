"""Schedules: a spec and a trigger, active or paused, with an owner; how they change, and what is due."""

from nightbook.records.schedules.asking import (
    are_there_any,
    broken,
    count_by_state,
    count_failing,
    failing,
    firing_before,
    next_due,
    overdue,
    page,
    require,
    require_for_change,
)
from nightbook.records.schedules.changing import create, delete, edit, pause, require_version, resume
from nightbook.records.schedules.due import (
    advance,
    advance_many,
    count_run,
    due,
    is_any_due,
    learn_margin,
    lock,
    mark_broken,
    next_fire_time,
)
from nightbook.records.schedules.hooks import end_secret, make_secret, require_secret
from nightbook.records.schedules.tables import Schedule
from nightbook.records.schedules.zones import of_other_zones, reread

__all__ = [
    "Schedule",
    "advance",
    "advance_many",
    "are_there_any",
    "broken",
    "count_by_state",
    "count_failing",
    "count_run",
    "create",
    "delete",
    "due",
    "edit",
    "end_secret",
    "failing",
    "firing_before",
    "is_any_due",
    "learn_margin",
    "lock",
    "make_secret",
    "mark_broken",
    "next_due",
    "next_fire_time",
    "of_other_zones",
    "overdue",
    "page",
    "pause",
    "require",
    "require_for_change",
    "require_secret",
    "require_version",
    "reread",
    "resume",
]
