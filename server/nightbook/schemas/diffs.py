"""Two runs side by side, and a saved notebook beside the version that is kept of it."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from nightbook.core.states import FailureClass, RunState
from nightbook.schemas.words import SCHEMA_VERSION, View

Change = Literal["same", "added", "removed", "changed"]


class DiffSide(View):
    """One of the two runs."""

    id: UUID
    state: RunState
    class_: Annotated[FailureClass | None, Field(alias="class")] = None
    reason: str | None = None
    path: str
    sha256: str | None
    schedule_name: str | None = None
    fire_at: datetime | None = None
    created_at: datetime
    seconds: float | None = None


class NamedDiff(View):
    """A parameter, a package or another fact by name; the missing side is null."""

    name: str
    change: Change
    left: Any = None
    right: Any = None


class LineDiff(View):
    mark: Literal["=", "-", "+"]
    text: str


class CellSide(View):
    """A cell as one of the runs left it. `outputs` come for outputs that differ; null: too many bytes."""

    index: int
    state: str | None = None
    seconds: float | None = None
    outputs: list[dict[str, Any]] | None = None


class CellDiff(View):
    """A cell of both runs, or of one. `source` is the right side's, or the only one."""

    id: str | None
    cell_type: str
    change: Change
    source_change: Change
    outputs_change: Change
    source: str
    lines: list[LineDiff] = []
    left: CellSide | None = None
    right: CellSide | None = None


class RunDiff(View):
    """What differs between two runs. Times, execution counts and addresses of objects are no difference."""

    schema_version: int = SCHEMA_VERSION
    left: DiffSide
    right: DiffSide
    is_same: bool
    parameters: list[NamedDiff]
    environment: list[NamedDiff]
    packages: list[NamedDiff]
    cells: list[CellDiff]


class NotebookDiff(View):
    """What a saved notebook has otherwise than a kept version.

    `is_same` is about source, parameters, declared files and the kernel; outputs and metadata do not count.
    """

    schema_version: int = SCHEMA_VERSION
    against: str
    sha256: str
    is_same: bool
    parameters: list[NamedDiff]
    files: list[NamedDiff]
    kernel: NamedDiff
    cells: list[CellDiff]
