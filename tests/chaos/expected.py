"""What must be there: the fire times of a trigger between two instants, by brute force.

Imports nothing of ours: a mistake of ours must not be its own proof.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import oracle


def fire_times(trigger: Mapping[str, Any], begin: datetime, end: datetime) -> list[datetime]:
    """Every fire time of *trigger* from *begin* to *end*, both included. Intervals are in whole seconds."""
    if trigger["kind"] == "once":
        at = _instant(trigger["at"])
        return [at] if begin <= at <= end else []
    if trigger["kind"] == "interval":
        return _of_interval(trigger, begin, end)
    first = begin.replace(second=0, microsecond=0)
    found = oracle.fires(trigger["expression"], trigger.get("timezone", "UTC"), first, end)
    return [at for at in found if begin <= at <= end]


def _of_interval(trigger: Mapping[str, Any], begin: datetime, end: datetime) -> list[datetime]:
    step = timedelta(seconds=int(trigger["every"].removeprefix("PT").removesuffix("S")))
    at, found = _instant(trigger["anchor"]), []
    while at <= end:
        if at >= begin:
            found.append(at)
        at += step
    return found


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
