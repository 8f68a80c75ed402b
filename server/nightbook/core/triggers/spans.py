"""Spans of time as people write them on the wire: ISO 8601 durations of fixed length."""

import re
from datetime import timedelta

from nightbook.core.errors import Invalid

_DURATION = re.compile(
    r"P(?:(?P<weeks>[0-9]{1,12})W|(?=[0-9T])(?:(?P<days>[0-9]{1,12})D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>[0-9]{1,12})H)?(?:(?P<minutes>[0-9]{1,12})M)?(?:(?P<seconds>[0-9]{1,15})S)?)?)"
)
_CALENDAR_PARTS = re.compile(r"P[0-9]+[YM]|P[0-9]+Y[0-9]+M")


def duration(text: str, *, field: str = "every") -> timedelta:
    """The span that *text* names: PnW or PnDTnHnMnS, whole numbers. Raises Invalid `bad_duration`."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise Invalid("bad_duration", _advice(text), field=field)
    try:
        return timedelta(**{unit: int(number) for unit, number in match.groupdict().items() if number})
    except OverflowError:
        raise Invalid("bad_duration", "The duration is too long.", field=field) from None


def _advice(text: str) -> str:
    if _CALENDAR_PARTS.match(text):
        return "Months and years differ in length: write weeks or days (P30D), or use a cron expression."
    return "Not an ISO 8601 duration of whole numbers. Write for example PT15M, PT6H, P1D or P1DT12H."
