"""What an operator types: server processes, migrations, first tokens. The top of the server's tree.

The command line loads this by name, because it needs the packages of `nightbook[server]`.
"""

import getpass
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any, Final

import uvicorn
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from nightbook import backups
from nightbook.adapters import database
from nightbook.adapters.notices import BOARD
from nightbook.adapters.storage import ArtifactStore
from nightbook.api.app import create_app
from nightbook.api.views import token_view
from nightbook.beat import loop
from nightbook.commands.faults import CannotStart
from nightbook.core.clock import utc_now
from nightbook.core.errors import Fault
from nightbook.manage.checkup import examine
from nightbook.records import access
from nightbook.schemas import TokenView
from nightbook.settings import Settings

__all__ = [
    "backup",
    "beat",
    "create_token",
    "examine",
    "initialise",
    "list_tokens",
    "migrate",
    "restore",
    "revoke_token",
    "serve",
    "verify_backup",
]

log = logging.getLogger("nightbook")

_TOKEN_DAYS: Final = 366
#: A token that ends sooner than this is made anew at the next start.
_RENEWED_BEFORE: Final = timedelta(days=30)
#: How long open requests may go on after the first SIGTERM.
_GRACE_SECONDS: Final = 10
_LOCAL: Final = access.Caller("operator", "local", frozenset(access.ADMIN_SCOPES))


# ---------------------------------------------------------------- processes


def serve(settings: Settings) -> int:
    """Run the server until it is told to stop; with the beat in it, unless `beat` is false."""
    _begin()
    with _no_traceback(), _the_only_server(settings):
        _require_head(settings)
        listener = _listen(settings)
        server = _Server(settings)
        stop = threading.Event()
        beat_thread = threading.Thread(target=loop.run, args=(settings, stop), name="beat")
        if settings.beat:
            beat_thread.start()
        log.info("server.listening url=%s beat=%s", _url_of(listener), settings.beat)
        try:
            server.run(sockets=[listener])
        finally:
            stop.set()
            if settings.beat:
                beat_thread.join()
    log.info("server.stopped")
    return 0 if server.started else 1


def beat(settings: Settings) -> int:
    """Run a beat of its own until it is told to stop."""
    _begin()
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        _end_at_once_if(stop.is_set())
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    with _no_traceback():
        _require_head(settings)
        log.info("beat.started")
        loop.run(settings, stop)
    log.info("beat.stopped")
    return 0


class _Server(uvicorn.Server):
    """Ends the live feeds at the first signal, and everything at the second."""

    def __init__(self, settings: Settings) -> None:
        self._app = create_app(settings)
        super().__init__(
            uvicorn.Config(
                self._app,
                log_config=None,
                access_log=False,
                server_header=False,
                # Who asks is never taken from a header that anybody may send.
                proxy_headers=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
                timeout_keep_alive=65,
            )
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        # Not uvicorn's own: that one raises the signal again at the end, which kills the beat half-way.
        _end_at_once_if(self.should_exit)
        self._app.state.is_stopping = True
        BOARD.wake_all()
        self.should_exit = True


def _end_at_once_if(is_second: bool) -> None:
    if is_second:
        os._exit(128 + signal.SIGTERM)


def _listen(settings: Settings) -> socket.socket:
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
        # Connections inherit it. asyncio sets it only on sockets that name their protocol, and these do not:
        # head and body of an answer would wait for each other, 40 ms with most clients.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotStart(
            f"NIGHTBOOK_PORT: cannot listen on {settings.host}:{settings.port} ({reason}). "
            "Choose another port with --port."
        ) from error


def _url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _the_only_server(settings: Settings) -> Iterator[None]:
    """SQLite is for one server. Holds a lock beside the database; raises CannotStart where it is held."""
    place = database.file_of(settings.database)
    if place is None or sys.platform == "win32":
        yield
        return
    import fcntl

    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with place.with_name(f"{place.name}.server").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CannotStart(
                f"Another server uses the database {place}. SQLite serves one; "
                "stop the other one, or set NIGHTBOOK_DATABASE_URL to PostgreSQL."
            ) from error
        yield


@contextmanager
def _no_traceback() -> Iterator[None]:
    """What a database or a store says while a process starts, as CannotStart."""
    try:
        yield
    except (database.DatabaseTooNew, backups.BackupError) as error:
        raise CannotStart(str(error)) from error
    except SQLAlchemyError as error:
        raise CannotStart(
            f"NIGHTBOOK_DATABASE_URL: the database does not answer: {database.said_by(error)}"
        ) from error
    except ValueError as error:
        raise CannotStart(str(error)) from error


def _require_head(settings: Settings) -> None:
    engine = database.open_engine(settings.database, pool_size=1)
    try:
        if not database.is_at_head(engine):
            raise CannotStart(
                "The database is not at this release's revision. Run 'nightbook migrate', "
                "or 'nightbook init' where there is none yet."
            )
    finally:
        engine.dispose()


def _begin() -> None:
    """A process of ours: what it writes is its user's alone, and what it says goes to stderr."""
    os.umask(0o077)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for chatty in ("uvicorn", "uvicorn.error", "httpx", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class _OneLine(logging.Formatter):
    """One line a fact: what came from outside cannot forge another line."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        line = super().formatMessage(record)
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


# ---------------------------------------------------------------- database and tokens


def migrate(settings: Settings) -> None:
    """Bring the database to this release's revision. Raises CannotStart."""
    with _no_traceback():
        database.migrate(settings.database)


def initialise(settings: Settings) -> dict[str, Path]:
    """Make home folder, database and the tokens of this machine, as far as they are missing.

    Return the files that hold the tokens: an administrator's, JupyterLab's and a worker's. Safe to repeat.
    """
    os.umask(0o077)
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrate(settings)
    owner = _user()
    wanted = {
        "administrator": ("token", owner, access.ADMIN_SCOPES, "pat", ()),
        "lab": ("lab-token", owner, (*access.AUTHOR_SCOPES, "audit:read"), "pat", ()),
        "worker": ("worker-token", "worker", access.WORKER_SCOPES, "wrk", (settings.pool,)),
    }
    files = {}
    for name, (file, whose, scopes, kind, pools) in wanted.items():
        files[name] = settings.home / file
        _keep_token(settings, files[name], name=name, owner=whose, scopes=scopes, kind=kind, pools=pools)
    return files


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"user-{os.getuid()}"


def _keep_token(
    settings: Settings,
    file: Path,
    *,
    name: str,
    owner: str,
    scopes: Sequence[str],
    kind: str,
    pools: Sequence[str],
) -> None:
    """Leave a token that still holds for a while; else make one and put it into *file*."""
    now = utc_now()
    with _database(settings) as session:
        if _still_holds(session, file, scopes, pools, now + _RENEWED_BEFORE):
            file.chmod(0o600)
            return
        _, secret = access.create_token(
            session,
            name=name,
            owner=owner,
            scopes=scopes,
            kind=kind,
            pools=pools,
            expires_at=now + timedelta(days=_TOKEN_DAYS),
            created_by=_LOCAL.name,
            now=now,
        )
        session.commit()
    unfinished = file.with_name(f".{file.name}.new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(f"{secret}\n")
    unfinished.replace(file)


def _still_holds(
    session: Session, file: Path, scopes: Sequence[str], pools: Sequence[str], when: datetime
) -> bool:
    if not file.is_file():
        return False
    try:
        caller = access.caller_of_token(session, file.read_text(encoding="ascii").strip(), when)
    except (Fault, UnicodeDecodeError):
        return False
    return caller.scopes >= set(scopes) and caller.pools >= set(pools)


def create_token(
    settings: Settings, name: str, scopes: Sequence[str], fields: Mapping[str, Any]
) -> TokenView:
    """Make a token straight in the database, as the operator of this machine. Raises Invalid, CannotStart."""
    now = utc_now()
    with _database(settings) as session:
        row, secret = access.create_token(
            session,
            name=name,
            owner=fields.get("owner") or _user(),
            scopes=scopes,
            kind=fields["kind"],
            pools=fields.get("pools") or (),
            expires_at=now + timedelta(days=fields["expires_in_days"]),
            created_by=_LOCAL.name,
            now=now,
        )
        session.commit()
        return token_view(row, secret)


def list_tokens(settings: Settings) -> list[TokenView]:
    with _database(settings) as session:
        return [token_view(row) for row in access.tokens(session)]


def revoke_token(settings: Settings, token_id: str) -> None:
    """End a token. Raises NotFound, CannotStart."""
    with _database(settings) as session:
        access.revoke_token(session, token_id, caller=_LOCAL, now=utc_now())
        session.commit()


@contextmanager
def _database(settings: Settings) -> Iterator[Session]:
    with _no_traceback():
        _require_head(settings)
        engine = database.open_engine(settings.database, pool_size=1)
        try:
            with database.sessions(engine)() as session:
                yield session
        finally:
            engine.dispose()


# ---------------------------------------------------------------- backup and restore


def backup(settings: Settings, folder: Path, *, with_artifacts: bool, tell: backups.Told) -> backups.Summary:
    """Back up rows and artifacts into *folder* while everything runs. Raises CannotStart."""
    with _no_traceback():
        _require_head(settings)
        engine = database.open_engine(settings.database, pool_size=1)
        try:
            store = ArtifactStore(settings.artifacts)
            return backups.backup(engine, store, folder, with_artifacts=with_artifacts, tell=tell)
        finally:
            engine.dispose()


def restore(settings: Settings, folder: Path, *, tell: backups.Told) -> backups.Summary:
    """Put a backup back into an unused database. Raises CannotStart."""
    os.umask(0o077)
    with _no_traceback(), _the_only_server(settings):
        return backups.restore(settings.database, ArtifactStore(settings.artifacts), folder, tell=tell)


def verify_backup(folder: Path) -> backups.Summary:
    """Read a backup through. Raises CannotStart."""
    with _no_traceback():
        return backups.verify(folder)
