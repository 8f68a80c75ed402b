"""The states of runs, attempts and cells, and the moves between them."""

from typing import Final, Literal

RunState = Literal[
    "queued", "running", "succeeded", "failed", "timed_out", "cancelled", "lost", "skipped", "expired"
]
AttemptState = Literal["running", "succeeded", "failed", "timed_out", "cancelled", "lost", "handed_back"]
CellState = Literal["pending", "running", "succeeded", "failed", "not_run"]
FailureClass = Literal[
    "code",
    "parameters",
    "environment",
    "kernel_died",
    "out_of_memory",
    "timeout",
    "worker_lost",
    "storage",
    "platform",
]
RunKind = Literal["scheduled", "manual", "rerun", "backfill"]

#: States from which a run never moves again.
FINAL: Final[frozenset[str]] = frozenset(
    {"succeeded", "failed", "timed_out", "cancelled", "lost", "skipped", "expired"}
)
#: Endings that open a red streak.
RED: Final[frozenset[str]] = frozenset({"failed", "timed_out", "lost"})
#: Endings that an attempt may report; `handed_back` is a drain before the first cell.
ENDINGS: Final[frozenset[str]] = frozenset({"succeeded", "failed", "timed_out", "cancelled"})

_MOVES: Final[dict[str, frozenset[str]]] = {
    "queued": frozenset({"running", "cancelled", "skipped", "expired"}),
    # Back to queued only as a new attempt.
    "running": frozenset({"succeeded", "failed", "timed_out", "cancelled", "lost", "queued"}),
}


def may_move(old: str, new: str) -> bool:
    """Say whether a run may go from *old* to *new*."""
    return new in _MOVES.get(old, frozenset())
