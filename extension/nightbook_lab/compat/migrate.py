"""Moves the definitions that jupyter-scheduler stored to Nightbook: `python -m nightbook_lab.compat.migrate`.

Reads its database and its staged notebooks, changes neither, and needs none of its code. Each definition
becomes one schedule, however often it is moved; one that cannot be moved is named and the others go on.
"""

import json
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from jupyter_core.paths import jupyter_data_dir

from nightbook.client import Client, NightbookError
from nightbook_lab.compat import shapes

#: One tag for all that was moved, so that they can be found and taken back together.
TAG = "jupyter-scheduler"


@dataclass(frozen=True)
class Moved:
    """What became of one definition: the schedule's id, or why it was not moved."""

    name: str
    schedule_id: str | None = None
    problem: str | None = None


def stored(database: Path) -> list[dict[str, Any]]:
    """The definitions of a jupyter-scheduler database, the oldest first."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("SELECT * FROM job_definitions ORDER BY create_time").fetchall()
    return [dict(row) for row in rows]


def move(client: Client, database: Path, staging: Path) -> Iterator[Moved]:
    """Make a schedule of each definition. Those that were paused there are paused here."""
    known = {
        schedule.description: str(schedule.id)
        for schedule in client.schedules.list(tag=TAG)
        if schedule.description
    }
    for definition in stored(database):
        try:
            mark = _mark(definition)
            schedule_id = known.get(mark) or _made(client, definition, staging, mark)
            yield Moved(definition["name"], schedule_id)
        except (NightbookError, OSError, ValueError) as error:
            yield Moved(definition["name"], problem=str(error))


def _mark(definition: Mapping[str, Any]) -> str:
    return f"Moved from jupyter-scheduler, definition {definition['job_definition_id']}."


def _made(client: Client, definition: Mapping[str, Any], staging: Path, mark: str) -> str:
    name = definition["input_filename"]
    staged = staging / definition["job_definition_id"] / name
    if Path(name).name != name:
        raise ValueError(f"{name!r} is no name of a file.")
    version = client.notebooks.upload(staged, path=name)
    declared = client.notebooks.parameters(version.sha256)
    texts = _stored_json(definition["parameters"]) or {}
    schedule = client.schedules.create(
        definition["name"],
        version.sha256,
        shapes.trigger(definition["schedule"], definition["timezone"]),
        parameters=shapes.typed(texts, [one.model_dump() for one in declared.items]),
        tags=[*(_stored_json(definition["tags"]) or []), TAG],
        description=mark,
        paused=not definition["active"],
    )
    return str(schedule.id)


def _stored_json(text: str | None) -> Any:
    return json.loads(text) if text else None


def main(
    database: Annotated[Path | None, typer.Option(help="The file scheduler.sqlite.")] = None,
    staging: Annotated[Path | None, typer.Option(help="The folder of staged notebooks.")] = None,
) -> None:
    """Move the job definitions of jupyter-scheduler to Nightbook. Repeating it makes nothing twice.

    Where Nightbook is and who you are is read as the command `nightbook` does.
    """
    home = Path(jupyter_data_dir())
    source = database or home / "scheduler.sqlite"
    if not source.is_file():
        sys.exit(f"There is no database at {source}. Name it with --database.")
    failed = 0
    with Client() as client:
        for moved in move(client, source, staging or home / "scheduler_staging_area"):
            failed += moved.problem is not None
            typer.echo(f"{moved.name}: {moved.problem or moved.schedule_id}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    typer.run(main)
