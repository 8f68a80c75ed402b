"""How an attempt ended, out of two sources: what its child reported, and what its process did.

Where the child has spoken, its word counts. Where it could not, the end of its process tells.
"""

import contextlib
import signal
from dataclasses import dataclass
from typing import Any

from nightbook.schemas import FinishDraft
from nightbook_executor import endings
from nightbook_executor.children import Facts
from nightbook_executor.control import Message
from nightbook_executor.endings import Ending, Stop


@dataclass(frozen=True)
class Done:
    """What is known at the end: the ending, and the child's own report of the rest."""

    ending: Ending
    report: dict[str, Any]


def judged(report: Message | None, facts: Facts | None, *, cancel: Stop | None, overdue: Stop | None) -> Done:
    """Join what the child said with how it ended; *overdue* is given where its time had passed."""
    if report is not None:
        with contextlib.suppress(KeyError, TypeError, ValueError):
            return Done(_reported(report), report)
    if facts is None:
        words = "The process that guards the run was killed, and the run with it."
        return Done(endings.stopped(cancel, None, "kill") if cancel else endings.platform(words), {})
    return Done(_ending_of(facts, cancel, overdue), {"usage": facts.usage})


def _ending_of(facts: Facts, cancel: Stop | None, overdue: Stop | None) -> Ending:
    if facts.why == "memory":
        return endings.out_of_memory(facts.memory_hit_bytes, facts.memory_limit_bytes)
    stop = cancel or (overdue if facts.code == -signal.SIGKILL else None)
    if stop is not None:
        return endings.stopped(stop, None, "kill")
    words = endings.exit_words(facts.code)
    return endings.platform(f"The process that runs the notebook ended with {words}.")


def _reported(report: Message) -> Ending:
    """The child's own words. Raises KeyError, TypeError or ValueError where they are none."""
    cell = report["cell"]
    draft = FinishDraft.model_validate(
        {
            "fence": 0,
            "state": report["state"],
            "class": report["class"],
            "reason": report["reason"],
            "failed_cell": cell,
        }
    )
    return Ending(draft.state, draft.class_, draft.reason, draft.failed_cell)
