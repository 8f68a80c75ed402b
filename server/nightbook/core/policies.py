"""Policies: what becomes of a fire time found late, of one that overlaps, and of an attempt that failed.

Pure rules, asked by the planner, by `finish` and by the reaper. They count and compare; whoever asks
writes down the outcome.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Final, Literal

from nightbook.core.states import FailureClass

CatchUp = Literal["none", "latest", "all"]
OverlapPolicy = Literal["skip", "queue_one", "queue_all", "cancel_previous", "allow"]

#: A fire time found this late still counts as on time.
TOLERANCE: Final = timedelta(seconds=60)
CATCH_UP_LIMIT: Final = 50
PLATFORM_BUDGET: Final = 3
RETRY_ON: Final[frozenset[FailureClass]] = frozenset({"code", "kernel_died"})

_PLATFORM_DELAYS = (timedelta(seconds=15), timedelta(seconds=60), timedelta(seconds=240))
_AT_ONCE = timedelta(0)
_FIRST_DELAY_SECONDS = 60
_LONGEST_DELAY_SECONDS = 600
_JITTER = 0.2

# ---------------------------------------------------------------- found late


class Verdict(Enum):
    """Whether a fire time becomes a run, or a row in the ledger that is skipped for this reason."""

    RUN = "run"
    CATCH_UP = "catch_up"


def catch_up(
    moments: Sequence[datetime],
    policy: CatchUp,
    now: datetime,
    *,
    limit: int = CATCH_UP_LIMIT,
    tolerance: timedelta = TOLERANCE,
) -> list[tuple[datetime, Verdict]]:
    """Judge the due fire times of one schedule, given in order. What is on time always runs.

    Of the late ones `latest` runs only the newest of all; `all` runs as many as make *limit* in total.
    """
    kept = {"none": 0, "latest": 1, "all": limit}[policy]
    first_kept = len(moments) - kept
    return [
        (moment, Verdict.RUN if place >= first_kept or now - moment <= tolerance else Verdict.CATCH_UP)
        for place, moment in enumerate(moments)
    ]


# ---------------------------------------------------------------- overlap


class Overlap(Enum):
    """What to do with a fire time while an earlier run of its schedule is not over."""

    RUN = "run"
    SKIP = "skip"  # a row with the reason `overlap`
    QUEUE = "queue"  # behind the earlier ones
    REPLACE_QUEUED = "replace_queued"  # the waiting ones become `superseded`
    CANCEL_PREVIOUS = "cancel_previous"


def overlap(policy: OverlapPolicy, *, running: bool, queued: int) -> Overlap:
    """Decide for a new fire time. A retry that waits counts as running; *queued* have not begun."""
    if policy == "allow" or not (running or queued):
        return Overlap.RUN
    if policy == "queue_one":
        return Overlap.REPLACE_QUEUED if queued else Overlap.QUEUE
    return {"skip": Overlap.SKIP, "queue_all": Overlap.QUEUE, "cancel_previous": Overlap.CANCEL_PREVIOUS}[
        policy
    ]


# ---------------------------------------------------------------- retries: two budgets apart


def retry_after_user(
    class_: FailureClass,
    *,
    used: int,
    budget: int,
    retry_on: Collection[FailureClass] = RETRY_ON,
    jitter: float = 0.5,
) -> timedelta | None:
    """How long to wait before the user's next retry, None when there is none.

    *used* retries are spent of *budget*. *jitter*, from 0 to 1, places the wait within 20 % about its middle.
    """
    if class_ not in retry_on or used >= budget:
        return None
    # Past the fourth doubling the wait is at its longest, however large the number.
    middle = min(_FIRST_DELAY_SECONDS * 2 ** min(used, 4), _LONGEST_DELAY_SECONDS)
    return timedelta(seconds=middle * (1 - _JITTER + 2 * _JITTER * jitter))


def retry_after_platform(
    class_: FailureClass,
    *,
    begun: bool,
    used: int,
    budget: int = PLATFORM_BUDGET,
    retry_on_worker_loss: bool = False,
) -> timedelta | None:
    """How long to wait before a retry that costs the user nothing, None when there is none.

    User code runs at most once: after the first cell began only a lost worker is mended, and only
    where the spec says `retry_on_worker_loss`.
    """
    lost = class_ in {"worker_lost", "platform"}
    if used >= budget or (begun and not (lost and retry_on_worker_loss)):
        return None
    if lost:
        return _AT_ONCE
    if class_ in {"parameters", "code"} or (class_ == "environment" and used):
        return None
    return _PLATFORM_DELAYS[min(used, len(_PLATFORM_DELAYS) - 1)]


def verdict_when_lost(
    *, begun: bool, retry_on_worker_loss: bool, platform_used: int
) -> Literal["queued", "lost"]:
    """The state of a run whose worker fell silent."""
    wait = retry_after_platform(
        "worker_lost", begun=begun, used=platform_used, retry_on_worker_loss=retry_on_worker_loss
    )
    return "lost" if wait is None else "queued"
