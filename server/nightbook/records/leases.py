"""Leases: how a claimed attempt is kept alive, ended, and judged lost.

A claim raises the fence (see `claims`); every later write names fence and state, so a stale worker
changes nothing. Lease times follow the database's clock.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import update
from sqlmodel import Session, col, select

from nightbook.adapters import metrics, notices
from nightbook.core import journal, policies
from nightbook.core.errors import Conflict, Invalid, NotFound
from nightbook.core.states import FailureClass, may_move
from nightbook.records import artifacts, journals, runs
from nightbook.records.access import Caller
from nightbook.records.pools import Worker
from nightbook.records.runs import Attempt, Run
from nightbook.schemas import FinishDraft, HeldAttempt, LeaseAnswer

#: How long after its lease an attempt is judged: later than every deadline of its worker.
JUDGE_AFTER = timedelta(seconds=10)
#: As a pool may have it, and some for the clocks of several beats.
_LONGEST_LEASE = timedelta(seconds=900 + 60)


def renew(session: Session, worker: Worker, held: Sequence[HeldAttempt], now: datetime) -> list[LeaseAnswer]:
    """Lengthen the leases of the attempts that *worker* holds; say which are no longer its own."""
    return [_renew_one(session, worker, one, now) for one in held]


def _renew_one(session: Session, worker: Worker, held: HeldAttempt, now: datetime) -> LeaseAnswer:
    attempt = session.get(Attempt, held.attempt_id)
    run = session.get(Run, attempt.run_id) if attempt and attempt.worker_id == worker.id else None
    if attempt is None or run is None or run.lease_seconds is None:
        return LeaseAnswer(attempt_id=held.attempt_id, lease_seconds=0, lost=True)
    renewed = session.execute(
        update(Run)
        .where(col(Run.id) == run.id, col(Run.fence) == held.fence, col(Run.state) == "running")
        .values(lease_until=now + timedelta(seconds=run.lease_seconds))
        .execution_options(synchronize_session=False)
    )
    is_lost = not renewed.rowcount or attempt.fence != held.fence  # type: ignore[attr-defined]
    return LeaseAnswer(
        attempt_id=held.attempt_id,
        lease_seconds=0 if is_lost else run.lease_seconds,
        lost=is_lost,
        cancel=run.cancel_asked_at is not None,
        cancelled_by=run.cancel_asked_by,
    )


def cancelling(session: Session, worker: Worker, known: Collection[UUID] = ()) -> list[LeaseAnswer]:
    """The attempts of *worker* that a person asked to cancel, but those that it knows of."""
    wanted = (
        select(Run, Attempt)
        .join(Attempt, (col(Attempt.run_id) == col(Run.id)) & (col(Attempt.fence) == col(Run.fence)))
        .where(
            col(Run.state) == "running",
            col(Run.worker_id) == worker.id,
            col(Run.cancel_asked_at).is_not(None),
        )
    )
    return [
        LeaseAnswer(
            attempt_id=attempt.id,
            lease_seconds=run.lease_seconds or 0,
            cancel=True,
            cancelled_by=run.cancel_asked_by,
        )
        for run, attempt in session.exec(wanted).all()
        if attempt.id not in known
    ]


def require_held(session: Session, attempt_id: UUID, fence: int, *, caller: Caller) -> tuple[Run, Attempt]:
    """The run and attempt that this caller's worker holds with the current fence, locked for the transaction.

    Raises NotFound for an attempt of another token, and Conflict `fence_lost` for a stale one.
    """
    attempt = _own_attempt(session, attempt_id, caller)
    wanted = select(Run).where(col(Run.id) == attempt.run_id).with_for_update()
    run = session.exec(wanted.execution_options(populate_existing=True)).one()
    if attempt.fence != fence or run.fence != fence or run.state != "running":
        raise _fence_lost()
    return run, attempt


def check_held(session: Session, attempt_id: UUID, fence: int, *, caller: Caller) -> Run:
    """As `require_held`, without a lock: for what takes long and is judged again at `finish`."""
    attempt = _own_attempt(session, attempt_id, caller)
    run = session.get_one(Run, attempt.run_id)
    if attempt.fence != fence or run.fence != fence or run.state != "running":
        raise _fence_lost()
    return run


def check_ending(session: Session, attempt_id: UUID, draft: FinishDraft, *, caller: Caller) -> bool:
    """Judge beforehand, without a lock, whether *draft* may end the attempt; say whether it has done so."""
    attempt = _own_attempt(session, attempt_id, caller)
    if attempt.fence != draft.fence or attempt.state not in {"running", draft.state}:
        raise _fence_lost()
    return attempt.state == draft.state


def append_journal(
    session: Session, attempt_id: UUID, fence: int, *, offset: int, body: bytes, caller: Caller, now: datetime
) -> int:
    """Append to the journal of a held attempt. Its first bytes open the begin gate. Return the new end."""
    run, attempt = require_held(session, attempt_id, fence, caller=caller)
    attempt.journal_size = journals.append(
        session, attempt.id, end=attempt.journal_size, offset=offset, body=body
    )
    if attempt.begun_at is None and attempt.journal_size:
        # From here on user code may have run: a loss is no longer mended by itself.
        attempt.begun_at = now
        runs.record(session, run, "run.begun", caller=attempt.worker_name, now=now)
    notices.tell(session, notices.run_topic(run.id))
    done, total = journal.progress(body)
    run.cells_done = max(done, run.cells_done or 0)
    run.cells_total = total or run.cells_total
    if seconds := journal.cell_seconds(body):
        attempt.cell_seconds = attempt.cell_seconds | {str(i): took for i, took in seconds.items()}
    session.add_all([attempt, run])
    session.flush()
    return attempt.journal_size


# ---------------------------------------------------------------- the end


def finish(
    session: Session,
    attempt_id: UUID,
    draft: FinishDraft,
    *,
    tail: tuple[int, bytes] | None = None,
    caller: Caller,
    now: datetime,
    jitter: float,
) -> Run:
    """End an attempt, and with it the run unless a retry is left. The same report again is answered alike.

    *tail* are the journal's last lines, behind their offset.
    """
    attempt = _own_attempt(session, attempt_id, caller)
    wanted = select(Run).where(col(Run.id) == attempt.run_id).with_for_update()
    run = session.exec(wanted.execution_options(populate_existing=True)).one()
    session.refresh(attempt)
    if attempt.fence != draft.fence:
        raise _fence_lost()
    if attempt.state == draft.state:
        return run  # the answer to the first report was lost on its way
    if attempt.state != "running" or run.fence != draft.fence or run.state != "running":
        raise _fence_lost()
    if tail:
        append_journal(session, attempt_id, draft.fence, offset=tail[0], body=tail[1], caller=caller, now=now)
    _require_whole(draft)
    if draft.state == "handed_back" and attempt.begun_at is not None:
        raise Conflict("already_begun", "Its first cell may have run: let this attempt end, or end it.")
    attempt.state, attempt.failure_class, attempt.reason = draft.state, draft.class_, draft.reason
    attempt.finished_at = now
    has_copy = any(artifact.role == "notebook" for artifact in draft.artifacts)
    attempt.needs_copy = not has_copy and draft.state != "handed_back"
    attempt.peak_memory_bytes, attempt.cpu_seconds = draft.usage.peak_memory_bytes, draft.usage.cpu_seconds
    attempt.kernel_start, attempt.kernel_start_reason = draft.kernel_start, draft.kernel_start_reason
    artifacts.keep(session, run.id, attempt.fence, draft.artifacts, now)
    if any(a.role == "journal" and a.size == attempt.journal_size for a in draft.artifacts):
        journals.drop(session, attempt.id)
    session.add(attempt)
    run.cells_done, run.cells_total, run.failed_cell = draft.cells_done, draft.cells_total, draft.failed_cell
    _settle(session, run, attempt, now=now, jitter=jitter)
    return run


def _require_whole(draft: FinishDraft) -> None:
    roles = [artifact.role for artifact in draft.artifacts]
    names = [artifact.name for artifact in draft.artifacts]
    # A worker that could not even read the source has no copy to give; the sweeper makes it.
    is_whole = roles.count("notebook") == roles.count("manifest") == 1
    if not is_whole and (draft.state == "succeeded" or "notebook" in roles or "manifest" in roles):
        raise Invalid(
            "copy_missing",
            "An attempt ends with exactly one executed notebook and one manifest.",
            field="artifacts",
        )
    if len(set(names)) != len(names):
        raise Invalid("duplicate", "Two artifacts have the same name.", field="artifacts")
    if draft.state in {"failed", "timed_out"} and draft.class_ is None:
        raise Invalid("class_missing", "A failure names its class.", field="class")


def _settle(session: Session, run: Run, attempt: Attempt, *, now: datetime, jitter: float) -> None:
    """Decide what an ended attempt means for its run: a wait, a retry or the end."""
    if attempt.state == "handed_back":
        _requeue(
            session,
            run,
            now,
            wait=timedelta(0),
            reason="handed back by a draining worker",
            by=attempt.worker_name,
        )
        return
    if attempt.state in {"failed", "timed_out"} and run.cancel_asked_at is None:
        wait = _retry_of_user(run, attempt, jitter)
        if wait is not None:
            run.user_retries_used += 1
            reason = f"retry {run.user_retries_used} of {run.retries} after: {attempt.reason}"
            _requeue(session, run, now, wait=wait, reason=reason, by=attempt.worker_name)
            return
        wait = policies.retry_after_platform(
            _class_of(attempt),
            begun=attempt.begun_at is not None,
            used=run.platform_retries_used,
            retry_on_worker_loss=run.retry_on_worker_loss,
        )
        if wait is not None:
            run.platform_retries_used += 1
            reason = f"tried again by the platform after: {attempt.reason}"
            _requeue(session, run, now, wait=wait, reason=reason, by=attempt.worker_name)
            return
    _end(session, run, attempt.state, attempt.failure_class, attempt.reason, by=attempt.worker_name, now=now)


def _class_of(attempt: Attempt) -> FailureClass:
    return cast(FailureClass, attempt.failure_class or "platform")


def _retry_of_user(run: Run, attempt: Attempt, jitter: float) -> timedelta | None:
    if attempt.begun_at is None:
        return None
    return policies.retry_after_user(
        _class_of(attempt),
        used=run.user_retries_used,
        budget=run.retries,
        retry_on=run.retry_on,
        first_delay=run.retry_delay_seconds,
        jitter=jitter,
    )


def _requeue(session: Session, run: Run, now: datetime, *, wait: timedelta, reason: str, by: str) -> None:
    assert may_move(run.state, "queued")
    run.state, run.reason, run.failure_class = "queued", reason[:4000], None
    run.available_at, run.rung_at = now + wait, None
    run.worker_id = run.lease_until = None
    session.add(run)
    runs.record(session, run, "run.queued", caller=by, now=now, wait_seconds=wait.total_seconds())
    session.flush()


def _end(
    session: Session,
    run: Run,
    state: str,
    failure_class: str | None,
    reason: str | None,
    *,
    by: str,
    now: datetime,
) -> None:
    assert may_move(run.state, state)
    run.state, run.failure_class, run.reason = state, failure_class, reason
    run.finished_at, run.lease_until = now, None
    session.add(run)
    runs.record(session, run, f"run.{state}", caller=by, now=now)
    session.flush()


# ---------------------------------------------------------------- silence


def silent(session: Session, now: datetime, *, trusted_since: datetime, limit: int = 100) -> Sequence[Run]:
    """Runs whose lease ended a while ago. After an outage none is judged for one lease length.

    *trusted_since* is when the servers were last known to be back.
    """
    wanted = (
        select(Run)
        .where(col(Run.state) == "running", col(Run.lease_until) < now - JUDGE_AFTER)
        .order_by(col(Run.lease_until))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = session.exec(wanted.execution_options(populate_existing=True)).all()
    return [run for run in found if now - trusted_since >= timedelta(seconds=run.lease_seconds or 0)]


def shorten(session: Session, now: datetime) -> int:
    """End leases that end later than any can: their clock was put back since. Return how many.

    Without this, a worker that died before the step would be waited for until the clock has caught up.
    """
    wanted = select(Run).where(col(Run.state) == "running", col(Run.lease_until) > now + _LONGEST_LEASE)
    found = session.exec(wanted.with_for_update(skip_locked=True)).all()
    for run in found:
        run.lease_until = now + timedelta(seconds=run.lease_seconds or 0)
        session.add(run)
    session.flush()
    return len(found)


def judge(session: Session, run: Run, now: datetime) -> None:
    """A worker fell silent: refuse its fence from now on, then queue the run again or call it lost."""
    wanted = select(Attempt).where(col(Attempt.run_id) == run.id, col(Attempt.fence) == run.fence)
    attempt = session.exec(wanted).one()
    attempt.state, attempt.failure_class, attempt.finished_at = "lost", "worker_lost", now
    attempt.reason = f"the worker {attempt.worker_name} fell silent"
    # What was never begun and goes back to the queue leaves nothing to look at.
    attempt.needs_copy = attempt.begun_at is not None
    session.add(attempt)
    metrics.LEASES_EXPIRED.labels(run.pool).inc()
    # Raised before anybody claims again, so that a worker that comes back is refused at once.
    run.fence += 1
    if run.cancel_asked_at is not None:
        reason = f"cancelled by {run.cancel_asked_by}; its worker fell silent"
        _end(session, run, "cancelled", None, reason, by="nightbook", now=now)
        return
    verdict = policies.verdict_when_lost(
        begun=attempt.begun_at is not None,
        retry_on_worker_loss=run.retry_on_worker_loss,
        platform_used=run.platform_retries_used,
    )
    if verdict == "queued":
        run.platform_retries_used += 1
        _requeue(session, run, now, wait=timedelta(0), reason=attempt.reason, by="nightbook")
    else:
        attempt.needs_copy = True
        reason = f"{attempt.reason} after its first cell had begun" if attempt.begun_at else attempt.reason
        _end(session, run, "lost", "worker_lost", reason, by="nightbook", now=now)


def without_copy(session: Session, limit: int = 20) -> Sequence[tuple[Run, Attempt]]:
    """Lost attempts whose executed copy is still to be made from their journal."""
    wanted = (
        select(Run, Attempt)
        .join(Attempt, col(Attempt.run_id) == col(Run.id))
        .where(col(Attempt.needs_copy))
        .limit(limit)
        .with_for_update(skip_locked=True, of=Attempt)
    )
    return [(run, attempt) for run, attempt in session.exec(wanted).all()]


def _own_attempt(session: Session, attempt_id: UUID, caller: Caller) -> Attempt:
    attempt = session.get(Attempt, attempt_id)
    if attempt is None or attempt.token_id != caller.token_id:
        raise NotFound("attempt_not_found", "There is no such attempt of yours.")
    return attempt


def _fence_lost() -> Conflict:
    metrics.FENCED_WRITES.inc()
    return Conflict("fence_lost", "This attempt is no longer yours: kill it and discard what it made.")
