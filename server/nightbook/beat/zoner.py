"""Zoner: after an upgrade of the zones' rules, coming fire times follow the new ones.

A government that moves its clocks changes what "every day at 9" means. Fire times that are stored were
computed under the edition of tzdata that was installed then; each is looked at once under the new one.
"""

import logging
from datetime import datetime

from sqlmodel import Session

from nightbook.core.errors import Invalid
from nightbook.core.triggers import zones
from nightbook.records import schedules

log = logging.getLogger(__name__)

#: Schedules that one transaction looks at.
ROUND = 500


def tick(session: Session, now: datetime, edition: str | None = None) -> int:
    """Look at up to 500 schedules that nobody has under this *edition* of the zones. Return how many."""
    edition = edition or zones.edition()
    found = schedules.of_other_zones(session, edition, limit=ROUND)
    for schedule in found:
        before = schedule.next_fire_at
        try:
            moved = schedules.reread(session, schedule, edition, now)
        except Invalid as fault:
            schedules.mark_broken(session, schedule, fault.message, now)
            log.warning("schedule.broken schedule_id=%s code=%s", schedule.id, fault.code)
            continue
        if moved:
            after = schedule.next_fire_at
            log.warning("schedule.moved schedule_id=%s from=%s to=%s", schedule.id, before, after)
    return len(found)
