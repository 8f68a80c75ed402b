"""How an attempt ended: state, class, and one sentence for a person that counts cells from 1."""

import signal
from collections.abc import Iterable
from dataclasses import dataclass

from nightbook.core.states import FailureClass

#: A kernel killed at this share of its limit was killed for it.
_NEARLY = 0.95


@dataclass(frozen=True)
class Ending:
    """`cell` counts from 0 in the executed copy; null where no cell is to blame."""

    state: str
    class_: FailureClass | None = None
    reason: str | None = None
    cell: int | None = None


@dataclass(frozen=True)
class Stop:
    """Why a run is to stop before its end: `cancel`, `run_timeout`, `cell_timeout` or `storage`."""

    cause: str
    by: str | None = None
    seconds: float | None = None


def raised(cell: int, ename: str, evalue: str) -> Ending:
    words = ": ".join(part for part in (ename, _first_line(evalue)) if part) or "an error"
    return Ending("failed", "code", f"Cell {cell + 1} raised {words}.", cell)


def exited_early(cell: int) -> Ending:
    reason = f"exited_early: cell {cell + 1} ended the run with success, so no later cell ran."
    return Ending("succeeded", None, reason, cell)


def all_ran(expected_errors: int) -> Ending:
    if not expected_errors:
        return Ending("succeeded")
    cells = "cell" if expected_errors == 1 else "cells"
    return Ending(
        "succeeded", None, f"expected_errors: {expected_errors} {cells} raised, as their tag allows."
    )


@dataclass(frozen=True)
class Death:
    """How a kernel ended by itself: exit code (negative: a signal), and what is known of its memory in bytes.

    `hit` is how much it was when it passed the limit, told by whoever watched the limit.
    """

    code: int | None
    peak: int | None = None
    limit: int | None = None
    hit: int | None = None

    @property
    def is_out_of_memory(self) -> bool:
        """A SIGKILL alone proves nothing: anybody may have sent it."""
        if self.limit is None:
            return False
        return self.hit is not None or (
            self.code == -signal.SIGKILL and (self.peak or 0) >= _NEARLY * self.limit
        )


def kernel_died(cell: int, death: Death) -> Ending:
    words = f"The kernel ended with {exit_words(death.code)} in cell {cell + 1}"
    if not death.is_out_of_memory:
        return Ending("failed", "kernel_died", f"{words}.", cell)
    taken = f"{_size(death.hit or death.peak)} of {_size(death.limit)}"
    if death.hit is not None:
        reason = f"{words}, as the run took more memory than its limit: {taken}."
    else:
        reason = f"{words}, usually sent by the out-of-memory killer, at {taken}."
    return Ending("failed", "out_of_memory", reason, cell)


def fell_silent(cell: int) -> Ending:
    """The kernel answered, and its output channel did not follow."""
    reason = (
        f"The kernel finished cell {cell + 1}, but its output channel has been silent since, so that what "
        "the cell showed may be missing; a printed lone surrogate can do this. The kernel was ended."
    )
    return Ending("failed", "kernel_died", reason, cell)


def out_of_memory(hit: int | None, limit: int | None) -> Ending:
    """All processes of a run were killed, the one that records it included."""
    taken = f"{_size(hit)} of {_size(limit)}"
    return Ending(
        "failed", "out_of_memory", f"The processes of the run took more memory than allowed: {taken}."
    )


def no_memory(cell: int, limit: int) -> Ending:
    """A cell raised MemoryError under a limit of the address space."""
    reason = f"Cell {cell + 1} raised MemoryError under a limit of {_size(limit)} of address space."
    return Ending("failed", "out_of_memory", reason, cell)


def _size(count: int | None) -> str:
    """Bytes for a person, in powers of 1000 as disks and clouds count."""
    value = float(count or 0)
    for unit in ("B", "kB", "MB"):
        if value < 999.5:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def no_kernel(name: str | None, known: Iterable[str]) -> Ending:
    have = ", ".join(sorted(known)) or "none"
    if name is None:
        return Ending("failed", "environment", f"The notebook names no kernel; this worker has: {have}.")
    return Ending("failed", "environment", f"This worker has no kernel named {name!r}; it has: {have}.")


def no_start(reason: str, log_tail: str) -> Ending:
    tail = f" The last lines of its log: {log_tail}" if log_tail else ""
    return Ending("failed", "environment", f"{reason}{tail}"[:4000])


def bad_parameters(reason: str) -> Ending:
    return Ending("failed", "parameters", reason[:1000])


def bad_result(reason: str) -> Ending:
    return Ending("failed", "code", f"bad_result: {reason}"[:1000])


def storage(errno_name: str) -> Ending:
    return Ending("failed", "storage", f"The run's record could not be written on the worker ({errno_name}).")


def platform(reason: str) -> Ending:
    return Ending("failed", "platform", reason[:1000])


def stopped(stop: Stop, cell: int | None, step: str | None) -> Ending:
    """The ending of a run that we stopped; *step* is the last thing that had to be done."""
    where = f" in cell {cell + 1}" if cell is not None else " before a cell ran"
    effort = {"terminate": " It had to be terminated.", "kill": " It had to be killed."}.get(step or "", "")
    if stop.cause == "cancel":
        by = f" by {stop.by}" if stop.by else ""
        return Ending("cancelled", None, f"Cancelled{by}{where}.{effort}", cell)
    if stop.cause == "storage":
        return storage(stop.by or "error")
    what = "The run" if stop.cause == "run_timeout" else f"Cell {(cell or 0) + 1}"
    limit = f"{stop.seconds:g} s" if stop.seconds is not None else "its limit"
    at = where if stop.cause == "run_timeout" else ""
    return Ending("timed_out", "timeout", f"{what} took longer than its limit of {limit}{at}.{effort}", cell)


#: The name of the error that a stopped cell shows.
ERROR_OF = {
    "cancel": "RunCancelled",
    "run_timeout": "RunTimeoutError",
    "cell_timeout": "CellTimeoutError",
    "storage": "RunLost",
}


def exit_words(code: int | None) -> str:
    """A process's end in words; *code* is negative for a signal, as `Popen` gives it."""
    if code is None:
        return "an unknown status"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _first_line(text: str) -> str:
    line = text.strip().split("\n", 1)[0]
    return (line if len(line) <= 300 else line[:299] + "…").rstrip(".")
