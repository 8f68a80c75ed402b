"""`nightbook up`, from the first check to the last process ended.

Order of start: broker; then server, worker and JupyterLab at once. Order of end: JupyterLab and worker,
server, broker. A second Ctrl-C kills what is left.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

import httpx
from rich.console import Console
from rich.text import Text

from nightbook.client import Client, NightbookError
from nightbook.commands.faults import CannotStart
from nightbook.settings import Settings
from nightbook.supervisor.children import Children
from nightbook.supervisor.home import Home
from nightbook.supervisor.processes import Records, end
from nightbook.supervisor.services import (
    Lab,
    Places,
    Service,
    choose_places,
    initial,
    require_packages,
    services,
)

__all__ = ["Lab", "up"]

_START_SECONDS: Final = 90.0
_WORKER_SECONDS: Final = 30.0
#: A process that crashes so often before it was ever ready will not get ready.
_HOPELESS: Final = 3
_LOOK_SECONDS: Final = 0.2
_LEFTOVER_GRACE: Final = 5.0


def up(settings: Settings, lab: Lab | None) -> int:
    """Start all of it, watch over it until a signal comes, end it. Raises CannotStart."""
    mine = os.umask(0o077)
    require_packages(settings, lab)
    signals = Signals()
    home = Home(settings.home)
    try:
        records = Records(home.run / "processes.json")
        end(records.read().values(), grace=_LEFTOVER_GRACE)
        places = choose_places(settings, home, lab)
        signals.install()
        _Up(settings, home, places, signals, records, umask=mine).run()
    finally:
        home.close()
    return 0


class Signals:
    """The first SIGINT, SIGTERM or SIGHUP asks for the end, the second for the end at once."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.hurry = threading.Event()

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        (self.hurry if self.stop.is_set() else self.stop).set()


class _StoppedError(Exception):
    """A signal came while the house was starting."""


class _Up:
    def __init__(
        self,
        settings: Settings,
        home: Home,
        places: Places,
        signals: Signals,
        records: Records,
        *,
        umask: int,
    ) -> None:
        self._settings = settings
        self._home = home
        self._places = places
        self._signals = signals
        self._console = Console(highlight=False)
        started = services(settings, home, places, umask=umask)
        self._names = [service.name for service in started]
        self._children = Children(started, records, self._say)

    def run(self) -> None:
        """Start, announce, watch, stop; whatever happens, stop."""
        try:
            self._start()
            self._home.tell(url=self._places.url)
            self._announce()
            while not self._signals.stop.wait(_LOOK_SECONDS):
                self._children.watch()
        except _StoppedError:
            pass
        finally:
            self._stop()

    # ------------------------------------------------------------ start

    def _start(self) -> None:
        self._say(f"Starting Nightbook in {self._home.folder} …")
        self._children.watch()  # the undertaker is there before those whom it may have to end
        if "broker" in self._names:
            self._children.start("broker")
        _initialise(initial(self._settings, self._home, self._places))
        if "broker" in self._names:
            self._wait_for("broker", self._broker_answers)
        for name in self._names:
            if name != "broker":
                self._children.start(name)
        self._wait_for("server", lambda: _answers(f"{self._places.url}/readyz"))
        if self._places.lab_port is not None:
            self._wait_for("lab", lambda: _answers(f"{self._places.lab_url}/api"))
        self._wait_for_worker()

    def _wait_for(self, name: str, is_ready: Callable[[], bool]) -> None:
        """Raises CannotStart where the process gives up or takes too long, _StoppedError on a signal."""
        until = time.monotonic() + _START_SECONDS
        while not is_ready():
            if self._signals.stop.wait(_LOOK_SECONDS):
                raise _StoppedError
            self._children.watch()
            child = self._children[name]
            if child.crashes >= _HOPELESS or time.monotonic() > until:
                words = child.last_words() or "it said nothing"
                raise CannotStart(f"{name} does not start: {words} (see {child.service.log})")

    def _broker_answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            return line.connect_ex(str(self._places.socket)) == 0

    def _wait_for_worker(self) -> None:
        until = time.monotonic() + _WORKER_SECONDS
        with self._client() as client:
            while not any(pool.workers for pool in client.pools.list() if pool.name == self._settings.pool):
                if self._signals.stop.wait(_LOOK_SECONDS):
                    raise _StoppedError
                self._children.watch()
                if time.monotonic() > until:
                    self._say(f"The worker is not there yet; see {self._children['worker'].service.log}")
                    return

    def _client(self) -> Client:
        token = (self._home.folder / "token").read_text(encoding="ascii").strip()
        return Client(self._places.url, token)

    # ------------------------------------------------------------ words

    def _announce(self) -> None:
        lines = {}
        if self._places.lab_port is not None:
            token = self._home.secret("jupyter-token").read_text(encoding="ascii")
            lines["JupyterLab"] = f"{self._places.lab_url}/lab?token={token}"
        lines["Web page"] = self._page_url()
        lines["Kept in"] = f"{self._home.folder} (logs in {self._home.logs})"
        lines["Stop"] = "Ctrl-C" if sys.stdin.isatty() else f"kill {os.getpid()}"
        self._console.print()
        self._console.print(Text("Nightbook is running.", style="bold green"))
        for label, words in lines.items():
            line = Text.assemble((f"  {label:<11}", "bold"), words)
            # A link that is broken into two lines cannot be clicked.
            self._console.print(line, soft_wrap=True)
        self._console.print()

    def _page_url(self) -> str:
        page = self._settings.public_url or self._places.url
        try:
            with self._client() as client:
                code = client.login_code()
        except NightbookError as error:
            return f"{page}  (log in with the token in {self._home.folder / 'token'}: {error})"
        minutes = code.expires_in_seconds // 60
        return f"{page.rstrip('/')}/#login={code.code}  (logs in once, within {minutes} min)"

    def _say(self, words: str) -> None:
        self._console.print(Text(words), soft_wrap=True)

    # ------------------------------------------------------------ end

    def _stop(self) -> None:
        self._say("Stopping … (Ctrl-C again ends it at once)" if sys.stdin.isatty() else "Stopping …")
        self._children.stop(("lab", "worker"), ("server",), ("broker",), hurry=self._signals.hurry.is_set)
        self._say("Stopped.")


def _initialise(service: Service) -> None:
    """Make database and tokens, in a process of its own: a supervisor carries no server."""
    done = subprocess.run(
        service.argv,
        env=dict(service.environment),
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # a Ctrl-C in between is for us
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise CannotStart(said[-1].removeprefix("error: "))


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False
