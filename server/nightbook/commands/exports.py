"""`nightbook runs export`: the executed copy as a file for people who have no Jupyter."""

from pathlib import Path
from typing import Annotated

import typer

from nightbook.commands.connection import connect, run_id_of
from nightbook.commands.output import Output, OutputOption, print_document
from nightbook.schemas.exports import ExportFormat, Paper


def register(app: typer.Typer) -> None:
    app.command()(export)


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    form: Annotated[ExportFormat, typer.Option("--format", help="What to make of it.")] = "pdf",
    to: Annotated[Path, typer.Option("--to", help="The file, or the folder to put it into.")] = Path(),
    code: Annotated[bool, typer.Option("--code/--no-code", help="Show the code of the cells.")] = True,
    paper: Annotated[Paper, typer.Option(help="The size of a PDF's pages.")] = "a4",
    output: OutputOption = Output.table,
) -> None:
    """Save the executed copy of a run that has ended as PDF, slides, HTML or notebook."""
    run_id = run_id_of(run)
    with connect() as client:
        saved = client.runs.export(run_id, form, to, show_code=code, paper=paper)
    print_document({"run_id": str(run_id), "format": form, "file": str(saved)}, output, str(saved))
