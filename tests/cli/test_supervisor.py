"""`nightbook up`: one a home, ports, sockets, tokens by file, and no process left behind."""

import contextlib
import hashlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest

from nightbook.client import Client
from nightbook.commands.faults import CannotStart
from nightbook.settings import Settings
from nightbook.supervisor.children import Child
from nightbook.supervisor.home import Home, free_port, require_free
from nightbook.supervisor.processes import Identity, Records, end
from nightbook.supervisor.services import Lab, Service, choose_places, services


@pytest.fixture
def home(tmp_path):
    opened = Home(tmp_path / "home")
    yield opened
    opened.close()


@contextlib.contextmanager
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
POLITE = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))"
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session={apart})
print(child.pid, flush=True)
"""


@pytest.fixture
def sleeper():
    """Start a process that sleeps for a minute, after doing *first* and saying that it has."""
    running = []

    def start(first=""):
        code = f"{first}\nprint('up', flush=True)\nimport time; time.sleep(60)"
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
        )
        running.append(process)
        process.said = [*iter(lambda: process.stdout.readline().strip(), b"up")]  # type: ignore[attr-defined]
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def waited(condition, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.05)


# ---------------------------------------------------------------- one home, one supervisor


def test_a_second_supervisor_of_a_home_is_told_who_holds_it(home, tmp_path):
    home.tell(url="http://127.0.0.1:8600")

    with pytest.raises(CannotStart, match=rf"http://127.0.0.1:8600 \(pid {os.getpid()}\)"):
        Home(tmp_path / "home")


def test_a_home_is_free_again_when_its_supervisor_is_gone(tmp_path):
    Home(tmp_path / "home").close()

    Home(tmp_path / "home").close()


def test_everything_in_a_home_is_its_users_alone(home):
    home.secret("jupyter-token")

    folders = [home.run, home.logs]
    assert [stat.S_IMODE(path.stat().st_mode) for path in folders] == [0o700, 0o700]
    assert stat.S_IMODE((home.folder / "jupyter-token").stat().st_mode) == 0o600


def test_a_secret_stays_the_same(home):
    assert home.secret("jupyter-token").read_text() == home.secret("jupyter-token").read_text() != ""


@pytest.mark.parametrize("name", ["with a space", "x" * 120, "ünicode"])
def test_a_socket_has_a_short_plain_path_whatever_the_home_is_called(tmp_path, name):
    home = Home(tmp_path / name)

    folder = home.socket_folder()

    home.close()
    assert len(str(folder / "valkey.sock")) < 104
    assert str(folder).isascii()
    assert " " not in str(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    if home.folder not in folder.parents:
        folder.rmdir()


def test_a_folder_of_somebody_else_is_not_used_for_the_socket(monkeypatch):
    # A short path: pytest's own are too long for a socket.
    folder = tempfile.TemporaryDirectory(prefix="nb-")
    tmp_path = Path(folder.name)
    home = Home(tmp_path / "with a space")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    name = hashlib.sha256(str(home.folder).encode()).hexdigest()[:8]
    (tmp_path / f"nightbook-{os.getuid()}-{name}").symlink_to(tmp_path)

    with pytest.raises(CannotStart, match="somebody else"):
        home.socket_folder()

    home.close()
    folder.cleanup()


def test_a_big_log_is_put_aside(home):
    (home.logs / "server.log").write_bytes(b"x" * (10 * 1024 * 1024 + 1))

    assert not home.log("server").exists()
    assert (home.logs / "server.log.1").exists()


# ---------------------------------------------------------------- ports


def test_a_port_in_use_is_named_with_another_to_try():
    with taken_port() as port, pytest.raises(CannotStart, match=rf"Port {port} is in use.*--port {port + 1}"):
        require_free("127.0.0.1", port, "--port")


def test_a_port_that_nobody_asked_for_is_chosen_free():
    with taken_port() as port:
        assert free_port("127.0.0.1", port) != port


def test_a_lab_port_that_was_asked_for_must_be_free(home):
    with taken_port() as port, pytest.raises(CannotStart, match="--lab-port"):
        choose_places(Settings(home=home.folder, port=0), home, Lab(port=port))


def test_an_address_that_is_not_ours_is_named():
    with pytest.raises(CannotStart, match="NIGHTBOOK_HOST"):
        require_free("192.0.2.1", 8600, "--port")


# ---------------------------------------------------------------- what is started


@pytest.fixture
def started(home, monkeypatch):
    monkeypatch.setenv("NIGHTBOOK_TOKEN", "nb_pat_of_the_person")
    settings = Settings(home=home.folder, port=0, secret_key="k" * 40, database_url="sqlite:////tmp/x.db")
    places = choose_places(settings, home, Lab())
    return {service.name: service for service in services(settings, home, places, umask=0o022)}


def test_no_secret_is_on_a_command_line(started, home):
    words = " ".join(word for service in started.values() for word in service.argv)

    assert home.secret("jupyter-token").read_text() not in words
    assert "nb_" not in words
    assert "kkk" not in words


def test_each_process_knows_what_it_needs_and_no_more(started):
    known = {
        name: {key for key in service.environment if key.startswith("NIGHTBOOK_")}
        for name, service in started.items()
    }

    assert known["broker"] == set()
    assert known["lab"] == {"NIGHTBOOK_API_URL", "NIGHTBOOK_TOKEN_FILE"}
    assert not known["worker"] & {"NIGHTBOOK_DATABASE_URL", "NIGHTBOOK_SECRET_KEY", "NIGHTBOOK_TOKEN"}
    assert {"NIGHTBOOK_DATABASE_URL", "NIGHTBOOK_SECRET_KEY"} <= known["server"]
    assert started["worker"].environment["NIGHTBOOK_TOKEN_FILE"].endswith("worker-token")


def test_what_jupyterlab_saves_has_the_persons_own_rights(started):
    assert (started["lab"].umask, started["server"].umask) == (0o022, 0o077)


def test_a_broker_of_ones_own_is_used_instead(home):
    settings = Settings(home=home.folder, port=0, broker_url="redis://127.0.0.1:6379/3")
    places = choose_places(settings, home, None)

    names = [service.name for service in services(settings, home, places, umask=0)]

    assert names == ["server", "worker"]
    assert places.broker_url == "redis://127.0.0.1:6379/3"


# ---------------------------------------------------------------- processes


def test_a_pid_that_was_given_to_somebody_else_is_not_ours(sleeper):
    process = sleeper()
    stranger = Identity(process.pid, "another start", Identity.of(process.pid).boot)

    end([stranger], grace=0)

    assert process.poll() is None


def test_what_does_not_end_in_its_time_is_killed(sleeper):
    process = sleeper(DEAF)

    end([Identity.of(process.pid)], grace=0.3, reap=process.poll)

    assert process.wait(5) == -signal.SIGKILL


def test_what_ends_by_itself_is_not_killed(sleeper):
    process = sleeper(POLITE)

    end([Identity.of(process.pid)], grace=10, reap=process.poll)

    assert process.wait(5) == 7


def test_a_child_that_left_its_group_ends_too(sleeper):
    process = sleeper(PARENT.format(apart=True))
    child = Identity.of(int(process.said[0]))

    end([Identity.of(process.pid)], grace=1, reap=process.poll)

    waited(lambda: not child.is_alive())


def test_what_a_killed_leader_left_in_its_group_ends_too(sleeper):
    process = sleeper(PARENT.format(apart=False))
    leader, child = Identity.of(process.pid), Identity.of(int(process.said[0]))
    process.kill()
    process.wait()

    end([leader], grace=1)

    waited(lambda: not child.is_alive())


def test_a_hurry_does_not_wait_for_the_grace(sleeper):
    process = sleeper(DEAF)
    before = time.monotonic()

    end([Identity.of(process.pid)], grace=30, hurry=lambda: True, reap=process.poll)

    assert process.wait(5) == -signal.SIGKILL
    assert time.monotonic() - before < 10


def test_records_that_cannot_be_read_name_nobody(tmp_path):
    for content in ("", "[]", '{"server": {"pid": 1}}', "\x00"):
        (tmp_path / "records").write_text(content)
        assert Records(tmp_path / "records").read() == {}


def test_a_process_that_crashes_again_and_again_waits_longer_each_time(tmp_path):
    log = tmp_path / "log"
    child = Child(
        Service("x", [sys.executable, "-c", "print('bad luck'); exit(3)"], dict(os.environ), log, 1.0)
    )
    pauses = []
    for _ in range(3):
        child.start()
        waited(lambda: child.exit_code() is not None)
        pauses.append(child.note_crash())

    assert pauses == [0.5, 1.0, 2.0]
    assert child.last_words() == "bad luck"


def test_the_undertaker_ends_what_a_killed_supervisor_left(tmp_path, sleeper):
    process = sleeper()
    records = Records(tmp_path / "records")
    records.write({"x": Identity.of(process.pid)})
    argv = [sys.executable, "-m", "nightbook.supervisor.undertaker", str(records.file)]
    undertaker = subprocess.Popen(argv, stdin=subprocess.PIPE)

    undertaker.stdin.close()  # as the kernel does for one who is killed

    waited(lambda: process.poll() is not None)
    assert undertaker.wait(30) == 0


def test_the_undertaker_leaves_everything_alone_when_told_that_all_is_well(tmp_path, sleeper):
    process = sleeper()
    records = Records(tmp_path / "records")
    records.write({"x": Identity.of(process.pid)})
    argv = [sys.executable, "-m", "nightbook.supervisor.undertaker", str(records.file)]

    subprocess.run(argv, input=b".", check=True, timeout=30)

    assert process.poll() is None


# ---------------------------------------------------------------- all of it


class Upped:
    """A `nightbook up --no-lab` of its own."""

    def __init__(self, tmp_path):
        self.home, self._log = tmp_path / "home", tmp_path / "up.log"
        plain = {key: value for key, value in os.environ.items() if not key.startswith("NIGHTBOOK_")}
        argv = [sys.executable, "-m", "nightbook", "up", "--no-lab", "--port", "0", "--home", str(self.home)]
        with self._log.open("w") as log:
            # In a group of its own, so that a signal for it is for it alone.
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, env=plain, start_new_session=True)
        waited(lambda: "Stop" in self.words() or self.process.poll() is not None, 90)
        assert self.process.poll() is None, self.words()
        self.url = json.loads((self.home / "run" / "lock").read_text())["url"]

    def words(self):
        return self._log.read_text()

    def children(self):
        return Records(self.home / "run" / "processes.json").read()

    def client(self):
        return Client(self.url, (self.home / "token").read_text().strip())


@pytest.fixture
def upped(tmp_path):
    started = []

    def start():
        started.append(Upped(tmp_path))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()
        end(one.children().values(), grace=5)


def nobody_is_left(identities):
    waited(lambda: not any(identity.is_alive() for identity in identities), 15)


@pytest.mark.slow
def test_all_of_it_starts_recovers_and_ends_without_a_trace(upped):
    one = upped()
    first = one.children()
    with one.client() as client:
        assert client.me().scopes == ["admin:*"]
        assert [pool.workers for pool in client.pools.list()] == [1]

        os.kill(first["broker"].pid, signal.SIGKILL)
        os.kill(first["server"].pid, signal.SIGKILL)
        waited(
            lambda: (
                one.children()["server"] != first["server"] and one.children()["broker"] != first["broker"]
            )
        )
        waited(lambda: _is_ready(one.url), 60)
        assert client.me().scopes == ["admin:*"]
    assert "server ended (signal 9) and starts again" in one.words()

    last = one.children()
    one.process.terminate()
    assert one.process.wait(60) == 0
    nobody_is_left([*first.values(), *last.values()])
    assert not (one.home / "run" / "valkey.sock").exists()


@pytest.mark.slow
def test_a_killed_supervisor_leaves_nobody_and_its_home_can_be_used_again(upped):
    one = upped()
    children = one.children()

    one.process.kill()

    one.process.wait()
    nobody_is_left(children.values())
    again = upped()
    with again.client() as client:
        assert client.me().scopes == ["admin:*"]


def _is_ready(url):
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).is_success
    except httpx.HTTPError:
        return False
