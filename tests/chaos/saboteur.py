"""Starts `nightbook` with some of its rules taken out: `python saboteur.py RULE[,RULE] WORDS…`.

The product has no switch for this. It shows that the checker sees what each rule is there for.
"""

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session

from nightbook.beat import dispatcher, reaper
from nightbook.cli import main
from nightbook.records import leases, schedules
from nightbook.records.runs import Attempt, Run


def without_fence() -> None:
    """Whoever once held an attempt holds it for ever."""

    def give_back(session: Session, attempt_id: UUID) -> None:
        attempt = session.get_one(Attempt, attempt_id)
        run = session.get_one(Run, attempt.run_id)
        attempt.state, run.fence, run.state = "running", attempt.fence, "running"
        session.add_all([attempt, run])
        session.flush()

    def unfenced(act: Callable[..., Any]) -> Callable[..., Any]:
        def acting(session: Session, attempt_id: UUID, *words: Any, **named: Any) -> Any:
            give_back(session, attempt_id)
            return act(session, attempt_id, *words, **named)

        return acting

    leases.finish = unfenced(leases.finish)
    leases.check_ending = lambda *_words, **_named: False


def without_reaper() -> None:
    """A worker that falls silent is waited for."""
    reaper.tick = lambda *_words: 0


def without_advance() -> None:
    """A planner that does not move on, as if it died in between each time; the unique key is what is left."""
    schedules.advance = _stay
    schedules.advance_many = lambda *_words: True


def _stay(session: Session, schedule: Any, *, past: datetime) -> bool:
    return True


def without_second_ring() -> None:
    """Neither the dispatcher rings again nor does a free slot ask by itself."""
    from nightbook.api import worker

    dispatcher.tick = lambda *_words: []
    worker.POLL_SECONDS = 3600.0


RULES = {
    "fence": without_fence,
    "reaper": without_reaper,
    "advance": without_advance,
    "ring": without_second_ring,
}

if __name__ == "__main__":
    for rule in sys.argv.pop(1).split(","):
        RULES[rule]()
    main()
