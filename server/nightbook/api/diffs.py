"""Two runs side by side: `GET /runs/{run_id}/diff/{other_id}`."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from sqlmodel import Session

from nightbook.api import results
from nightbook.api.deps import PREFIX, ArtifactsReader, House, Reading, TheHouse
from nightbook.api.notebooks import verified_bytes
from nightbook.core import diffs
from nightbook.core.diffs import CellPair, Named
from nightbook.records import artifacts, runs
from nightbook.records.runs import Run
from nightbook.schemas.diffs import CellDiff, CellSide, DiffSide, LineDiff, NamedDiff, RunDiff

router = APIRouter(prefix=f"{PREFIX}/runs", tags=["runs"])

#: Outputs that differ go along up to this many bytes, a cell's side and the whole answer.
_SIDE_BYTES: Final = 1024 * 1024
_ALL_BYTES: Final = 16 * 1024 * 1024
_FACTS: Final = ("environment", "kernel", "git", "worker", "pool")
#: Lists of the environment, which are compared by their entries or not at all.
_NO_FACTS: Final = frozenset({"packages", "editable", "versions", "argv"})

Cell = Mapping[str, Any]


@router.get("/{run_id}/diff/{other_id}")
def diff(
    run_id: UUID, other_id: UUID, session: Reading, _caller: ArtifactsReader, the_house: TheHouse
) -> RunDiff:
    """What *other* has otherwise: parameters, source, outputs and environment, cell by cell.

    Of a run that goes on, what it has so far. Unchanged parameters and packages are listed too; outputs
    come along where they differ.
    """
    left, right = runs.require(session, run_id), runs.require(session, other_id)
    ours, theirs = (_manifest(session, the_house, run) for run in (left, right))
    parameters = diffs.named(left.parameters, right.parameters)
    environment = diffs.named(_facts(ours), _facts(theirs))
    packages = diffs.named(ours.get("packages") or {}, theirs.get("packages") or {})
    cells = _cells(session, the_house, left, right)
    told = [*parameters, *environment, *packages]
    return RunDiff(
        left=_side(left),
        right=_side(right),
        is_same=all(one.change == "same" for one in told) and all(one.change == "same" for one in cells),
        parameters=named_views(parameters),
        environment=named_views(environment),
        packages=named_views(packages),
        cells=cells,
    )


def _side(run: Run) -> DiffSide:
    is_timed = run.started_at is not None and run.finished_at is not None
    seconds = (run.finished_at - run.started_at).total_seconds() if is_timed else None  # type: ignore[operator]
    return DiffSide.model_validate(
        {
            "id": run.id,
            "state": run.state,
            "class": run.failure_class,
            "reason": run.reason,
            "path": run.notebook_path,
            "sha256": run.notebook_sha256,
            "schedule_name": run.schedule_name,
            "fire_at": run.fire_at,
            "created_at": run.created_at,
            "seconds": seconds,
        }
    )


def named_views(found: Iterable[Named]) -> list[NamedDiff]:
    return [NamedDiff(name=one.name, change=one.change, left=one.left, right=one.right) for one in found]


# ---------------------------------------------------------------- environment


def _manifest(session: Session, house: House, run: Run) -> dict[str, Any]:
    """The manifest of a run, or nothing while it has none."""
    for artifact in artifacts.of_run(session, run.id):
        if artifact.role == "manifest":
            kept = json.loads(verified_bytes(house.store, artifact.sha256))
            return kept if isinstance(kept, dict) else {}
    return {}


def _facts(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The environment's facts by name: `python`, `kernel.name`, `git.commit` …"""
    facts: dict[str, Any] = {}
    for name in _FACTS:
        value = manifest.get(name)
        if isinstance(value, Mapping):
            prefix = "" if name == "environment" else f"{name}."
            told = {inner: one for inner, one in value.items() if inner not in _NO_FACTS and one is not None}
            facts |= {f"{prefix}{inner}": one for inner, one in told.items()}
        elif value is not None:
            facts[name] = value
    return facts


# ---------------------------------------------------------------- cells


def _cells(session: Session, house: House, left: Run, right: Run) -> list[CellDiff]:
    ours, theirs = (results.executed(session, house, run)["cells"] for run in (left, right))
    room = _Room(_ALL_BYTES)
    return [cell_diff(pair, ours, theirs, room) for pair in diffs.cells(ours, theirs)]


class _Room:
    """How many bytes of outputs the answer may still take."""

    def __init__(self, left: int) -> None:
        self._left = left

    def outputs(self, cell: Cell) -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = cell.get("outputs") or []
        size = len(json.dumps(found))
        if size > min(_SIDE_BYTES, self._left):
            return None
        self._left -= size
        return found


def cell_diff(pair: CellPair, left: list[Cell], right: list[Cell], room: _Room | None = None) -> CellDiff:
    """One row of the comparison; without *room*, no outputs come along."""
    ours = left[pair.left_index] if pair.left_index is not None else None
    theirs = right[pair.right_index] if pair.right_index is not None else None
    shown = theirs if theirs is not None else ours
    assert shown is not None
    change = (
        "added" if ours is None else "removed" if theirs is None else "same" if pair.is_same else "changed"
    )
    differs = pair.outputs != "same"
    return CellDiff.model_validate(
        {
            "id": shown.get("id"),
            "cell_type": shown.get("cell_type", "raw"),
            "change": change,
            "source_change": pair.source,
            "outputs_change": pair.outputs,
            "source": diffs.text_of(shown),
            "lines": [LineDiff(mark=line.mark, text=line.text) for line in pair.lines],
            "left": _cell_side(pair.left_index, ours, room if differs else None),
            "right": _cell_side(pair.right_index, theirs, room if differs else None),
        }
    )


def _cell_side(index: int | None, cell: Cell | None, room: _Room | None) -> CellSide | None:
    if index is None or cell is None:
        return None
    told = cell.get("metadata", {}).get("papermill", {})
    return CellSide(
        index=index,
        state=told.get("status"),
        seconds=told.get("duration"),
        outputs=[] if room is None else room.outputs(cell),
    )
