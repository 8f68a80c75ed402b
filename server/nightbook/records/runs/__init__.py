"""Runs: one execution of a notebook, from queued to its end; attempts: the tries of it.

A run changes state only through the functions here and in `leases`, each of which checks the move,
writes the event and leaves the commit to its caller. Nothing here talks to the broker.
"""

from nightbook.records.runs.asking import attempts_of, page, require, require_for_change
from nightbook.records.runs.ending import ask_cancel, cancel, end_waiting
from nightbook.records.runs.making import Scheduled, create, create_skipped, record
from nightbook.records.runs.of_schedule import (
    is_under_way,
    last_of_each,
    latest,
    occurrences,
    previous_success,
    red_schedules,
    unfinished,
)
from nightbook.records.runs.tables import Attempt, Run, RunTag
from nightbook.records.runs.waiting import (
    count_by_pool_and_state,
    ended_since,
    running_by,
    to_ring,
    waiting_by_pool,
)

__all__ = [
    "Attempt",
    "Run",
    "RunTag",
    "Scheduled",
    "ask_cancel",
    "attempts_of",
    "cancel",
    "count_by_pool_and_state",
    "create",
    "create_skipped",
    "end_waiting",
    "ended_since",
    "is_under_way",
    "last_of_each",
    "latest",
    "occurrences",
    "page",
    "previous_success",
    "record",
    "red_schedules",
    "require",
    "require_for_change",
    "running_by",
    "to_ring",
    "unfinished",
    "waiting_by_pool",
]
