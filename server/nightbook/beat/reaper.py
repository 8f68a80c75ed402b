"""Reaper: judges the attempts whose worker fell silent. Many reapers give one verdict."""

import logging
from datetime import datetime

from sqlmodel import Session

from nightbook.records import leases

log = logging.getLogger(__name__)


def tick(session: Session, now: datetime, trusted_since: datetime) -> int:
    """Judge every run whose lease has ended. Return how many.

    *now* is the clock of the database. *trusted_since* is when an outage of ours last ended: until one
    lease length has passed since then, silence may be our own fault.
    """
    if shortened := leases.shorten(session, now):
        log.warning("lease.shortened runs=%d; the clock of the leases was put back", shortened)
    judged = 0
    for run in leases.silent(session, now, trusted_since=trusted_since):
        leases.judge(session, run, now)
        log.warning("run.judged run_id=%s state=%s fence=%s", run.id, run.state, run.fence)
        judged += 1
    return judged
