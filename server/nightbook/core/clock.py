"""The one place that reads the wall clock, and the making of time-ordered ids.

Loops and the HTTP edge call these and pass the values down; below them `now` is a parameter.
"""

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils import compat


def utc_now() -> datetime:
    """The present, aware and in UTC, from the operating system only."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): ids sort by the time they were made."""
    return compat.uuid7()
