"""Zygotes come, fail, are killed and replaced, and no run is the worse for it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import venv
from contextlib import suppress
from pathlib import Path

import house
import psutil
import pytest
from waiting import until

from nightbook.settings import Settings
from nightbook_executor.kernels import examination
from nightbook_executor.kernels.environments import Environment
from nightbook_executor.kernels.forking import Forking
from nightbook_executor.kernels.zygotes import Zygotes

ARGV = [house.usual_environment().python, "-m", "ipykernel_launcher", "-f", "c.json"]


class Venv:
    """An environment of its own, with our ipykernel and what a test installs; its kernel is named `own`."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, symlinks=True)
        self.python = str(folder / "bin/python")
        self.packages = next(folder.glob("lib/python3*/site-packages"))
        ours = next(path for path in sys.path if path.endswith("site-packages"))
        (self.packages / "ours.pth").write_text(ours)

    @property
    def environment(self) -> Environment:
        return Environment(self.python)

    def install(self, name: str, version: str, source: str = "") -> None:
        for old in self.packages.glob(f"{name}-*.dist-info"):
            old.rmdir()
        (self.packages / f"{name}-{version}.dist-info").mkdir()
        (self.packages / f"{name}.py").write_text(f"version = {version!r}\n{source}\n")

    def kernelspec(self, share: Path, **fields: object) -> None:
        spec = {
            "argv": [self.python, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "own",
            "language": "python",
            **fields,
        }
        folder = share / "kernels" / "own"
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(json.dumps(spec))


@pytest.fixture
def own(tmp_path, monkeypatch):
    made = Venv(tmp_path / "venv")
    made.kernelspec(tmp_path / "share")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    return made


@pytest.fixture
def made(tmp_path):
    """Make zygotes that are quick to notice."""
    every: list[Zygotes] = []

    def make(**options):
        home = tmp_path / "worker-w" / "zygotes"
        home.mkdir(parents=True, exist_ok=True)
        every.append(Zygotes(house.PROCESSES, os.environ, home, **{"look_seconds": 0.05, **options}))
        return every[-1]

    yield make
    for one in every:
        one.close()


def guards(pid: int) -> set[int]:
    return {child.pid for child in psutil.Process(pid).children()}


def a_kernel(base: Path, **fields):
    return Forking(base, **fields).kernel(ARGV, os.environ, "/tmp", None)


def test_an_upgraded_package_is_seen_by_the_next_run(own, made, tmp_path):
    own.install("upgraded", "1")
    zygotes = made(preload=["upgraded"])
    zygotes.want(own.environment)
    assert house.wait_until_ready(zygotes.base, own.environment)["preloaded"] == ["upgraded"]

    def version():
        ran = house.run(zygotes.base, tmp_path / "work", "import upgraded; upgraded.version", kernel="own")
        for environment in ran.missing:
            zygotes.want(environment)
        return ran.notebook["cells"][0]["outputs"][0]["data"]["text/plain"], ran.kernel

    before, start = version()
    assert (before, start["kernel_start"]) == ("'1'", "forked") or start["kernel_start"] == "pool"
    own.install("upgraded", "2")
    after, start = version()
    assert (after, start["kernel_start"]) == ("'2'", "ordinary")
    assert start["reason"] == "packages of the environment have just changed"
    house.wait_until_ready(zygotes.base, own.environment)
    again, start = version()
    assert again == "'2'"
    assert start["kernel_start"] in {"pool", "forked"}
    assert start["fingerprint"] == own.environment.fingerprint


def test_a_library_that_starts_a_thread_is_left_out_named_and_works(own, made, tmp_path):
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()"
    own.install("threaded", "1", thread)
    own.install("torch", "1")
    own.install("heavy", "1", "import torch")
    own.install("fails", "1", "1 / 0")
    own.install("fine", "1")
    zygotes = made(preload=["threaded", "heavy", "fails", "absent", "fine"])
    zygotes.want(own.environment)

    state = house.wait_until_ready(zygotes.base, own.environment)
    ran = house.run(zygotes.base, tmp_path / "work", "import threaded, fine; threaded.version", kernel="own")

    assert state["preloaded"] == ["fine"]
    assert state["left_out"] == {
        "threaded": "it starts a thread when it is imported",
        "heavy": "it imports torch",
        "fails": "importing it raised ZeroDivisionError",
    }
    assert ran.ending.state == "succeeded"
    assert ran.kernel["kernel_start"] in {"pool", "forked"}
    found = {one.kernel: one for one in examination.findings(Settings(home=tmp_path))}
    assert "threaded: it starts a thread" in found["own"].words
    assert "threaded" in str(found["own"].next_step)


def test_project_code_is_never_imported_beforehand(own, made, tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "mine.py").write_text("x = 1")
    (own.packages / "project.pth").write_text(str(tmp_path / "project"))
    zygotes = made(preload=["mine"])
    zygotes.want(own.environment)

    state = house.wait_until_ready(zygotes.base, own.environment)

    assert state["left_out"] == {"mine": "it is no installed package"}


def test_a_kernelspec_that_sets_what_python_reads_at_its_start_is_not_forked(base, tmp_path, monkeypatch):
    made = Venv(tmp_path / "venv")
    made.kernelspec(tmp_path / "share", env={"PYTHONHASHSEED": "0"})
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    place = base / made.environment.key
    place.mkdir()
    (place / "state.json").write_text("{}")

    ran = house.run(base, tmp_path / "work", "hash('x') != 0", kernel="own")

    assert ran.ending.state == "succeeded"
    assert ran.kernel["kernel_start"] == "ordinary"
    assert ran.kernel["reason"] == "PYTHONHASHSEED must be set before Python starts"


def test_a_kernel_of_another_language_starts_the_ordinary_way_and_says_so(base, tmp_path):
    ran = house.run(base, tmp_path / "work", "echo $((6 * 7))", kernel="bash")

    assert ran.ending.state == "succeeded"
    assert (ran.kernel["kernel_start"], ran.kernel["reason"]) == ("ordinary", "not Python")


def test_an_environment_without_a_zygote_is_asked_for_one(tmp_path):
    ran = house.run(tmp_path / "nothing", tmp_path / "work", "1")

    assert ran.ending.state == "succeeded"
    assert ran.kernel["reason"] == "no zygote of this environment is ready yet"
    assert ran.missing == [house.usual_environment()]


def test_kernels_outlive_their_zygote_and_another_one_takes_its_place(made, tmp_path):
    zygotes = made()
    zygotes.want(house.usual_environment())
    pid = house.wait_until_ready(zygotes.base)["pid"]
    go = tmp_path / "go"
    wait = f"import os, time\nopen({str(tmp_path / 'here')!r}, 'w').close()\n"
    wait += f"while not os.path.exists({str(go)!r}): time.sleep(0.01)\nprint('on')"
    ran = []
    thread = threading.Thread(target=lambda: ran.append(house.run(zygotes.base, tmp_path / "work", wait)))
    thread.start()
    until((tmp_path / "here").exists)

    os.kill(pid, signal.SIGKILL)
    state = zygotes.base / house.usual_environment().key / "state.json"
    until(lambda: state.is_file() and json.loads(state.read_text())["pid"] != pid, seconds=60)
    go.touch()
    thread.join()

    assert ran[0].ending.state == "succeeded"
    assert ran[0].kernel["kernel_start"] in {"pool", "forked"}
    assert house.run(zygotes.base, tmp_path / "next", "1").kernel["kernel_start"] in {"pool", "forked"}


def test_a_kernel_that_kills_its_guard_is_gone_with_all_that_it_started(base, tmp_path):
    escape = (
        "import os, signal, subprocess\n"
        "p = subprocess.Popen(['setsid', 'sleep', '600'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(p.pid))\n"
        f"assert os.getppid() != {os.getpid()}\n"
        "os.kill(os.getppid(), signal.SIGKILL)\nimport time; time.sleep(600)"
    )

    ran = house.run(base, tmp_path / "work", escape)

    assert ran.kernel["kernel_start"] in {"pool", "forked"}, ran.kernel
    assert (ran.ending.state, ran.ending.class_) == ("failed", "kernel_died")
    sleeper = int((tmp_path / "pid").read_text())
    until(lambda: not psutil.pid_exists(sleeper))


def test_a_ready_kernel_beyond_its_age_is_gone(made):
    zygotes = made(idle_seconds=0.5)
    zygotes.want(house.usual_environment())
    pid = house.wait_until_ready(zygotes.base)["pid"]
    until(lambda: guards(pid))
    first = guards(pid)

    until(lambda: not first & guards(pid))


def test_the_next_kernel_is_made_ready_when_the_run_that_took_one_has_started(made):
    zygotes = made()
    zygotes.want(house.usual_environment())
    pid = house.wait_until_ready(zygotes.base)["pid"]
    until(lambda: guards(pid))

    before = time.monotonic()
    with a_kernel(zygotes.base).link:
        while time.monotonic() < before + 0.15:
            seen = len(guards(pid))
            assert seen == 1 or time.monotonic() > before + 0.2
        until(lambda: len(guards(pid)) == 2)


def test_hundreds_of_kernels_leave_the_zygote_as_it_was(base):
    pid = house.wait_until_ready(base)["pid"]

    def taken():
        until(lambda: len(guards(pid)) <= 2)
        # Not what it shares with nobody: that is most of it as soon as no kernel stands ready.
        memory = psutil.Process(pid).memory_info().rss
        return memory, psutil.Process(pid).num_fds()

    for _ in range(20):
        a_kernel(base).link.close()
    memory, files = taken()
    for _ in range(200):
        a_kernel(base).link.close()
    later, files_later = taken()

    assert later < memory + 4 * 2**20
    assert files_later <= files + 4  # two kernels may be kept ready


def test_three_failures_switch_forking_off_for_a_while_and_say_why(made, tmp_path):
    broken = tmp_path / "bin" / "python"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho it is broken >&2\nexit 3\n")
    broken.chmod(0o700)
    environment = Environment(str(broken))
    zygotes = made(off_seconds=3.0)
    off = zygotes.base / environment.key / "off"

    zygotes.want(environment)

    until(off.is_file)
    assert "failed 3 times: it is broken" in off.read_text()
    until(lambda: not off.exists())


def test_an_environment_whose_ipykernel_does_not_work_is_not_forked(own, made):
    (own.packages / "ipykernel_launcher.py").write_text("raise RuntimeError('broken')")
    zygotes = made()

    zygotes.want(own.environment)

    off = zygotes.base / own.environment.key / "off"
    until(off.is_file, seconds=60)
    assert "no kernel can be initialised in a fork here" in off.read_text()


def test_kernels_that_fail_count_only_in_a_row(made):
    environment = house.usual_environment()
    zygotes = made(off_seconds=600.0)
    zygotes.want(environment)
    house.wait_until_ready(zygotes.base)
    off = zygotes.base / environment.key / "off"

    for _ in range(2):
        zygotes.gave_none(environment, "none came")
    zygotes.gave(environment)
    for _ in range(2):
        zygotes.gave_none(environment, "none came")
    assert not off.exists()
    zygotes.gave_none(environment, "none came")

    assert "none came" in off.read_text()


def test_the_death_of_a_zygote_is_one_failure_however_many_kernels_it_cost(made):
    environment = house.usual_environment()
    zygotes = made()
    zygotes.want(environment)
    pid = house.wait_until_ready(zygotes.base)["pid"]
    os.kill(pid, signal.SIGKILL)

    for _ in range(3):
        zygotes.gave_none(environment, "connection refused")

    assert not (zygotes.base / environment.key / "off").exists()
    assert house.wait_until_ready(zygotes.base)["pid"] != pid


def test_a_renewed_zygote_is_another_one_and_the_old_one_leaves_with_its_last_kernel(made):
    zygotes = made()
    zygotes.want(house.usual_environment())
    pid = house.wait_until_ready(zygotes.base)["pid"]
    kernel = a_kernel(zygotes.base)
    state = zygotes.base / house.usual_environment().key / "state.json"

    zygotes.ask_to_renew()

    until(lambda: state.is_file() and json.loads(state.read_text())["pid"] != pid, seconds=60)
    assert psutil.pid_exists(pid)
    assert psutil.pid_exists(kernel.guard)
    kernel.link.close()
    until(lambda: not psutil.pid_exists(pid))


def test_whoever_asks_a_zygote_that_leaves_hears_so_at_once(made):
    zygotes = made()
    environment = house.usual_environment()
    zygotes.want(environment)
    state = house.wait_until_ready(zygotes.base)
    kernel = a_kernel(zygotes.base)
    failed = []
    os.kill(state["pid"], signal.SIGTERM)

    def refused():
        with suppress(Exception):
            a_kernel(zygotes.base, failed=lambda *told: failed.append(told)).link.close()
        return failed

    began = time.monotonic()
    until(refused)
    assert time.monotonic() - began < 4.0
    assert failed[0][0] == environment
    kernel.link.close()


def test_nothing_is_left_of_zygotes_that_were_closed(made):
    zygotes = made()
    zygotes.want(house.usual_environment())
    pid = house.wait_until_ready(zygotes.base)["pid"]
    until(lambda: guards(pid))
    below = guards(pid)

    zygotes.close()

    assert not zygotes.base.exists()
    assert not [one for one in (pid, *below) if psutil.pid_exists(one)]


def test_the_folders_of_a_killed_worker_are_removed_by_its_successor(tmp_path):
    start = (
        "import os, pathlib, sys; from nightbook_executor.kernels.zygotes import Zygotes\n"
        "from nightbook_executor.processes import Processes\n"
        "print(Zygotes(Processes(), os.environ, pathlib.Path(sys.argv[1])).base, flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", start, tmp_path], capture_output=True, text=True)
    left = Path(killed.stdout.strip())
    assert left.is_dir()

    Zygotes(house.PROCESSES, os.environ, tmp_path).close()

    assert not left.exists()
