"""Evidence: what is still learnt of an attempt when its worker is gone, and the copies made from it.

It completes the attempt's journal and its executed copy. No state moves, nothing is queued, no gate opens.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update
from sqlmodel import Session, col, select

from nightbook.adapters import metrics
from nightbook.core import journal
from nightbook.core.errors import Conflict, NotFound
from nightbook.records import artifacts, journals, runs
from nightbook.records.access import Caller
from nightbook.records.runs import Attempt, Run
from nightbook.schemas import FinishedArtifact

#: How long after an attempt was judged lost its worker may still complete the record.
LATE = timedelta(hours=24)


def append(
    session: Session,
    attempt_id: UUID,
    fence: int,
    *,
    worker_id: UUID,
    offset: int,
    body: bytes,
    caller: Caller,
    now: datetime,
) -> int:
    """Append to the journal of an attempt that died with its worker's process. Return the new end.

    Raises NotFound for an attempt of another token, and Conflict `fence_lost` for whatever is not missing:
    an attempt of another worker, one that has ended in another way, was judged longer than `LATE` ago, or
    never began, so that there is nothing to complete and no gate to open.
    """
    run, attempt = _locked(session, attempt_id, caller)
    is_ours = (attempt.worker_id, attempt.fence) == (worker_id, fence)
    if not is_ours or attempt.begun_at is None or not _is_open(run, attempt, now):
        metrics.FENCED_WRITES.inc()
        raise Conflict("fence_lost", "Nothing is missing of this attempt: discard what is left of it.")
    end = journals.append(session, attempt.id, end=attempt.journal_size, offset=offset, body=body)
    if end == attempt.journal_size:
        return end
    attempt.journal_size = end
    attempt.needs_copy = attempt.needs_copy or attempt.state == "lost"
    if run.fence - attempt.fence <= 1:  # no later attempt has something to say
        done, total = journal.progress(body)
        run.cells_done, run.cells_total = max(done, run.cells_done or 0), total or run.cells_total
    session.add_all([attempt, run])
    session.flush()
    return end


def _locked(session: Session, attempt_id: UUID, caller: Caller) -> tuple[Run, Attempt]:
    attempt = session.get(Attempt, attempt_id)
    if attempt is None or attempt.token_id != caller.token_id:
        raise NotFound("attempt_not_found", "There is no such attempt of yours.")
    wanted = select(Run).where(col(Run.id) == attempt.run_id).with_for_update()
    run = session.exec(wanted.execution_options(populate_existing=True)).one()
    session.refresh(attempt)
    return run, attempt


def _is_open(run: Run, attempt: Attempt, now: datetime) -> bool:
    """Whether the attempt was lost a while ago at most, or is about to be."""
    if attempt.state == "lost":
        return attempt.finished_at is not None and attempt.finished_at > now - LATE
    return attempt.state == "running" and run.state == "running" and run.fence == attempt.fence


# ---------------------------------------------------------------- copies


def without_copy(session: Session, *, limit: int = 20) -> Sequence[tuple[Run, Attempt]]:
    """Ended attempts whose executed copy is still to be made, or made again, from their journal."""
    wanted = (
        select(Run, Attempt)
        .join(Attempt, col(Attempt.run_id) == col(Run.id))
        .where(col(Attempt.needs_copy))
        .order_by(col(Attempt.id))
        .limit(limit)
    )
    return [(run, attempt) for run, attempt in session.exec(wanted).all()]


def keep_copy(
    session: Session,
    attempt_id: UUID,
    left: Sequence[FinishedArtifact],
    *,
    journal_size: int,
    read_size: int,
    now: datetime,
) -> bool:
    """Make visible what was made from the first *journal_size* bytes; *read_size* of them could be read.

    False where more has come meanwhile, or somebody else was first. A copy that takes the place of
    another is told as an event.
    """
    if not _take(session, attempt_id, journal_size):
        return False
    attempt = session.get_one(Attempt, attempt_id)
    run = session.get_one(Run, attempt.run_id)
    before = {one.name: one.sha256 for one in artifacts.of_attempt(session, run.id, attempt.fence)}
    for one in left:
        artifacts.replace(session, run.id, attempt.fence, one, now)
    copy = next(one for one in left if one.role == "notebook")
    facts = {"attempt_fence": attempt.fence, "sha256": copy.sha256, "journal_bytes": journal_size}
    if read_size < journal_size:
        runs.record(session, run, "run.copy_shortened", caller="nightbook", now=now, **facts, read=read_size)
    if before.get(copy.name, copy.sha256) != copy.sha256:
        was = before[copy.name]
        runs.record(session, run, "run.copy_remade", caller="nightbook", now=now, **facts, was=was)
    session.flush()
    return True


def give_up_copy(session: Session, attempt_id: UUID, why: str, *, journal_size: int, now: datetime) -> bool:
    """Say that there will be no copy, and why. False where more has come meanwhile."""
    if not _take(session, attempt_id, journal_size):
        return False
    attempt = session.get_one(Attempt, attempt_id)
    run = session.get_one(Run, attempt.run_id)
    facts = {"attempt_fence": attempt.fence, "why": why[:500]}
    runs.record(session, run, "run.copy_failed", caller="nightbook", now=now, **facts)
    session.flush()
    return True


def _take(session: Session, attempt_id: UUID, journal_size: int) -> bool:
    # The update names the size that was read, so what came late in between is not passed over.
    taken = session.execute(
        update(Attempt)
        .where(
            col(Attempt.id) == attempt_id,
            col(Attempt.needs_copy),
            col(Attempt.journal_size) == journal_size,
        )
        .values(needs_copy=False)
        .execution_options(synchronize_session=False)
    )
    return bool(taken.rowcount)  # type: ignore[attr-defined]
