"""The home folder of `nightbook up`: its lock, its run folder, its logs, a port that is free."""

import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import socket
import stat
import tempfile
from pathlib import Path
from typing import Final

from nightbook.commands.faults import CannotStart

#: A unix socket's path has less than 108 bytes on Linux, and 104 on macOS.
_LONGEST_SOCKET: Final = 103
#: A space breaks Valkey's configuration; other characters would need quoting in an address.
_PLAIN: Final = re.compile(r"[A-Za-z0-9/._-]+")
_LOG_BYTES: Final = 10 * 1024 * 1024


class Home:
    """One home folder, held by one supervisor. Raises CannotStart where another one holds it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = _private(folder / "run")
        self.logs = _private(folder / "logs")
        self._lock = os.open(self.run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            held = os.read(self._lock, 4096)
            os.close(self._lock)
            raise CannotStart(_running_already(folder, held)) from error
        self.tell(url=None)

    def tell(self, *, url: str | None) -> None:
        """Leave a word for the next one who tries this home."""
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, json.dumps({"pid": os.getpid(), "url": url}).encode(), 0)

    def close(self) -> None:
        os.ftruncate(self._lock, 0)
        os.close(self._lock)

    def log(self, name: str) -> Path:
        """The log of a process; a big one is put aside first."""
        file = self.logs / f"{name}.log"
        if file.exists() and file.stat().st_size > _LOG_BYTES:
            file.replace(file.with_suffix(".log.1"))
        return file

    def secret(self, name: str) -> Path:
        """A random secret of this home, made once, 0600."""
        file = self.folder / name
        if not file.exists():
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
                opened.write(secrets.token_urlsafe(32))
        file.chmod(0o600)
        return file

    def socket_folder(self) -> Path:
        """A private folder whose path is short and plain enough for a socket."""
        for folder in (self.run, *_short_folders(self.folder)):
            path = str(folder / "valkey.sock")
            if len(path.encode()) <= _LONGEST_SOCKET and _PLAIN.fullmatch(path):
                return _private(folder)
        raise CannotStart("The broker's socket needs a folder with a short, plain name: set TMPDIR=/tmp.")


def _running_already(folder: Path, held: bytes) -> str:
    try:
        told = json.loads(held)
        pid, url = told["pid"], told["url"]
    except (ValueError, KeyError, TypeError):
        return f"Nightbook is running already in {folder}."
    where = f" at {url}" if url else ""
    stop = f"Stop it with 'kill {pid}', or name another --home."
    return f"Nightbook is running already in {folder}{where} (pid {pid}). {stop}"


def _short_folders(home: Path) -> list[Path]:
    name = hashlib.sha256(str(home).encode()).hexdigest()[:8]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    in_runtime = [Path(runtime) / "nightbook" / name] if runtime and os.access(runtime, os.W_OK) else []
    return [*in_runtime, Path(tempfile.gettempdir()) / f"nightbook-{os.getuid()}-{name}"]


def _private(folder: Path) -> Path:
    """Make the folder, ours alone: in a shared place somebody else may have been first."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise CannotStart(f"{folder} belongs to somebody else. Move it away, or set TMPDIR.")
    folder.chmod(0o700)
    return folder


def require_free(host: str, port: int, option: str) -> None:
    """Raise CannotStart where the port is taken, or not ours to take."""
    try:
        with _bound(host, port):
            pass
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise CannotStart(
                f"NIGHTBOOK_HOST: cannot listen on {host} ({error.strerror or error})."
            ) from error
        why = "is in use" if error.errno == errno.EADDRINUSE else "needs rights that you do not have"
        other = port + 1 if 1024 <= port < 65535 else 8601
        raise CannotStart(f"Port {port} {why}. Choose another one, for example {option} {other}.") from error


def free_port(host: str, first: int | None) -> int:
    """The first free port from *first* on; any, where it is None or none of a hundred is free."""
    for port in range(first, first + 100) if first else ():
        try:
            with _bound(host, port):
                return port
        except OSError:
            continue
    with _bound(host, 0) as found:
        return int(found.getsockname()[1])


def _bound(host: str, port: int) -> socket.socket:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((host, port), family=family)
