"""The checker: what the platform says of an experiment, held against what must be so.

`observe` asks the public API only; `judge` is a pure function over what was observed, what the ledger of
the notebooks says, and which fire times there must be. It names every breach, and forgives none.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

import nbformat
from facts import require_whole
from fleet import Fleet
from ledger import Entry

from nightbook.client import Client
from nightbook.schemas import OccurrenceView, RunView

Promise = Literal["once", "no gap", "ends", "user code", "fence", "copy", "events", "accepted", "answers"]
FINAL = frozenset({"succeeded", "failed", "timed_out", "cancelled", "lost", "skipped", "expired"})
_NEVER_RAN = frozenset({"skipped", "expired"})


@dataclass(frozen=True)
class Breach:
    """A promise that was not kept, and by what."""

    promise: Promise
    words: str

    def __str__(self) -> str:
        return f"[{self.promise}] {self.words}"


@dataclass(frozen=True)
class Expected:
    """What must be there: the fire times of each schedule, and one run for each order that was answered."""

    fire_times: Mapping[UUID, Sequence[datetime]] = field(default_factory=dict)
    orders: Mapping[str, UUID | None] = field(default_factory=dict)  # by note; None: never answered


@dataclass(frozen=True)
class Observed:
    """What the API said once it was quiet, and what notebooks wrote themselves."""

    runs: Sequence[RunView]
    occurrences: Mapping[UUID, Sequence[OccurrenceView]]
    ends: Mapping[UUID, Sequence[str]]  # the kinds of final events, by run
    damaged: Mapping[UUID, str]  # copies that do not verify
    entries: Sequence[Entry]
    stale_writes: Sequence[str] = ()  # those that were accepted
    server_faults: Sequence[str] = ()  # answers that own up to a mistake of ours
    deaths: Sequence[str] = ()  # parts that ended without being told to


def observe(
    fleet: Fleet,
    client: Client,
    tag: str,
    schedules: Iterable[UUID],
    entries: Sequence[Entry],
    **seen: Sequence[str],
) -> Observed:
    """Ask for all runs with *tag* and the ledgers of *schedules*; *seen* is what others noticed meanwhile."""
    runs = list(client.runs.list(tag=tag, limit=200))
    ends: dict[UUID, list[str]] = {run.id: [] for run in runs}
    for event in client.events(limit=200):
        kind = event.kind.removeprefix("run.")
        if event.object_type == "run" and kind in FINAL and UUID(event.object_id) in ends:
            ends[UUID(event.object_id)].append(kind)
    return Observed(
        runs=runs,
        occurrences={one: list(client.schedules.occurrences(one, limit=200)) for one in schedules},
        ends=ends,
        damaged={run.id: words for run in runs if (words := _damage(fleet, run))},
        entries=[entry for entry in entries if entry.run in ends],
        **seen,
    )


def _damage(fleet: Fleet, run: RunView) -> str | None:
    if run.state != "succeeded":
        return None
    try:
        manifest = require_whole(fleet, run)
    except (AssertionError, LookupError, ValueError, TypeError, nbformat.ValidationError) as error:
        return f"its copy does not verify: {type(error).__name__} {error}"
    published = [attempt.fence for attempt in run.attempts if attempt.state == "succeeded"]
    if manifest["fence"] not in published:
        return f"its copy is of fence {manifest['fence']}, and {published} succeeded"
    return None


# ---------------------------------------------------------------- judging


def judge(expected: Expected, observed: Observed) -> list[Breach]:
    """Every breach of a promise, none where all is well."""
    return [
        *_of_fire_times(expected, observed),
        *_of_orders(expected, observed),
        *(breach for run in observed.runs for breach in _of_run(run)),
        *_of_ledger(observed),
        *_of_ends(observed),
        *(Breach("copy", f"run {run_id}: {words}") for run_id, words in observed.damaged.items()),
        *(Breach("fence", f"a stale write was accepted: {words}") for words in observed.stale_writes),
        *(Breach("answers", words) for words in observed.server_faults),
        *(Breach("ends", f"a part ended by itself: {words}") for words in observed.deaths),
    ]


def _of_fire_times(expected: Expected, observed: Observed) -> Iterator[Breach]:
    rows = Counter((run.schedule_id, run.fire_at) for run in observed.runs if run.trigger == "scheduled")
    for schedule_id, wanted in expected.fire_times.items():
        listed = Counter(row.fire_at for row in observed.occurrences.get(schedule_id, ()))
        for at in wanted:
            if not listed[at]:
                yield Breach("no gap", f"schedule {schedule_id} has no row for {at}")
        for at, count in listed.items():
            count = max(count, rows[schedule_id, at])
            if count > 1:
                yield Breach("once", f"schedule {schedule_id} has {count} rows for {at}")
            if at not in wanted:
                yield Breach(
                    "once", f"schedule {schedule_id} has a row for {at}, which is no fire time of it"
                )
        for row in observed.occurrences.get(schedule_id, ()):
            if row.state in _NEVER_RAN and not row.reason:
                yield Breach(
                    "no gap", f"schedule {schedule_id}: {row.fire_at} is {row.state} without a reason"
                )


def _of_orders(expected: Expected, observed: Observed) -> Iterator[Breach]:
    made: dict[str, list[UUID]] = {}
    for run in observed.runs:
        if run.note:
            made.setdefault(run.note, []).append(run.id)
    for note, answered in expected.orders.items():
        found = made.get(note, [])
        if len(found) > 1:
            yield Breach("once", f"the order {note} made {len(found)} runs")
        if answered is not None and answered not in found:
            yield Breach("accepted", f"the order {note} was answered with run {answered}, which is not there")


def _of_run(run: RunView) -> Iterator[Breach]:
    if run.state not in FINAL:
        yield Breach("ends", f"run {run.id} is still {run.state}")
        return
    states = [attempt.state for attempt in run.attempts]
    fences = [attempt.fence for attempt in run.attempts]
    if fences != sorted(set(fences)):
        yield Breach("fence", f"run {run.id} has the fences {fences}")
    if "running" in states:
        yield Breach("ends", f"run {run.id} is {run.state}, and an attempt of it still runs")
    published = states.count("succeeded")
    if (
        published > 1
        or (published == 1) != (run.state == "succeeded")
        or (published and states[-1] != "succeeded")
    ):
        yield Breach("fence", f"run {run.id} is {run.state} with the attempts {states}")
    if run.state == "lost" and not (run.reason and "lost" in states):
        yield Breach("ends", f"run {run.id} is lost without a reason or a lost attempt")
    if run.state in {"failed", "timed_out"} and run.class_ is None:
        yield Breach("ends", f"run {run.id} is {run.state} without a class")


def _of_ledger(observed: Observed) -> Iterator[Breach]:
    starts = Counter((entry.run, entry.fence) for entry in observed.entries if entry.event == "start")
    ends = Counter((entry.run, entry.fence) for entry in observed.entries if entry.event == "end")
    for (run_id, fence), count in (starts + ends).items():
        if max(starts[run_id, fence], ends[run_id, fence]) > 1:
            yield Breach("user code", f"run {run_id}: fence {fence} executed {count} times")
    for run in observed.runs:
        yield from _of_executions(run, [entry for entry in observed.entries if entry.run == run.id])


def _of_executions(run: RunView, entries: Sequence[Entry]) -> Iterator[Breach]:
    begun = {attempt.fence for attempt in run.attempts if attempt.begun_at is not None}
    started = {entry.fence for entry in entries if entry.event == "start"}
    ended = {entry.fence for entry in entries if entry.event == "end"}
    if unasked := started - begun:
        yield Breach("user code", f"run {run.id}: fences {sorted(unasked)} executed without a begin")
    if len(started) > 1 and not run.retry_on_worker_loss:
        yield Breach("user code", f"run {run.id} executed under {sorted(started)} and may not be repeated")
    published = {attempt.fence for attempt in run.attempts if attempt.state == "succeeded"}
    if unwritten := published - (started & ended):
        yield Breach("user code", f"run {run.id} succeeded, and fence {sorted(unwritten)} wrote no pair")
    yield from _of_overlaps(run, entries)


def _of_overlaps(run: RunView, entries: Sequence[Entry]) -> Iterator[Breach]:
    last_end = float("-inf")
    for entry in sorted(entries, key=lambda one: (one.fence, one.event == "end")):
        if entry.event == "start" and entry.at < last_end:
            yield Breach("user code", f"run {run.id}: fence {entry.fence} began before its predecessor ended")
        elif entry.event == "end":
            last_end = max(last_end, entry.at)


def _of_ends(observed: Observed) -> Iterator[Breach]:
    for run in observed.runs:
        kinds = list(observed.ends.get(run.id, ()))
        if run.state in FINAL and kinds != [run.state]:
            yield Breach("events", f"run {run.id} is {run.state}, and its final events are {kinds}")
