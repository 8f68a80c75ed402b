"""Random histories of schedules, planners, workers and people, on the records of both databases (R50).

Each step is what a part of the platform does in one transaction; some are taken back at their end, as if
the part had died before its commit. After every step the promises hold that rows can show, and at the end
the ledger has every fire time of every version of a schedule once.
"""

import os
from datetime import timedelta
from typing import Any

import pytest
import world
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func
from sqlmodel import Session, SQLModel, col, select

from nightbook.adapters import database
from nightbook.beat import planner, reaper
from nightbook.core.errors import Conflict
from nightbook.core.states import FINAL
from nightbook.core.timetables import Timetable
from nightbook.records import firing, gaps, leases, runs, schedules
from nightbook.records.runs import Attempt, Run
from nightbook.records.schedules import Schedule
from nightbook.schemas import HeldAttempt

LONG_AGO = world.NOON - timedelta(days=1)
EXPRESSIONS = ["*/10 * * * *", "*/15 * * * *", "7 * * * *"]
KEPT = {"pools"}

some = st.integers(0, 10**6)  # which of those there are


class Held:
    """An attempt as its worker sees it, who may be wrong."""

    def __init__(self, attempt: Attempt, who: Any) -> None:
        self.attempt_id, self.run_id, self.fence, self.who = attempt.id, attempt.run_id, attempt.fence, who


class Histories(RuleBasedStateMachine):
    engine: Any

    def __init__(self) -> None:
        super().__init__()
        with self.engine.begin() as connection:
            for table in reversed(SQLModel.metadata.sorted_tables):
                if table.name not in KEPT:
                    connection.execute(table.delete())
        self.session: Session = database.sessions(self.engine)()
        self.now = world.NOON
        self.workers = [world.worker(self.session, name=name) for name in ("w1", "w2")]
        self.held: list[Held] = []
        #: For each schedule the cron expressions that were in force, each since when and until when.
        self.told: dict[Any, list[list[Any]]] = {}
        self.ended: dict[Any, str] = {}
        self.fences: dict[Any, int] = {}

    def teardown(self) -> None:
        try:
            self.everything_ends_in_the_ledger()
        finally:
            self.session.rollback()
            self.session.close()

    # ------------------------------------------------------------ time and the loops

    @rule(minutes=st.sampled_from([0.5, 1, 2, 5, 11, 40]))
    def time_passes(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(dies=st.booleans())
    def a_planner_ticks(self, dies: bool) -> None:
        with self.session.begin_nested() as step:
            planner.tick(self.session, self.now)
            if dies:
                step.rollback()

    @rule(dies=st.booleans())
    def a_reaper_ticks(self, dies: bool) -> None:
        with self.session.begin_nested() as step:
            reaper.tick(self.session, self.now, LONG_AGO)
            runs.expire(self.session, self.now)
            if dies:
                step.rollback()

    # ------------------------------------------------------------ people

    @precondition(lambda self: len(self.told) < 4)
    @rule(
        expression=st.sampled_from(EXPRESSIONS),
        overlap=st.sampled_from(["skip", "queue_one", "queue_all", "cancel_previous", "allow"]),
        catch_up=st.sampled_from(["none", "latest", "all"]),
        again=st.booleans(),
    )
    def somebody_schedules(self, expression: str, overlap: str, catch_up: str, again: bool) -> None:
        made = world.schedule(
            self.session,
            now=self.now,
            trigger={"kind": "cron", "expression": expression, "timezone": "UTC"},
            overlap=overlap,
            catch_up=catch_up,
            retry_on_worker_loss=again,
        )
        self.told[made.id] = [[expression, self.now, None]]

    @precondition(lambda self: self.told)
    @rule(which=some, expression=st.sampled_from(EXPRESSIONS))
    def somebody_edits(self, which: int, expression: str) -> None:
        schedule = self.settled(which)
        if schedule is None:
            return
        trigger = {"kind": "cron", "expression": expression, "timezone": "UTC"}
        schedules.edit(
            self.session, schedule, schedule.spec, {"trigger": trigger}, caller=world.ANA, now=self.now
        )
        self.told[schedule.id][-1][2] = self.now
        self.told[schedule.id].append([expression, self.now, None])

    @precondition(lambda self: self.told)
    @rule(which=some, pauses=st.booleans())
    def somebody_pauses_or_resumes(self, which: int, pauses: bool) -> None:
        schedule = self.settled(which)
        if schedule is None or pauses == (schedule.paused_at is not None):
            return
        act = schedules.pause if pauses else schedules.resume
        act(self.session, schedule, reason=None, caller=world.ANA, now=self.now)

    @precondition(lambda self: self.told)
    @rule(which=some)
    def somebody_deletes(self, which: int) -> None:
        schedule = self.settled(which)
        if schedule is not None:
            schedules.delete(self.session, schedule, caller=world.ANA, now=self.now)
            self.told[schedule.id][-1][2] = self.now

    @rule(again=st.booleans())
    def somebody_starts_a_run(self, again: bool) -> None:
        world.run(self.session, now=self.now, retry_on_worker_loss=again)

    @rule(which=some)
    def somebody_cancels(self, which: int) -> None:
        waiting = self.session.exec(select(Run).where(col(Run.state).not_in(FINAL)).order_by(Run.id)).all()
        if waiting:
            run = runs.require_for_change(self.session, waiting[which % len(waiting)].id)
            runs.cancel(self.session, run, reason=None, caller=world.ANA, now=self.now)

    def settled(self, which: int) -> Schedule | None:
        """A schedule as the API takes it for a change: locked, and what was due before settled."""
        ids = sorted(self.told)
        schedule = self.session.get_one(Schedule, ids[which % len(ids)])
        if schedule.deleted_at is not None:
            return None
        firing.settle(self.session, schedule, self.now)
        return schedule

    # ------------------------------------------------------------ workers

    @rule(which=some, then=st.sampled_from(["dies", "waits", "begins", "begins"]))
    def a_worker_claims(self, which: int, then: str) -> None:
        who = self.workers[which % 2]
        with self.session.begin_nested() as step:
            got = world.claim(self.session, who, now=self.now)
            if then == "dies":
                step.rollback()
            elif got is not None:
                self.held.append(Held(got[1], who))
        if then == "begins" and got is not None:
            self.append(self.held[-1])

    @precondition(lambda self: self.held)
    @rule()
    def the_workers_fall_silent(self) -> None:
        self.now += timedelta(minutes=3)
        reaper.tick(self.session, self.now, LONG_AGO)

    @precondition(lambda self: self.held)
    @rule(which=some)
    def a_worker_beats(self, which: int) -> None:
        one = self.held[which % len(self.held)]
        (answer,) = leases.renew(
            self.session, one.who[0], [HeldAttempt(attempt_id=one.attempt_id, fence=one.fence)], self.now
        )
        assert answer.lost == (not self.is_current(one))

    @precondition(lambda self: self.held)
    @rule(which=some)
    def a_worker_begins(self, which: int) -> None:
        one = self.held[which % len(self.held)]
        self.as_current(one, lambda: self.append(one))

    @precondition(lambda self: self.held)
    @rule(which=some, state=st.sampled_from(["succeeded", "failed", "cancelled", "handed_back"]))
    def a_worker_finishes(self, which: int, state: str) -> None:
        one = self.held[which % len(self.held)]
        attempt = self.session.get_one(Attempt, one.attempt_id)
        if state == attempt.state or (state == "handed_back" and attempt.begun_at is not None):
            return  # told twice; and a begun attempt cannot be handed back
        class_ = "code" if state == "failed" else None
        self.as_current(
            one,
            lambda: world.finish(self.session, attempt, one.who, state, class_=class_, now=self.now),
        )

    def append(self, one: Held) -> None:
        attempt = self.session.get_one(Attempt, one.attempt_id)
        leases.append_journal(
            self.session,
            one.attempt_id,
            one.fence,
            offset=attempt.journal_size,
            body=b'{"n":0}\n',
            caller=one.who[1],
            now=self.now,
        )

    def is_current(self, one: Held) -> bool:
        run = self.session.get_one(Run, one.run_id)
        return run.state == "running" and run.fence == one.fence

    def as_current(self, one: Held, act: Any) -> None:
        """Who holds the attempt may; whoever does no longer is refused and changes nothing."""
        if self.is_current(one):
            act()
            return
        with pytest.raises(Conflict), self.session.begin_nested():
            act()

    # ------------------------------------------------------------ promises

    @invariant()
    def a_running_run_has_one_running_attempt_under_its_fence(self) -> None:
        self.session.expire_all()
        running = {
            (attempt.run_id, attempt.fence)
            for attempt in self.session.exec(select(Attempt).where(Attempt.state == "running")).all()
        }
        assert running == {
            (run.id, run.fence) for run in self.session.exec(select(Run).where(Run.state == "running")).all()
        }

    @invariant()
    def what_has_ended_stays_as_it_ended_and_no_fence_goes_back(self) -> None:
        for run in self.session.exec(select(Run)).all():
            assert self.ended.setdefault(run.id, run.state) == run.state or self.ended[run.id] not in FINAL
            self.ended[run.id] = run.state
            assert run.fence >= self.fences.get(run.id, 0)
            self.fences[run.id] = run.fence

    @invariant()
    def user_code_is_run_again_only_by_leave(self) -> None:
        begun = (
            select(Attempt.run_id, func.count())
            .where(col(Attempt.begun_at).is_not(None))
            .group_by(col(Attempt.run_id))
        )
        for run_id, times in self.session.execute(begun).all():
            run = self.session.get_one(Run, run_id)
            assert times == 1 or run.retry_on_worker_loss, f"{times} attempts of {run_id} have begun"

    @invariant()
    def a_begun_attempt_that_fell_silent_is_not_tried_again_without_leave(self) -> None:
        lost = (
            select(Run)
            .join(Attempt, col(Attempt.run_id) == col(Run.id))
            .where(
                Attempt.state == "lost", col(Attempt.begun_at).is_not(None), ~col(Run.retry_on_worker_loss)
            )
        )
        assert all(run.state in FINAL for run in self.session.exec(lost).all())

    @invariant()
    def runs_that_exclude_each_other_do_not_run_at_once(self) -> None:
        running = (
            select(Run.schedule_id, func.count())
            .where(Run.state == "running", col(Run.is_exclusive))
            .group_by(col(Run.schedule_id))
        )
        assert all(count == 1 for _, count in self.session.execute(running).all())

    def everything_ends_in_the_ledger(self) -> None:
        """What is still paused is resumed, what is due fired: then each fire time has its one row."""
        self.now += timedelta(minutes=1)
        for schedule_id, versions in self.told.items():
            schedule = self.session.get_one(Schedule, schedule_id)
            if schedule.deleted_at is None:
                if schedule.paused_at is not None:
                    schedules.resume(self.session, schedule, reason=None, caller=world.ANA, now=self.now)
                versions[-1][2] = self.now
        for _ in range(200):
            planner.tick(self.session, self.now)
            if not planner.has_work(self.session, self.now) and not gaps.is_any(self.session):
                break
        for schedule_id, versions in self.told.items():
            wanted = [at for version in versions for at in self.fire_times(*version)]
            rows = [at for at, _, _ in world.ledger(self.session, schedule_id)]
            assert sorted(rows) == sorted(wanted)

    def fire_times(self, expression: str, since: Any, until: Any) -> list[Any]:
        trigger = {"kind": "cron", "expression": expression, "timezone": "UTC"}
        return list(Timetable.of({"trigger": trigger}).between(since, until))


@pytest.mark.timeout(3600)
def test_no_history_breaks_a_promise(engine: Any) -> None:
    """`HISTORIES=10000` looks at more of them, and finds the shortest that fails."""
    machine = type("OnThisEngine", (Histories,), {"engine": engine})
    asked = os.environ.get("HISTORIES")
    quick = [Phase.reuse, Phase.generate]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=int(asked or 60),
            phases=[*quick, Phase.shrink] if asked else quick,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
