"""The check-up: what can be wrong with an installation, each with a next step.

Looks at what this machine has: settings, token, server and workers through the API, JupyterLab; and
where the server's packages are installed, at database, store and broker.
"""

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from nightbook import __version__
from nightbook.client import Client, NightbookError
from nightbook.commands.checks import Check, doubtful, well, wrong
from nightbook.commands.connection import connect
from nightbook.commands.forking import forking
from nightbook.commands.isolation import sandbox
from nightbook.settings import Settings


def examine(settings: Settings) -> list[Check]:
    """All checks, in the order in which their causes lie."""
    checks = [
        *_home(settings),
        _token(settings),
        *sandbox(settings),
        *forking(settings),
        *_behind_the_server(settings),
    ]
    answer = _ask(settings)
    if answer is None:
        checks.append(_no_server(settings))
    else:
        checks += [_version(answer), _clock(answer), *_fleet(settings)]
    return [*checks, *_lab()]


def _home(settings: Settings) -> Iterator[Check]:
    if not settings.home.exists():
        yield doubtful(
            "home", f"{settings.home} does not exist yet", "Run 'nightbook up' or 'nightbook init'."
        )
    elif sys.platform != "win32" and settings.home.stat().st_mode & 0o077:
        yield wrong("home", f"others may read {settings.home}", f"Run: chmod 700 '{settings.home}'")
    else:
        yield well("home", str(settings.home))


def _token(settings: Settings) -> Check:
    file = settings.token_file or settings.home / "token"
    if settings.token is not None:
        return well("token", "from NIGHTBOOK_TOKEN")
    if not file.is_file():
        return doubtful("token", f"there is no file {file}", "Name yours in NIGHTBOOK_TOKEN_FILE.")
    if sys.platform != "win32" and file.stat().st_mode & 0o077:
        return wrong("token", f"others may read {file}", f"Run: chmod 600 '{file}'")
    return well("token", f"from {file}")


def _behind_the_server(settings: Settings) -> list[Check]:
    """Only where this machine is the server's: its packages are here, and so is its home or its database."""
    is_server = settings.database_url is not None or (settings.home / "nightbook.db").exists()
    if not is_server or importlib.util.find_spec("sqlmodel") is None:
        return []
    found: list[Check] = importlib.import_module("nightbook.manage").examine(settings)
    return found


def _ask(settings: Settings) -> httpx.Response | None:
    try:
        return httpx.get(f"{settings.api}/healthz", timeout=5, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL):
        return None


def _no_server(settings: Settings) -> Check:
    step = "Run 'nightbook up', or set NIGHTBOOK_API_URL to where your server is."
    return wrong("server", f"none answers at {settings.api}", step)


def _version(answer: httpx.Response) -> Check:
    try:
        theirs = answer.json()["version"]
    except (ValueError, KeyError, TypeError):
        return wrong("server", f"{answer.url.host} is no Nightbook server", "Correct NIGHTBOOK_API_URL.")
    if theirs != __version__:
        step = "Bring both to one release."
        return doubtful("server", f"it is of release {theirs}, this is {__version__}", step)
    return well("server", f"answers, release {theirs}")


def _clock(answer: httpx.Response) -> Check:
    try:
        theirs = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return doubtful("clock", "the server tells no time", "Check the proxy before the server.")
    # The header counts whole seconds.
    apart = (datetime.now(UTC) - theirs).total_seconds() - 0.5
    if abs(apart) > 2:
        return wrong(
            "clock", f"this machine's is {apart:+.0f} s off the server's", "Let NTP set both clocks."
        )
    return well("clock", "within two seconds of the server's")


def _fleet(settings: Settings) -> list[Check]:
    try:
        with connect(settings) as client:
            caller = client.me()
            return [
                well("rights", f"you are {caller.name}: {', '.join(caller.scopes)}"),
                *_workers(client, settings),
            ]
    except NightbookError as error:
        return [wrong("rights", str(error), "Ask an administrator for a token.")]


def _workers(client: Client, settings: Settings) -> Iterator[Check]:
    start = f"Start one: 'nightbook worker --pool {settings.pool}'."
    pool = next((pool for pool in client.pools.list() if pool.name == settings.pool), None)
    if pool is None or pool.workers == 0:
        yield wrong("workers", f"no worker is alive in the pool {settings.pool}", start)
        return
    kernels = {
        kernel for worker in client.pools.workers() if worker.pool == pool.name for kernel in worker.kernels
    }
    if not kernels:
        yield wrong("workers", "they have no kernel", "Install one beside a worker: pip install ipykernel")
    else:
        slots = f"{pool.free_slots} of {pool.slots} slots free"
        yield well("workers", f"{pool.workers} alive, {slots}, kernels {', '.join(sorted(kernels))}")


def _lab() -> Iterator[Check]:
    if importlib.util.find_spec("jupyterlab") is None:
        return
    paths = importlib.import_module("jupyter_core.paths")
    folders = [Path(folder) / "labextensions" / "nightbook-lab" for folder in paths.jupyter_path()]
    if not any((folder / "package.json").is_file() for folder in folders):
        yield wrong("jupyterlab", "the extension's pages are missing", "Run: pip install 'nightbook[lab]'")
    elif not any(_enables(Path(folder)) for folder in paths.jupyter_config_path()):
        yield wrong(
            "jupyterlab", "the server extension is off", "Run: jupyter server extension enable nightbook_lab"
        )
    else:
        yield well("jupyterlab", "the extension is there and on")


def _enables(folder: Path) -> bool:
    for file in (folder / "jupyter_server_config.json", *(folder / "jupyter_server_config.d").glob("*.json")):
        try:
            extensions = json.loads(file.read_bytes())["ServerApp"]["jpserver_extensions"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if isinstance(extensions, dict) and extensions.get("nightbook_lab") is True:
            return True
    return False
