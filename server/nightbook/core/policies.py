"""Policies: what becomes of a fire time found late, of one that overlaps, and of an attempt that failed.

Pure rules, asked by the planner, by `finish` and by the reaper. They count and compare; whoever asks
writes down the outcome.
"""

from collections.abc import Collection
from datetime import timedelta
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
#: What `retry_on` may name: endings of the user's own code.
MAY_RETRY_ON: Final[frozenset[FailureClass]] = RETRY_ON | {"timeout", "out_of_memory"}
RETRY_DELAY_SECONDS: Final = 60
EXPIRE_AFTER_SECONDS: Final = 86_400

_PLATFORM_DELAYS = (timedelta(seconds=15), timedelta(seconds=60), timedelta(seconds=240))
_AT_ONCE = timedelta(0)
_LONGEST_FACTOR = 10
_JITTER = 0.2

# ---------------------------------------------------------------- found late


def caught_up(policy: CatchUp, limit: int = CATCH_UP_LIMIT) -> int:
    """How many of the newest fire times run, however late. Those on time run beside them.

    `latest` is the newest of all due ones: where that is on time, none of the late ones runs.
    """
    return {"none": 0, "latest": 1, "all": limit}[policy]


# ---------------------------------------------------------------- overlap


class Overlap(Enum):
    """What to do with a fire time while an earlier run of its schedule is not over."""

    RUN = "run"
    SKIP = "skip"  # a row with the reason `overlap`
    QUEUE = "queue"  # behind the earlier ones
    REPLACE_QUEUED = "replace_queued"  # the waiting ones become `superseded`
    CANCEL_PREVIOUS = "cancel_previous"


def overlap(policy: OverlapPolicy, *, running: int, queued: int, at_once: int = 1) -> Overlap:
    """Decide for a new fire time. A retry that waits counts as running; *queued* have not begun.

    Fewer than *at_once* runs of a schedule do not count as an overlap.
    """
    if policy == "allow" or running + queued < at_once:
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
    retry_on: Collection[str] = RETRY_ON,
    first_delay: int = RETRY_DELAY_SECONDS,
    jitter: float = 0.5,
) -> timedelta | None:
    """How long to wait before the user's next retry, None when there is none.

    *used* retries are spent of *budget*. The wait begins at *first_delay* seconds and doubles up to ten
    times that; *jitter*, from 0 to 1, places it within 20 % about its middle.
    """
    if class_ not in retry_on or used >= budget:
        return None
    # Past the fourth doubling the wait is at its longest, however large the number.
    middle = first_delay * min(2 ** min(used, 4), _LONGEST_FACTOR)
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
