"""`nightbook up` on a fresh home, as a stranger uses it: start, run, a second start, Ctrl-C."""

import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from cluster import GALLERY, Process, plain_environment, processes_of, until_gone
from waiting import free_port, is_listening, until

MANUAL = Path(__file__).parents[2] / "docs" / "api.md"
#: No measure of speed, which depends on the machine: a start that waits for something in vain takes longer.
SECOND_START_SECONDS = 60

pytestmark = pytest.mark.any_stack


class Fresh:
    """The home of a person who has never used Nightbook: `~/.nightbook` is not there yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / ".nightbook"
        self.port = free_port()
        self._environment = plain_environment(folder)
        (folder / "notebooks").symlink_to(GALLERY)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "nightbook", *words]

    def call(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            env=self._environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def up(self) -> Process:
        """Start it and return once it says that it is running."""
        log = self.folder / "up.log"
        with log.open("wb") as opened:
            process = subprocess.Popen(
                self.command("up", "--no-lab", "--port", str(self.port)),
                env=self._environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=opened,
                stderr=opened,
                start_new_session=True,
            )
        until(
            lambda: "Stop " in self.said() or process.poll() is not None,
            seconds=90,
            what=lambda: f"it starts\n{self.said()}",
        )
        assert process.poll() is None, self.said()
        return process

    def said(self) -> str:
        return (self.folder / "up.log").read_text()


@pytest.fixture(scope="module")
def fresh() -> Iterator[Fresh]:
    # A short path: the broker's socket must fit into 107 bytes.
    with tempfile.TemporaryDirectory(prefix="nb-up-") as name:
        yield Fresh(Path(name))


@pytest.fixture(scope="module")
def first_start(fresh: Fresh) -> Iterator[Process]:
    process = fresh.up()
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def interrupted(fresh: Fresh, process: Process) -> list[str]:
    """Press Ctrl-C once. Return what is left of it all."""
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0, fresh.said()
    left = [str(found.cmdline()) for found in until_gone(fresh.folder)]
    try:
        os.killpg(process.pid, 0)
        left.append(f"process group {process.pid}")
    except ProcessLookupError:
        pass
    if is_listening(fresh.port):
        left.append(f"port {fresh.port}")
    return [*left, *(path.name for path in (fresh.folder / "t").iterdir())]


def test_it_says_where_it_is_and_how_to_stop_it(fresh: Fresh, first_start: Process) -> None:
    said = fresh.said()

    assert re.search(rf"http://127\.0\.0\.1:{fresh.port}/#login=\S+", said)
    assert f"kill {first_start.pid}" in said
    assert str(fresh.home) in said
    assert "Traceback" not in said


def test_its_tokens_are_for_its_user_alone(fresh: Fresh, first_start: Process) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in fresh.home.glob("*token")}

    assert modes.keys() >= {"token", "worker-token"}
    assert set(modes.values()) == {0o600}
    words = [word for process in processes_of(fresh.folder) for word in process.cmdline()]
    assert {"up", "serve", "worker", "nightbook.supervisor.embedded"} <= {*words}
    assert [word for word in words if "nb_" in word] == []


def test_the_program_of_the_manual_runs_as_it_stands(fresh: Fresh, first_start: Process) -> None:
    programs = re.findall(r"```python\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)
    # Another Nightbook may be at home at the usual port of this machine.
    here = [program.replace("127.0.0.1:8600", f"127.0.0.1:{fresh.port}") for program in programs]
    assert [p != q for p, q in zip(programs, here, strict=True)] == [True]

    done = fresh.call(sys.executable, "-c", here[0])

    assert (done.returncode, done.stderr) == (0, "")
    copy = nbformat.read(fresh.folder / "executed.ipynb", as_version=4)
    nbformat.validate(copy)
    assert 'region = "west"' in "".join(cell.source for cell in copy.cells)
    assert copy.metadata.papermill.exception is None


def test_a_run_from_the_command_line_succeeds(fresh: Fresh, first_start: Process) -> None:
    words = ("run", "notebooks/daily_sales.ipynb", "-p", "region=east", "--wait", "-o", "json")
    url = f"http://127.0.0.1:{fresh.port}"

    done = fresh.call("env", f"NIGHTBOOK_API_URL={url}", *fresh.command(*words))

    assert done.returncode == 0, done.stderr
    assert '"state": "succeeded"' in done.stdout


def test_a_second_one_on_the_same_home_is_refused(fresh: Fresh, first_start: Process) -> None:
    second = fresh.call(*fresh.command("up", "--no-lab", "--port", str(free_port())))

    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"running already in {fresh.home} at http://127.0.0.1:{fresh.port}" in second.stderr
    assert f"kill {first_start.pid}" in second.stderr


def test_ctrl_c_leaves_nothing_and_the_second_start_waits_for_nothing(
    fresh: Fresh, first_start: Process
) -> None:
    assert interrupted(fresh, first_start) == []
    token = (fresh.home / "token").read_text()

    before = time.monotonic()
    again = fresh.up()
    took = time.monotonic() - before

    assert interrupted(fresh, again) == []
    assert took < SECOND_START_SECONDS
    assert (fresh.home / "token").read_text() == token
