"""`nightbook runs diff`: two runs side by side, as a terminal shows it."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from nightbook.commands.connection import connect, run_id_of
from nightbook.commands.output import Output, OutputOption, print_document
from nightbook.schemas.diffs import CellDiff, NamedDiff, RunDiff

_MARKS = {"added": "+", "removed": "-", "changed": "~"}
_NEAR = 2  # unchanged lines beside a change


def register(app: typer.Typer) -> None:
    app.command()(diff)


def diff(
    left: Annotated[str, typer.Argument(metavar="RUN", help="A run's id.")],
    right: Annotated[str, typer.Argument(metavar="OTHER", help="Another run's id.")],
    output: OutputOption = Output.table,
) -> None:
    """Show what another run has otherwise: parameters, source, outputs, environment."""
    with connect() as client:
        found = client.runs.diff(run_id_of(left), run_id_of(right))
    document = found.model_dump(mode="json", by_alias=True)
    print_document(document, output, "\n".join(_lines(found)))


def _lines(found: RunDiff) -> Iterator[str]:
    if found.is_same:
        yield "The two runs do not differ."
        return
    for title, items in (
        ("parameters", found.parameters),
        ("environment", found.environment),
        ("packages", found.packages),
    ):
        yield from _named(title, items)
    for cell in found.cells:
        if cell.change != "same":
            yield from _cell(cell)


def _named(title: str, items: Sequence[NamedDiff]) -> Iterator[str]:
    changed = [item for item in items if item.change != "same"]
    if changed:
        yield f"{title}:"
    for item in changed:
        sides = {"added": f"{item.right!r}", "removed": f"{item.left!r}"}
        both = f"{item.left!r} → {item.right!r}"
        yield f"  {_MARKS[item.change]} {item.name}: {sides.get(item.change, both)}"


def _cell(cell: CellDiff) -> Iterator[str]:
    side = cell.right or cell.left
    number = side.index + 1 if side is not None else 0
    if cell.change != "changed":
        yield f"{_MARKS[cell.change]} cell {number}"
        yield from (f"  {_MARKS[cell.change]} {line}" for line in cell.source.splitlines())
        return
    what = [
        name
        for name, change in (("source", cell.source_change), ("outputs", cell.outputs_change))
        if change != "same"
    ]
    yield f"~ cell {number}: {' and '.join(what)}"
    lines: list[Any] = list(cell.lines)
    near = {
        place + step
        for place, line in enumerate(lines)
        if line.mark != "="
        for step in range(-_NEAR, _NEAR + 1)
    }
    for place, line in enumerate(lines):
        if place in near:
            yield f"  {' ' if line.mark == '=' else line.mark} {line.text}"
