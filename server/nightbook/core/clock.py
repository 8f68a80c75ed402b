"""The one place that reads the wall clock, and the making of time-ordered ids.

Loops and the HTTP edge call these and pass the values down; below them `now` is a parameter.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from uuid_utils import compat

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MILLISECOND = (1 << 48) - 1


def utc_now() -> datetime:
    """The present, aware and in UTC, from the operating system only."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): ids sort by the time they were made."""
    return compat.uuid7()


def first_id_at(moment: datetime) -> UUID:
    """The smallest UUIDv7 of the millisecond of *moment*; of what no UUIDv7 can tell, the nearest it can."""
    milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1)
    return UUID(int=min(max(milliseconds, 0), _LAST_MILLISECOND) << 80)
