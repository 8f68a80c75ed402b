"""`nightbook`: what a user types. Builds the tree of commands and turns every fault into one line.

An answer goes to stdout, everything else to stderr. Exit codes: 0 ok, 1 error, 2 usage, 4 run failed,
5 run timed out, cancelled or lost, 6 refused by a policy or for lack of rights.
"""

import os
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from nightbook import __version__
from nightbook.client import Conflicting, NightbookError, NotAllowed, NotAuthenticated, Refused
from nightbook.commands import backups, diffs, exports, lists, operate, pools, runs, schedules, sweeps, tokens
from nightbook.commands.faults import CannotStart
from nightbook.core.errors import Fault
from nightbook.settings import WrongSettings

OK: Final = 0
ERROR: Final = 1
USAGE: Final = 2
REFUSED: Final = 6
_INTERRUPTED: Final = 130

_TOKEN: Final = re.compile(r"nb_(pat|svc|wrk)_[0-9A-Za-z]{10,}")
_UsageError: Final = typer.BadParameter.__mro__[1]
_ClickError: Final = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="nightbook",
    help="Takes a notebook to production: schedule it, run it reliably, keep every executed copy.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"nightbook {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


app.command()(runs.run)
diffs.register(runs.app)
exports.register(runs.app)
sweeps.register(runs.app)
app.add_typer(runs.app, name="runs")
app.add_typer(schedules.app, name="schedule")
app.add_typer(lists.notebooks, name="notebooks")
app.add_typer(pools.app, name="pools")
app.add_typer(lists.workers, name="workers")
app.add_typer(tokens.app, name="token")
operate.register(app)
backups.register(app)


def main() -> None:
    """The entry point of the command line."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line. Return its exit code; nothing that a user does ends in a traceback."""
    if any(_TOKEN.search(argument) for argument in arguments):
        # Every process of this machine can read a command line.
        return _fail(
            "Keep tokens off the command line, where others can read them: put it into a file and name it in "
            "NIGHTBOOK_TOKEN_FILE, or set NIGHTBOOK_TOKEN. The one you typed should be revoked.",
            USAGE,
        )
    try:
        code = app(args=list(arguments), prog_name="nightbook", standalone_mode=False)
        sys.stdout.flush()
    except Exception as error:  # the edge
        return _failed(error)
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code if isinstance(code, int) else OK


def _failed(error: Exception) -> int:
    if isinstance(error, _ClickError):
        return _fail_usage(error)
    if isinstance(error, typer.Abort):
        return _INTERRUPTED
    if isinstance(error, Refused):
        return _fail(_refusal(error), REFUSED if _is_policy(error) else ERROR)
    if isinstance(error, NightbookError | WrongSettings | CannotStart | Fault):
        return _fail(str(error), ERROR)
    if isinstance(error, BrokenPipeError):
        # The reader has gone; Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return _fail(f"{place}{error.strerror or error}.", ERROR)
    return _fail(_fault(error), ERROR)


def _fail(message: str, code: int) -> int:
    line = " ".join(message.split())
    printable = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line
    )
    print(f"error: {printable}", file=sys.stderr)  # noqa: T201
    return code


def _fail_usage(error: Exception) -> int:
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    if not message:  # help was printed instead
        return USAGE
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else "nightbook"
    return _fail(f"{message.rstrip('.')}. See '{where} --help'.", USAGE)


def _is_policy(refused: Refused) -> bool:
    is_overlap = isinstance(refused, Conflicting) and refused.code == "already_running"
    return is_overlap or isinstance(refused, NotAllowed)


def _refusal(refused: Refused) -> str:
    """The fields and what is wrong with them, or what the server said."""
    if isinstance(refused, NotAuthenticated):
        return (
            f"{refused.message} Name a file with your token in NIGHTBOOK_TOKEN_FILE, or set NIGHTBOOK_TOKEN; "
            "'nightbook up' keeps one in its home folder."
        )
    named = [f"{wrong.field}: {wrong.message}" for wrong in refused.errors if wrong.field]
    return "; ".join(named) if named else refused.message


def _fault(error: Exception) -> str:
    """A fault of ours, in one line that helps whoever mends it."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    what = f"{type(error).__name__}{place}: {error}"
    return f"This is a fault of Nightbook {__version__}, please report it: {what}"
