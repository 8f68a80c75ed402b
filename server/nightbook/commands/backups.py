"""`nightbook backup` and `nightbook restore`: an operator's."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nightbook.commands.connection import ConfigOption, load_settings
from nightbook.commands.operate import manage
from nightbook.commands.output import Output, OutputOption, print_document, say


def register(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)


def backup(
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
    no_artifacts: Annotated[
        bool,
        typer.Option(
            "--no-artifacts",
            help="Check the artifacts against their hashes, but copy none: the store is backed up elsewhere.",
        ),
    ] = False,
    config: ConfigOption = None,
    output: OutputOption = Output.table,
) -> None:
    """Back up the database and all artifacts, while everything runs."""
    settings = load_settings(config)
    summary = manage("backup").backup(settings, folder, with_artifacts=not no_artifacts, tell=_tell)
    _print(summary, "Backed up", output)
    if summary.missing:
        say(
            f"warning: {len(summary.missing)} artifacts are missing or damaged in the store; see backup.json."
        )


def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that 'nightbook backup' made.", exists=True)],
    check: Annotated[
        bool, typer.Option("--check", help="Only read the backup through; restore nothing.")
    ] = False,
    config: ConfigOption = None,
    output: OutputOption = Output.table,
) -> None:
    """Put a backup back into an unused database. Stop the servers first."""
    if check:
        _print(manage("restore").verify_backup(folder), "The backup is whole:", output)
        return
    summary = manage("restore").restore(load_settings(config), folder, tell=_tell)
    _print(summary, "Restored", output)


def _tell(line: str) -> None:
    if sys.stderr.isatty():
        say(line)


def _print(summary: Any, verb: str, output: Output) -> None:
    document = {
        "rows": summary.rows,
        "artifacts": summary.artifacts,
        "artifact_bytes": summary.artifact_bytes,
        "missing": list(summary.missing),
    }
    mib = summary.artifact_bytes / 2**20
    print_document(
        document,
        output,
        f"{verb} {summary.rows:,} rows and {summary.artifacts:,} artifacts ({mib:,.1f} MiB).",
    )
