"""`nightbook runs sweep`: a notebook once for each combination of values."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from nightbook.commands import values
from nightbook.commands.connection import connect, version_of
from nightbook.commands.output import Output, OutputOption, print_one
from nightbook.commands.runs import ParameterOption, parameters_for
from nightbook.schemas import Parameter


def register(app: typer.Typer) -> None:
    app.command()(sweep)


def sweep(
    notebook: Annotated[
        str, typer.Argument(metavar="NOTEBOOK", help="A notebook here, or its path on the server.")
    ],
    grid: Annotated[
        list[str],
        typer.Option("-g", "--grid", metavar="NAME=VALUE", help="A value to try; give a name several times."),
    ],
    parameter: ParameterOption = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="How many run at once.")] = None,
    kernel: Annotated[str | None, typer.Option(help="The kernel, if not the notebook's own.")] = None,
    pool: Annotated[str | None, typer.Option(help="The pool of workers.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be given several times.")] = None,
    note: Annotated[str | None, typer.Option(help="A word on why.")] = None,
    output: OutputOption = Output.table,
) -> None:
    """Run a notebook once for each combination of the values of the grid."""
    texts = values.assigned(parameter or [])
    with connect() as client:
        version = version_of(client, notebook)
        made = client.runs.sweep(
            version.sha256,
            grid_of(grid, client.notebooks.parameters(version.sha256).items),
            parameters=parameters_for(client, version.sha256, texts),
            concurrency=concurrency,
            kernel=kernel,
            pool=pool,
            tags=tag,
            note=note,
        )
        told = {"sweep": f"{made.count} runs", "group": made.group_id, "first run": made.runs[0]}
        print_one(made, output, told)


def grid_of(texts: Iterable[str], declared: list[Parameter]) -> dict[str, list[Any]]:
    """The values of each name in the order in which they were given, read as the notebook declares them."""
    grid: dict[str, list[Any]] = {}
    for text in texts:
        for name, value in values.typed(values.assigned([text], "--grid"), declared).items():
            grid.setdefault(name, []).append(value)
    return grid
