"""`nightbook notebooks` and `workers`: what there is."""

from typing import Annotated

import typer

from nightbook.commands.connection import connect
from nightbook.commands.output import LimitOption, Output, OutputOption, print_list
from nightbook.schemas import NotebookView, WorkerView

notebooks = typer.Typer(no_args_is_help=True, help="The notebooks that the server keeps.")
workers = typer.Typer(no_args_is_help=True, help="The workers.")


@notebooks.command("list")
def list_notebooks(
    q: Annotated[str | None, typer.Option(help="Only those whose path holds this text.")] = None,
    limit: LimitOption = 50,
    output: OutputOption = Output.table,
) -> None:
    """List the notebooks, with their latest version."""
    with connect() as client:
        found = client.notebooks.list(q=q, limit=min(limit, 200))
        print_list(found, output, ("path", "versions", "updated", "latest version"), _notebook, limit=limit)


def _notebook(view: NotebookView) -> tuple[object, ...]:
    return view.path, view.versions, view.updated_at, view.sha256


@workers.command("list")
def list_workers(output: OutputOption = Output.table) -> None:
    """List the workers and whether they are alive."""
    with connect() as client:
        columns = ("worker", "pool", "state", "running", "host", "sandbox", "kernels", "last seen")
        print_list(client.pools.workers(), output, columns, _worker)


def _worker(view: WorkerView) -> tuple[object, ...]:
    running = f"{view.running} of {view.slots}"
    return view.name, view.pool, view.state, running, view.host, view.sandbox, view.kernels, view.last_seen_at
