"""What an operator types: processes, migrations, the check-up. Loads the server only when it is needed.

The command line is installed on machines that have no server, so `manage` is imported by name, late.
"""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Final

import typer

from nightbook.commands.checks import Check
from nightbook.commands.connection import ConfigOption, load_settings
from nightbook.commands.faults import CannotStart
from nightbook.commands.output import Output, OutputOption, print_document, print_list

#: Our own packages; when one of them cannot be imported, that is a fault and no missing extra.
_OURS: Final = ("nightbook", "nightbook_executor", "nightbook_lab")


def register(app: typer.Typer) -> None:
    for command in (up, serve, beat, worker, migrate, init, doctor):
        app.command()(command)


def manage(command: str) -> Any:
    return load("nightbook.manage", command, "server")


def load(module: str, command: str, extra: str) -> ModuleType:
    """Import a part of the house that needs an extra. Raises CannotStart where the extra is missing."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in _OURS:
            raise
        raise CannotStart(
            f"'nightbook {command}' needs packages that are not installed ({missing}): "
            f"pip install 'nightbook[{extra}]'"
        ) from error


def up(
    no_lab: Annotated[bool, typer.Option("--no-lab", help="Start no JupyterLab.")] = False,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The server's port. [default: 8600]")
    ] = None,
    home: Annotated[
        Path | None, typer.Option(help="Where everything is kept. [default: ~/.nightbook]")
    ] = None,
    lab_port: Annotated[int | None, typer.Option(min=1, max=65535, help="JupyterLab's port.")] = None,
    lab_dir: Annotated[
        Path | None,
        typer.Option(
            help="The folder that JupyterLab shows. [default: ./notebooks, else this one]", exists=True
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Start all of it on this machine: server, worker, JupyterLab. Ctrl-C stops it."""
    if sys.platform == "win32":
        raise CannotStart("'nightbook up' needs Linux or macOS; on Windows start it in WSL.")
    supervisor = load("nightbook.supervisor.up", "up", "all")
    lab = None if no_lab else supervisor.Lab(port=lab_port, folder=lab_dir)
    raise typer.Exit(supervisor.up(load_settings(config, port=port, home=home), lab))


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on. [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The port. [default: 8600]")] = None,
    config: ConfigOption = None,
) -> None:
    """Run the server, in the foreground, with the beat in it unless NIGHTBOOK_BEAT=false."""
    raise typer.Exit(manage("serve").serve(load_settings(config, host=host, port=port)))


def beat(config: ConfigOption = None) -> None:
    """Run a beat of its own, in the foreground."""
    raise typer.Exit(manage("beat").beat(load_settings(config)))


def worker(
    pool: Annotated[str | None, typer.Option(help="The pool to work for. [default: default]")] = None,
    slots: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Runs at once. [default: one a core]")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Run a worker, in the foreground. SIGTERM drains it, a second one ends it at once."""
    executor = load("nightbook_executor.worker", "worker", "worker")
    raise typer.Exit(executor.main(load_settings(config, pool=pool, slots=slots)))


def migrate(config: ConfigOption = None, output: OutputOption = Output.table) -> None:
    """Bring the database to this release's revision."""
    chosen = load_settings(config)
    manage("migrate").migrate(chosen)
    print_document({"migrated": True}, output, "The database is at this release's revision.")


def init(config: ConfigOption = None, output: OutputOption = Output.table) -> None:
    """Make home folder, database and the first tokens: an administrator's and a worker's (0600)."""
    files = manage("init").initialise(load_settings(config))
    document = {"tokens": {name: str(path) for name, path in files.items()}}
    print_document(document, output, "\n".join(f"{name}: {path}" for name, path in files.items()))


def doctor(config: ConfigOption = None, output: OutputOption = Output.table) -> None:
    """Check this installation and say what to do about what is wrong."""
    examination = importlib.import_module("nightbook.commands.doctor")
    checks = examination.examine(load_settings(config))
    print_list(checks, output, ("check", "verdict", "message", "next step"), _check)
    if any(check.verdict == "error" for check in checks):
        raise typer.Exit(1)


def _check(check: Check) -> tuple[object, ...]:
    return check.name, check.verdict, check.message, check.next_step
