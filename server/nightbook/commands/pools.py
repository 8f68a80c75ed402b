"""`nightbook pools …`: the pools of workers, and the limits of what runs there."""

import math
import re
from collections.abc import Iterable
from typing import Annotated, Any, Final

import typer

from nightbook.commands import values
from nightbook.commands.connection import connect
from nightbook.commands.output import Output, OutputOption, print_list, print_one
from nightbook.schemas import Limits, PoolView

app = typer.Typer(no_args_is_help=True, help="The pools of workers.")

_SIZE: Final = re.compile(r"(\d{1,18})(?:([kMGT])(i?)B)?")
_POWERS: Final = "kMGT"
_NONE: Final = "none"

Pool = Annotated[str, typer.Argument(metavar="POOL", help="The pool's name.")]
Description = Annotated[str | None, typer.Option(help="What it is for.")]
Concurrency = Annotated[
    str | None, typer.Option(help=f"How many runs may run there at once, or '{_NONE}' for no limit.")
]
Lease = Annotated[str | None, typer.Option(help="How long a worker may be silent, e.g. 60s.")]
MaxTimeout = Annotated[str | None, typer.Option(help="The longest time-out that a run may ask for, e.g. 8h.")]
Limit = Annotated[
    list[str] | None,
    typer.Option(
        help="A limit of each run, e.g. memory_bytes=4GiB, processes=none; may be given several times."
    ),
]


@app.command("list")
def list_pools(output: OutputOption = Output.table) -> None:
    """List the pools: workers, slots, what waits and runs."""
    with connect() as client:
        columns = ("pool", "workers", "free slots", "queued", "running", "at once", "memory", "description")
        print_list(client.pools.list(), output, columns, _row)


def _row(view: PoolView) -> tuple[object, ...]:
    free = f"{view.free_slots} of {view.slots}"
    limit = view.limits.memory_bytes
    memory = "no limit" if limit is None else f"{limit / 10**9:.1f} GB"
    counts = view.workers, free, view.queued, view.running, view.concurrency
    return view.name, *counts, memory, view.description


@app.command()
def show(pool: Pool, output: OutputOption = Output.table) -> None:
    """Show one pool with all its limits."""
    with connect() as client:
        _print(client.pools.show(pool), output)


@app.command()
def create(
    pool: Pool,
    description: Description = None,
    concurrency: Concurrency = None,
    lease: Lease = None,
    max_timeout: MaxTimeout = None,
    limit: Limit = None,
    output: OutputOption = Output.table,
) -> None:
    """Make a pool. Workers join it by name, with a token that covers it."""
    fields = _fields(description, concurrency, lease, max_timeout, limit or ())
    with connect() as client:
        _print(client.pools.create(pool, **fields), output)


@app.command()
def edit(
    pool: Pool,
    description: Description = None,
    concurrency: Concurrency = None,
    lease: Lease = None,
    max_timeout: MaxTimeout = None,
    limit: Limit = None,
    output: OutputOption = Output.table,
) -> None:
    """Change what is given; it holds for runs that start from now on."""
    fields = _fields(description, concurrency, lease, max_timeout, limit or ())
    if not fields:
        raise typer.BadParameter("say what to change; 'nightbook pools edit --help' lists it")
    with connect() as client:
        _print(client.pools.edit(pool, **fields), output)


def _fields(
    description: str | None,
    concurrency: str | None,
    lease: str | None,
    max_timeout: str | None,
    limits: Iterable[str],
) -> dict[str, Any]:
    """What was given, as the API names it."""
    given = {
        "description": description,
        "lease_seconds": values.seconds(lease, "--lease"),
        "max_timeout_seconds": values.seconds(max_timeout, "--max-timeout"),
        "limits": {name: _limit(name, text) for name, text in values.assigned(limits, "--limit").items()}
        or None,
    }
    fields = {name: value for name, value in given.items() if value is not None}
    return fields if concurrency is None else {**fields, "concurrency": _size(concurrency, "--concurrency")}


def _limit(name: str, text: str) -> int | None:
    if name not in Limits.model_fields:
        known = ", ".join(Limits.model_fields)
        raise typer.BadParameter(f"there is no limit {name!r}; there are {known}", param_hint="--limit")
    return _size(text, "--limit")


def _size(text: str, option: str) -> int | None:
    """A number, a size such as `512MiB` or `4GB`, or null for `none`."""
    if text == _NONE:
        return None
    read = _SIZE.fullmatch(text)
    if read is None:
        raise typer.BadParameter(
            f"write a number, a size such as 512MiB or 4GB, or {_NONE}; not {text!r}", param_hint=option
        )
    number, letter, binary = read.groups()
    power = _POWERS.index(letter) + 1 if letter else 0
    return int(number) * math.prod([1024 if binary else 1000] * power)


def _print(view: PoolView, output: Output) -> None:
    print_one(
        view,
        output,
        {
            "pool": view.name,
            "description": view.description,
            "workers": view.workers,
            "free slots": f"{view.free_slots} of {view.slots}",
            "queued": view.queued,
            "running": view.running,
            "at once": _NONE if view.concurrency is None else view.concurrency,
            "silence allowed": f"{view.lease_seconds} s",
            "longest time-out": f"{view.max_timeout_seconds} s",
            **{name: _NONE if value is None else value for name, value in view.limits.model_dump().items()},
        },
    )
