"""Sweeper: ends what waited too long, and clears away what nobody needs any more."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import Session, col

from nightbook.records import pools, runs
from nightbook.records.access import Answer, LoginCode, WebSession

log = logging.getLogger(__name__)

ANSWERS_KEPT = timedelta(hours=24)
SILENT_WORKERS_KEPT = timedelta(days=1)


def tick(session: Session, now: datetime) -> int:
    """End what no worker took in time. Return how many."""
    if expired := runs.expire(session, now):
        log.info("run.expired runs=%d", expired)
    return expired


def tidy(session: Session, now: datetime) -> int:
    """Forget day-old answers (those of runs are kept), ended web sessions, spent codes, silent workers."""
    session.execute(delete(Answer).where(col(Answer.created_at) < now - ANSWERS_KEPT, ~col(Answer.kept)))
    session.execute(delete(WebSession).where(col(WebSession.created_at) < now - timedelta(days=7)))
    session.execute(delete(LoginCode).where(col(LoginCode.expires_at) < now))
    return pools.forget_silent(session, now, after=SILENT_WORKERS_KEPT)
