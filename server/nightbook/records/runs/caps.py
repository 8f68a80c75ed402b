"""Caps: how many runs may run at once, of a schedule, of a key, of a group.

Each run that counts against a cap takes one of the cap's slots while it runs. A unique index over owner and
slot makes the claim's one conditional update fail where two claims want the same slot, so no cap needs a
lock.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, func, literal_column, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from nightbook.records.runs.tables import Run

#: Columns of a cap: whose it is, how many, and the slot taken.
_CAPS: Final = (
    ("schedule_id", "schedule_limit", "schedule_slot"),
    ("concurrency_key", "concurrency_per_key", "key_slot"),
    ("group_id", "group_limit", "group_slot"),
)
# Written out, because SQLite uses a partial index only for a condition that it can read.
_RUNNING: Final[ColumnElement[str]] = literal_column("'running'")


def have_room() -> ColumnElement[bool]:
    """A condition on runs: each cap that the run counts against has a free slot.

    `full_owners` gives values for its parameters. They spare the count for each run of a long queue under a
    full cap; without them it is as true, and slower.
    """
    return and_(*(_is_not_known_full(owner) for owner, _, _ in _CAPS), *(_has_room(*cap) for cap in _CAPS))


def full_owners(session: Session) -> Mapping[str, Sequence[Any]]:
    """For each cap whose running runs fill it: whose it is, as values for `have_room`."""
    wanted = select(*(col(getattr(Run, name)) for cap in _CAPS for name in cap)).where(
        col(Run.state) == _RUNNING, or_(*(getattr(Run, slot).is_not(None) for _, _, slot in _CAPS))
    )
    running = [row._mapping for row in session.execute(wanted)]
    return {f"full_{owner}": _full(running, owner, limit, slot) for owner, limit, slot in _CAPS}


def _full(running: Sequence[Mapping[Any, Any]], owner: str, limit: str, slot: str) -> list[Any]:
    holding = [row for row in running if row[slot] is not None]
    taken = Counter(row[owner] for row in holding)
    # Where runs of one key name different limits, the largest decides here, and each run's own below.
    at_most = {row[owner]: max(row[limit], 0) for row in sorted(holding, key=lambda row: row[limit] or 0)}
    return [of for of, count in taken.items() if count >= at_most[of]]


def _is_not_known_full(owner: str) -> ColumnElement[bool]:
    column = getattr(Run, owner)
    full = bindparam(f"full_{owner}", value=[], expanding=True, type_=column.type)
    return or_(column.is_(None), column.not_in(full))


def _has_room(owner: str, limit: str, slot: str) -> ColumnElement[bool]:
    other = aliased(Run)
    taken = (
        select(func.count())
        .where(
            getattr(other, owner) == getattr(Run, owner),
            col(other.state) == _RUNNING,
            getattr(other, slot).is_not(None),
        )
        .correlate(Run)
        .scalar_subquery()
    )
    return or_(getattr(Run, owner).is_(None), getattr(Run, limit).is_(None), taken < getattr(Run, limit))


def free_slots(session: Session, run: Run) -> Mapping[str, int] | None:
    """A free slot of each cap that *run* counts against, by column; None where one has none left."""
    found: dict[str, int] = {}
    for owner, limit, slot in _CAPS:
        of, at_most = getattr(run, owner), getattr(run, limit)
        if of is None or at_most is None:
            continue
        free = _lowest_free(session, owner, slot, of, at_most)
        if free is None:
            return None
        found[slot] = free
    return found


def _lowest_free(session: Session, owner: str, slot: str, of: Any, at_most: int) -> int | None:
    wanted = select(getattr(Run, slot)).where(
        getattr(Run, owner) == of, col(Run.state) == _RUNNING, getattr(Run, slot).is_not(None)
    )
    taken = set(session.execute(wanted).scalars())
    if len(taken) >= at_most:
        return None
    return next(number for number in range(at_most + len(taken)) if number not in taken)


def full_cap(session: Session, run: Run) -> str | None:
    """The owner's column of a cap that keeps *run* waiting; None where each has room."""
    for owner, limit, slot in _CAPS:
        of, at_most = getattr(run, owner), getattr(run, limit)
        if of is not None and at_most is not None and _lowest_free(session, owner, slot, of, at_most) is None:
            return owner
    return None
