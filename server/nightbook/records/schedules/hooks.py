"""Hooks: the secret with which a program fires an event schedule. Only its hash is kept."""

import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlmodel import Session

from nightbook.core import triggers
from nightbook.core.errors import Conflict, Unauthenticated
from nightbook.records import events
from nightbook.records.access import Caller
from nightbook.records.schedules.tables import Schedule

PREFIX: Final = "nb_hook_"


def make_secret(session: Session, schedule: Schedule, *, caller: Caller, now: datetime) -> str:
    """Give the hook a new secret, and return it this once. An old one ends at this moment."""
    if not isinstance(schedule.rule, triggers.Event):
        raise Conflict(
            "no_event_trigger", "Only a schedule with an event trigger has a hook. Edit its trigger first."
        )
    secret = PREFIX + secrets.token_urlsafe(32)
    schedule.hook_sha256, schedule.hook_made_at = _digest(secret), now
    session.add(schedule)
    events.record(session, "hook.made", caller=caller.name, about=("schedule", schedule.id), now=now)
    session.flush()
    return secret


def end_secret(session: Session, schedule: Schedule, *, caller: Caller, now: datetime) -> None:
    """Close the hook until a new secret is made."""
    if schedule.hook_sha256 is not None:
        schedule.hook_sha256 = schedule.hook_made_at = None
        session.add(schedule)
        events.record(session, "hook.ended", caller=caller.name, about=("schedule", schedule.id), now=now)
        session.flush()


def require_secret(session: Session, schedule_id: UUID, secret: str) -> None:
    """Raises Unauthenticated: unknown hook, closed hook and wrong secret are one answer."""
    schedule = session.get(Schedule, schedule_id)
    is_open = schedule is not None and schedule.deleted_at is None and schedule.hook_sha256 is not None
    expected = schedule.hook_sha256 if schedule is not None and is_open else _digest("")
    if not hmac.compare_digest(_digest(secret), expected or "") or not is_open:
        raise Unauthenticated(
            "not_authenticated", "Send the hook's secret as 'Authorization: Bearer nb_hook_…'."
        )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
