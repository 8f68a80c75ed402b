"""Tallier: counts the hours that are over, for the charts."""

from datetime import datetime

from sqlmodel import Session

from nightbook.records import tallies


def tick(session: Session, now: datetime) -> int:
    """Count what ended in the hours that are over. Return how many rows that made."""
    return tallies.close(session, now)
