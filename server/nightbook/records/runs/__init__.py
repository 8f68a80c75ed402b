"""Runs: one execution of a notebook, from queued to its end; attempts: the tries of it.

A run changes state only through the functions here and in `leases`, each of which checks the move,
writes the event and leaves the commit to its caller. Nothing here talks to the broker.
"""

from nightbook.records.runs.asking import (
    attempts_of,
    by_ids,
    of_group,
    page,
    require,
    require_for_change,
    state_of,
)
from nightbook.records.runs.caps import free_slots, full_cap, full_owners, have_room
from nightbook.records.runs.ending import ask_cancel, cancel, end_waiting, expire
from nightbook.records.runs.history import Past, comparable, newest, waiting_since
from nightbook.records.runs.making import (
    Facts,
    Group,
    Scheduled,
    create,
    create_many_skipped,
    create_skipped,
    queue_many,
    record,
)
from nightbook.records.runs.of_schedule import (
    Recent,
    backfills_of,
    durations,
    fire_time_rows,
    fired_since,
    is_under_way,
    latest,
    newest_fire_at,
    newest_of_each,
    occurrences,
    previous_success,
    reds_in_a_row,
    unfinished,
    with_unfinished,
)
from nightbook.records.runs.tables import Attempt, Run, RunTag
from nightbook.records.runs.waiting import (
    count_by_pool_and_state,
    is_waiting,
    running_by,
    to_ring,
    waiting_by_pool,
)

__all__ = [
    "Attempt",
    "Facts",
    "Group",
    "Past",
    "Recent",
    "Run",
    "RunTag",
    "Scheduled",
    "ask_cancel",
    "attempts_of",
    "backfills_of",
    "by_ids",
    "cancel",
    "comparable",
    "count_by_pool_and_state",
    "create",
    "create_many_skipped",
    "create_skipped",
    "durations",
    "end_waiting",
    "expire",
    "fire_time_rows",
    "fired_since",
    "free_slots",
    "full_cap",
    "full_owners",
    "have_room",
    "is_under_way",
    "is_waiting",
    "latest",
    "newest",
    "newest_fire_at",
    "newest_of_each",
    "occurrences",
    "of_group",
    "page",
    "previous_success",
    "queue_many",
    "record",
    "reds_in_a_row",
    "require",
    "require_for_change",
    "running_by",
    "state_of",
    "to_ring",
    "unfinished",
    "waiting_by_pool",
    "waiting_since",
    "with_unfinished",
]
