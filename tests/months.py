"""A month of the platform in a few seconds: the records and the loops, with clock and dice of our own.

Nothing sleeps: what is to happen stands in a heap, in the order of a simulated time. Who acts is a person,
a beat that is away for hours now and then and dies before some of its commits, and two workers that work,
fall silent and come back too late. Everything is drawn from one seed, so that a month can be had again.
"""

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import world
from oracle import ODD_DAYS, Walk, utc
from sqlmodel import Session, col, select

from nightbook.beat import planner, reaper
from nightbook.core.errors import Conflict
from nightbook.core.policies import TOLERANCE
from nightbook.records import firing, gaps, leases, runs, schedules
from nightbook.records.pools import Pool
from nightbook.records.runs import Attempt, Run
from nightbook.records.schedules import Schedule
from nightbook.schemas import HeldAttempt

DAYS = timedelta(days=30)
LEASE = timedelta(seconds=600)
_TICK = timedelta(microseconds=1)
_PATTERNS = ("0 6 * * *", "30 2 * * *", "0,30 1-3 * * *", "15 */8 * * *", "0 9 * * 1-5", "45 1 L * *")
_OVERLAPS = ("skip", "queue_one", "queue_all", "cancel_previous", "allow")
_LONGEST_LOOK = timedelta(seconds=3)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


@dataclass
class Version:
    """What a schedule said from one moment to another, the first left out."""

    trigger: dict[str, str]
    since: datetime
    until: datetime | None = None

    def fire_times(self) -> list[datetime]:
        """By a walk over real minutes that imports nothing of ours."""
        assert self.until is not None
        if self.until <= self.since:
            return []
        rule = {name: self.trigger[name] for name in ("dst_gap", "dst_fold")}
        walked = Walk(self.trigger["expression"])
        begin = self.since.replace(second=0, microsecond=0)
        found = walked.fires(self.trigger["timezone"], begin, self.until, **rule)
        return [at for at in found if self.since < at <= self.until]


@dataclass
class Told:
    """What people have said of one schedule."""

    id: UUID
    versions: list[Version]
    pauses: list[list[datetime | None]] = field(default_factory=list)


class Month:
    """Thirty days about a day on which a zone's clock does something odd."""

    def __init__(self, session: Session, seed: int) -> None:
        self.session, self.dice = session, random.Random(seed)
        self.zone, shift = self.dice.choice(ODD_DAYS)
        self.begin = utc(shift) - timedelta(days=self.dice.uniform(1, 28))
        self.end, self.now = self.begin + DAYS, self.begin
        self.heap: list[tuple[datetime, int, Callable[[], None]]] = []
        self.order = count()
        self.told: dict[UUID, Told] = {}
        self.away = [self.some_hours() for _ in range(self.dice.randint(1, 4))]  # of the beat
        self.looks_at: datetime | None = None
        self.claims_at: datetime | None = None
        self.refused = self.deaths = 0
        session.get_one(Pool, "default").lease_seconds = int(LEASE.total_seconds())
        self.workers = [world.worker(session, name=name) for name in ("w1", "w2")]

    def some_hours(self) -> tuple[datetime, datetime]:
        since = self.begin + DAYS * self.dice.random()
        return since, since + minutes(self.dice.choice([1, 5, 61, 60 * 14, 60 * 72]))

    # ------------------------------------------------------------ time

    def live(self) -> None:
        """Thirty days, and then as long as it takes until everything has ended."""
        for _ in range(self.dice.randint(4, 7)):
            self.at(self.begin + minutes(self.dice.uniform(0, 600)), self.somebody_schedules)
        for _ in range(self.dice.randint(15, 30)):
            self.at(self.begin + DAYS * self.dice.random(), self.somebody_acts)
        self.go_on(self.end)
        self.now = self.end = max(self.end, self.now)
        for told in self.told.values():
            self.stop(told)
        self.go_on(self.end + timedelta(days=9))

    def at(self, moment: datetime, act: Callable[[], None]) -> None:
        heapq.heappush(self.heap, (moment, next(self.order), act))

    def go_on(self, until: datetime) -> None:
        self.foresee()
        while self.heap and self.heap[0][0] <= until:
            moment, _, act = heapq.heappop(self.heap)
            self.now = max(self.now, moment)
            act()
            self.session.flush()
            self.foresee()

    def foresee(self) -> None:
        """The beat looks when something is due, the workers claim what waits."""
        due = self.session.exec(
            select(Schedule.next_fire_at).where(col(Schedule.next_fire_at).is_not(None))
        ).all()
        more = [self.now] if gaps.is_any(self.session) else []
        if wanted := [at for at in (*due, *more) if at is not None]:
            look = self.back(max(self.now, min(wanted)) + _LONGEST_LOOK * self.dice.random())
            if self.looks_at is None or self.looks_at > look + _LONGEST_LOOK:
                self.looks_at = look
                self.at(look, self.a_beat_looks)
        waiting = self.session.exec(select(Run.available_at).where(Run.state == "queued")).all()
        if waiting and self.claims_at is None:
            soonest = min(at or self.now for at in waiting)
            self.claims_at = max(self.now, soonest) + timedelta(seconds=self.dice.choice([0.2, 5, 90]))
            self.at(self.claims_at, self.a_worker_claims)

    def back(self, moment: datetime) -> datetime:
        """When the beat is there: at *moment*, or when it is back."""
        for since, until in sorted(self.away):
            if since <= moment < until:
                moment = until
        return moment

    # ------------------------------------------------------------ the beat

    def a_beat_looks(self) -> None:
        self.looks_at = None
        if self.back(self.now) > self.now:
            return
        for _ in range(50):
            with self.session.begin_nested() as step:
                planner.tick(self.session, self.now)
                if self.dice.random() < 0.1:
                    self.deaths += 1
                    step.rollback()
            self.session.expire_all()
            if not planner.has_work(self.session, self.now):
                return
        raise AssertionError("the planner finds work for ever")

    def a_reaper_looks(self) -> None:
        if (back := self.back(self.now)) > self.now:
            self.at(back, self.a_reaper_looks)
            return
        since = max((until for _, until in self.away if until <= self.now), default=self.begin)
        with self.session.begin_nested():
            reaper.tick(self.session, self.now, since)
            runs.expire(self.session, self.now)
        if self.session.exec(select(Run.id).where(Run.state == "running").limit(1)).first():
            self.at(self.now + LEASE / 3, self.a_reaper_looks)

    # ------------------------------------------------------------ people

    def somebody_schedules(self) -> None:
        trigger = self.some_trigger()
        made = world.schedule(
            self.session,
            now=self.now,
            trigger=trigger,
            overlap=self.dice.choice(_OVERLAPS),
            catch_up=self.dice.choice(["none", "latest", "all"]),
            retry_on_worker_loss=self.dice.random() < 0.5,
            retries=self.dice.choice([0, 0, 2]),
        )
        self.told[made.id] = Told(made.id, [Version(trigger, self.now)])

    def some_trigger(self) -> dict[str, str]:
        return {
            "kind": "cron",
            "expression": self.dice.choice(_PATTERNS),
            "timezone": self.zone,
            "dst_gap": self.dice.choice(["run_after", "skip"]),
            "dst_fold": self.dice.choice(["first", "second", "both"]),
        }

    def somebody_acts(self) -> None:
        living = [one for one in self.told.values() if one.versions[-1].until is None]
        acts = [self.somebody_orders, self.somebody_cancels]
        if living:
            told = self.dice.choice(living)
            acts += [lambda: self.edit(told), lambda: self.edit(told), lambda: self.pause(told)]
            acts += [lambda: self.delete(told)] if len(living) > 2 else []
        self.dice.choice(acts)()

    def somebody_orders(self) -> None:
        world.run(self.session, now=self.now, retry_on_worker_loss=self.dice.random() < 0.5)

    def somebody_cancels(self) -> None:
        open_ones = self.session.exec(select(Run).where(col(Run.state).in_(["queued", "running"]))).all()
        if open_ones:
            run = runs.require_for_change(self.session, self.dice.choice(sorted(one.id for one in open_ones)))
            runs.cancel(self.session, run, reason=None, caller=world.ANA, now=self.now)

    def settled(self, told: Told) -> Schedule:
        """As the API takes it for a change: locked, and what was due before settled."""
        schedule = self.session.get_one(Schedule, told.id)
        firing.settle(self.session, schedule, self.now)
        return schedule

    def edit(self, told: Told) -> None:
        schedule, trigger = self.settled(told), self.some_trigger()
        schedules.edit(
            self.session, schedule, schedule.spec, {"trigger": trigger}, caller=world.ANA, now=self.now
        )
        told.versions[-1].until = self.now
        told.versions.append(Version(trigger, self.now))

    def pause(self, told: Told) -> None:
        schedule = self.settled(told)
        if schedule.paused_at is None:
            schedules.pause(self.session, schedule, reason=None, caller=world.ANA, now=self.now)
            told.pauses.append([self.now, None])
            self.at(self.now + minutes(self.dice.choice([7, 300, 4000])), lambda: self.resume(told))

    def resume(self, told: Told) -> None:
        schedule = self.session.get_one(Schedule, told.id)
        if told.versions[-1].until is None and schedule.paused_at is not None:
            schedules.resume(self.session, schedule, reason=None, caller=world.ANA, now=self.now)
            told.pauses[-1][1] = self.now

    def delete(self, told: Told) -> None:
        schedule = self.settled(told)
        if schedule.paused_at is not None:
            self.resume(told)
        schedules.delete(self.session, schedule, caller=world.ANA, now=self.now)
        told.versions[-1].until = self.now

    def stop(self, told: Told) -> None:
        """At the end of the month: nothing is due after it."""
        if told.versions[-1].until is None:
            self.delete(told)

    # ------------------------------------------------------------ workers

    def a_worker_claims(self) -> None:
        self.claims_at = None
        who = self.dice.choice(self.workers)
        with self.session.begin_nested() as step:
            got = world.claim(self.session, who, now=self.now)
            if self.dice.random() < 0.05:
                step.rollback()
                got = None
        if got is not None:
            self.work(who, got[0].id, got[1].id, got[1].fence)

    def work(self, who: Any, run_id: UUID, attempt_id: UUID, fence: int) -> None:
        """Begin, live for a while and end; or fall silent, and perhaps come back too late."""
        begins = self.now + timedelta(seconds=self.dice.uniform(0, 9))
        lasts = minutes(min(600.0, self.dice.lognormvariate(1.5, 2)))
        end = self.dice.choices(["succeeded", "failed", "silent", "handed back", "late"], [80, 8, 6, 3, 3])[0]
        held = HeldAttempt(attempt_id=attempt_id, fence=fence)
        is_early = self.dice.random() < 0.4  # falls silent before its first cell

        def is_held() -> bool:
            run = self.session.get_one(Run, run_id)
            return run.state == "running" and run.fence == fence

        def begin() -> None:
            if is_held():
                body = b'{"n":0}\n'
                leases.append_journal(
                    self.session, attempt_id, fence, offset=0, body=body, caller=who[1], now=self.now
                )

        def renew() -> None:
            if is_held() and self.now < begins + lasts:
                (answer,) = leases.renew(self.session, who[0], [held], self.now)
                assert not answer.lost
                if answer.cancel:
                    finish("cancelled")
                else:
                    self.at(self.now + LEASE / 3, renew)

        def finish(state: str) -> None:
            attempt, was_held = self.session.get_one(Attempt, attempt_id), is_held()
            try:
                with self.session.begin_nested():
                    class_ = "code" if state == "failed" else None
                    world.finish(self.session, attempt, who, state, class_=class_, now=self.now, fence=fence)
            except Conflict:
                self.refused += 1
                assert not was_held
            else:
                assert was_held or attempt.state == state

        if end == "handed back":
            self.at(begins, lambda: finish("handed_back"))
            return
        if not (end in ("silent", "late") and is_early):
            self.at(begins, begin)
        if end in ("silent", "late"):
            self.at(self.now + LEASE + minutes(self.dice.uniform(0, 2)), self.a_reaper_looks)
            if end == "late":
                self.at(self.now + 4 * LEASE, lambda: finish("succeeded"))
            return
        self.at(self.now + LEASE / 3, renew)
        self.at(begins + lasts, lambda: finish(end) if is_held() else None)

    # ------------------------------------------------------------ promises

    def breaches(self) -> Iterator[str]:
        """Each promise that the rows of this month break, in words."""
        self.session.expire_all()
        if planner.has_work(self.session, self.now) or gaps.is_any(self.session):
            yield "the planner is not done"
        for told in self.told.values():
            yield from self.of_ledger(told)
        for run in self.session.exec(select(Run)).all():
            yield from self.of_run(run)

    def of_ledger(self, told: Told) -> Iterator[str]:
        rows = runs.occurrences(self.session, told.id, before=None, limit=10_000)
        wanted = sorted(at for version in told.versions for at in version.fire_times())
        if sorted(row.fire_at for row in rows if row.fire_at) != wanted:
            yield f"{told.id}: other fire times than a walk finds: {set(wanted) ^ {r.fire_at for r in rows}}"
        for row in rows:
            if row.state == "skipped" and not self.is_right(told, row, rows):
                yield f"{told.id}: {row.fire_at} was skipped ({row.reason}), and need not have been"

    def is_right(self, told: Told, row: Run, rows: Any) -> bool:
        """Whether what a skipped row says of itself was so."""
        assert row.fire_at is not None
        if row.reason == "paused":
            return any(since <= row.fire_at <= (until or self.end) for since, until in told.pauses)  # type: ignore[operator]
        if row.reason == "catch_up":
            return any(since - TOLERANCE <= row.fire_at <= until + TOLERANCE for since, until in self.away)
        if row.reason == "overlap":
            return any(
                other.id != row.id
                and other.created_at <= row.created_at
                and (other.finished_at is None or other.finished_at >= row.created_at)
                and other.state != "skipped"
                for other in rows
            )
        # The next fire time took its place; or its schedule ended while it waited.
        return row.reason in ("superseded", "schedule_deleted", "deleted")

    def of_run(self, run: Run) -> Iterator[str]:
        if run.state in ("queued", "running"):
            yield f"{run.id} is {run.state} for ever"
        attempts = self.session.exec(
            select(Attempt).where(Attempt.run_id == run.id).order_by(col(Attempt.fence))
        ).all()
        if any(attempt.state == "running" for attempt in attempts):
            yield f"{run.id} is {run.state}, and an attempt of it still runs"
        begun = [one.state for one in attempts if one.begun_at is not None]
        if "lost" in begun[:-1] and not run.retry_on_worker_loss:
            yield f"{run.id} was begun again after a loss, without leave"
        succeeded = sum(one.state == "succeeded" for one in attempts)
        if succeeded != (run.state == "succeeded"):
            yield f"{run.id} is {run.state}, and {succeeded} attempts succeeded"
