"""What a command prints: a table for people, JSON or YAML for programs. The answer alone goes to stdout.

Progress and errors go to stderr. Text that came from notebooks or other people is stripped of control
characters, so that no name can steer a terminal.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any, Final

import typer
import yaml
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nightbook.schemas import SCHEMA_VERSION


class Output(StrEnum):
    """How a command prints its answer."""

    table = "table"
    json = "json"
    yaml = "yaml"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How to print the answer.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Print at most so many.")]

_CONTROLS: Final = dict.fromkeys((*range(32), *range(127, 160)), "�")
_STYLES: Final = {
    "succeeded": "green",
    "active": "green",
    "alive": "green",
    "ok": "green",
    "failed": "red",
    "timed_out": "red",
    "lost": "red",
    "error": "red",
    "running": "cyan",
    "warning": "yellow",
    "silent": "yellow",
}
_WIDE: Final = 240


def say(message: str) -> None:
    """A word on what was done, on stderr."""
    print(message.translate(_CONTROLS), file=sys.stderr)  # noqa: T201


def progress() -> Console | None:
    """A console for progress, where a person is watching."""
    console = Console(stderr=True, highlight=False)
    return console if console.is_terminal else None


def print_one(view: BaseModel, output: Output, rows: Mapping[str, object]) -> None:
    """One thing: *rows* are what people see of it."""
    if output is not Output.table:
        _print_document(_plain(view), output)
        return
    table = _table(())
    for label, value in rows.items():
        if value not in (None, "", [], {}):
            table.add_row(Text(label, style="bold"), _cell(value))
    _console().print(table)


def print_list(
    views: Iterable[BaseModel], output: Output, columns: Sequence[str], row: Any, *, limit: int | None = None
) -> None:
    """Many things: *row* makes of each what stands under *columns*."""
    shown = list(islice(views, limit))
    if output is not Output.table:
        _print_document({"items": [_plain(view) for view in shown]}, output)
        return
    table = _table(columns)
    for view in shown:
        table.add_row(*(_cell(value) for value in row(view)))
    _console().print(table if shown else Text("none"))


def print_document(document: Mapping[str, Any], output: Output, text: str) -> None:
    """An answer that is no view; *text* is what people see of it."""
    if output is Output.table:
        sys.stdout.write(text + "\n")
    else:
        _print_document(document, output)


def _plain(view: BaseModel) -> dict[str, Any]:
    return view.model_dump(mode="json", by_alias=True)


def _print_document(document: Mapping[str, Any], output: Output) -> None:
    whole = {"schema_version": SCHEMA_VERSION, **document}
    if output is Output.json:
        sys.stdout.write(json.dumps(whole, ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write(yaml.safe_dump(whole, sort_keys=False, allow_unicode=True))


def _console() -> Console:
    console = Console(highlight=False, soft_wrap=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDE, no_color=True)


def _table(columns: Sequence[str]) -> Table:
    table = Table(
        box=None, show_header=bool(columns), pad_edge=False, header_style="bold", padding=(0, 2, 0, 0)
    )
    for column in columns or ("", ""):
        # An id that is cut cannot be copied.
        table.add_column(column, no_wrap=column in {"id", "state"}, overflow="fold")
    return table


def _cell(value: object) -> Text:
    text = _words(value)
    return Text(text.translate(_CONTROLS), style=_STYLES.get(text, ""))


def _words(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={json.dumps(given, ensure_ascii=False)}" for name, given in value.items())
    if isinstance(value, str):
        return value
    return ", ".join(map(_words, value)) if isinstance(value, Sequence) else str(value)


def seconds_between(start: datetime | None, end: datetime | None) -> str | None:
    """How long something took, for people."""
    if start is None:
        return None
    seconds = ((end or datetime.now(UTC)) - start).total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"
