"""A PostgreSQL of our own, in a folder of its own: the machine's is not ours to crash."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from waiting import free_port

_USER = "postgres"


def programs() -> Path | None:
    """Where `initdb` and `pg_ctl` are; None where there is no PostgreSQL to start."""
    if os.getuid() == 0 and not (shutil.which("setpriv") and _has_user()):
        return None
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    places += [Path(on_path).parent] if on_path else []
    return next((place for place in places if (place / "initdb").exists()), None)


def _has_user() -> bool:
    return any(entry.pw_name == _USER for entry in pwd.getpwall())


class OwnPostgres:
    """A server that may be crashed, taken away and brought back."""

    def __init__(self, folder: Path, place: Path) -> None:
        self._folder, self._place = folder, place
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        self._call("initdb", "--auth=trust", "--username=postgres", "--no-sync", "--pgdata", self._data)
        settings = {
            "port": self.port,
            "listen_addresses": "'127.0.0.1'",
            "unix_socket_directories": f"'{self._folder}'",
            # A crash of a process leaves what it wrote to the system; only a power cut would take it.
            "fsync": "off",
        }
        with (self._folder / "data" / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def start(self) -> None:
        self._control("start")

    def crash(self) -> None:
        """End without a shutdown: the next start recovers from the log, as after a power cut."""
        self._control("stop", "--mode=immediate")

    def crash_and_start(self) -> None:
        self.crash()
        self.start()

    def _control(self, *words: str) -> None:
        log = str(self._folder / "log")
        self._call("pg_ctl", "--pgdata", self._data, "--wait", "--timeout=60", "--log", log, *words)

    def _call(self, program: str, *words: str) -> None:
        # PostgreSQL refuses to be root.
        as_user = ("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups")
        command = [*(as_user if os.getuid() == 0 else ()), str(self._place / program), *words]
        with (self._folder / "words").open("ab") as told:
            done = subprocess.run(
                command, cwd=self._folder, stdout=told, stderr=told, timeout=120, check=False
            )
        assert done.returncode == 0, (self._folder / "words").read_text()


@contextmanager
def own_postgres(place: Path) -> Iterator[OwnPostgres]:
    with tempfile.TemporaryDirectory(prefix="nb-pg-") as name:
        folder = Path(name)
        if os.getuid() == 0:
            shutil.chown(folder, _USER, _USER)
        server = OwnPostgres(folder, place)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.crash()
