"""Guards of real processes: what they report, what they kill, and that nothing is left."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import processes_of
from fake_server import until

from nightbook_executor import guard, sandbox

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="guards need Linux")

SLEEP = "import time; time.sleep(300)"
#: A plain child, one with its own group, one with its own session, a daemon, and one under nohup.
FIVE = """
import os, subprocess
nap = ["sleep", "300"]
subprocess.Popen(nap)
subprocess.Popen(nap, process_group=0)
subprocess.Popen(nap, start_new_session=True)
subprocess.run(["sh", "-c", "(setsid sleep 300 &) &"])
subprocess.Popen(["nohup", *nap], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
"""
SAY = "open('said', 'w').close()\n"
LIB = "import sys; sys.path.insert(0, {folder!r}); import importlib.util as u\n"


class Guarded:
    """A program under a guard, and our end of its link."""

    def __init__(self, folder: Path, code: str, *, lifeline: int | None = None, **limits: Any) -> None:
        self.mark = str(uuid.uuid4())
        self.link, theirs = socket.socketpair()
        self.link.settimeout(20)
        self._lines = self.link.makefile("rb")
        lead = [sys.executable, "-I", "-S", guard.__file__, str(theirs.fileno()), json.dumps(limits)]
        fds = [theirs.fileno()] if lifeline is None else [theirs.fileno(), lifeline]
        with theirs, (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*lead, *([str(lifeline)] if lifeline is not None else []), "--", sys.executable, "-c", code],
                pass_fds=fds,
                cwd=folder,
                stdout=log,
                stderr=log,
                env={**os.environ, sandbox.MARK: self.mark},
            )
        self.started = self.receive()
        assert self.started["k"] == "started"
        assert self.started["guard"] == self.process.pid

    def receive(self) -> dict[str, Any]:
        line = self._lines.readline()
        assert line, "the link ended without a word"
        return json.loads(line)

    def send(self, kind: str, **fields: Any) -> None:
        self.link.sendall(json.dumps({"k": kind, **fields}).encode() + b"\n")

    def ended(self) -> dict[str, Any]:
        """The guard's last word; nothing of it all is left after that."""
        answer = self.receive()
        assert answer["k"] == "ended"
        assert answer["unkilled"] == 0
        assert self._lines.readline() == b""
        self.process.wait(5)
        assert not processes_of(self.mark)
        return answer

    def close(self) -> None:
        self._lines.close()
        self.link.close()
        self.process.wait(10)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Start guarded programs of one test, each in the test's folder."""
    started: list[Guarded] = []

    def one(code: str, **options: Any) -> Guarded:
        started.append(Guarded(tmp_path, code, **options))
        return started[-1]

    yield one
    for guarded in started:
        guarded.close()


@pytest.fixture
def said(tmp_path: Path) -> Any:
    """Wait until the program has come to its `SAY`."""
    return lambda: until(lambda: (tmp_path / "said").exists(), 20)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("pass", 0),
        ("raise SystemExit(3)", 3),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
)
def test_an_end_is_told_with_its_status(start, code, status):
    answer = start(code).ended()

    assert (answer["code"], answer["why"], answer["memory_hit_bytes"]) == (status, None, None)


def test_usage_counts_every_process_below(start):
    busy = "import time\nwhile time.process_time() < 0.4: pass"
    eat = "held = b'x' * 150_000_000\n"
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {eat + busy!r}])\n{busy}"

    answer = start(code).ended()

    assert 0.75 < answer["cpu_seconds"] < 2.0
    assert 150e6 < answer["peak_memory_bytes"] < 250e6


# ---------------------------------------------------------------- whatever it started


@pytest.mark.parametrize(
    "ending",
    [
        "pass",
        "raise SystemExit(1)",
        "os.kill(os.getpid(), 9)",
        "os.kill(os.getpid(), 11)",
        "os._exit(0)",
    ],
)
def test_five_kinds_of_children_are_gone_with_the_process(start, ending):
    began = time.monotonic()

    guarded = start(f"{FIVE}\n{ending}")
    guarded.ended()  # checks that nothing is left

    assert time.monotonic() - began < 5


@pytest.mark.parametrize("kind", ["kill", "link", "lifeline", "silence", "deadline", "memory"])
def test_five_kinds_of_children_are_gone_whatever_ends_them(start, said, kind):
    read, write = os.pipe()
    limits = {
        "silence": {"silence_seconds": 1.5},
        "deadline": {"seconds": 1.5},
        "memory": {"memory_bytes": 200_000_000},
    }
    eat = "held = b'x' * 300_000_000\n" if kind == "memory" else ""
    guarded = start(FIVE + SAY + eat + SLEEP, lifeline=read, **limits.get(kind, {}))
    said()
    os.close(read)

    if kind == "kill":
        guarded.send("kill")
    elif kind == "link":
        guarded.link.shutdown(socket.SHUT_WR)
    elif kind == "lifeline":
        os.close(write)
    answer = guarded.ended()

    assert (answer["why"], answer["code"]) == (kind, -signal.SIGKILL)


def test_the_end_of_the_link_kills_everything_at_once(start, said):
    guarded = start(FIVE + SAY + SLEEP)
    said()

    began = time.monotonic()
    guarded.link.close()
    guarded._lines.close()
    guarded.process.wait(5)

    assert not processes_of(guarded.mark)
    assert time.monotonic() - began < 3.0


def test_processes_that_multiply_are_all_killed(start, said):
    fork = "import os, time\nfor _ in range(7): os.fork()\n"
    guarded = start(f"{fork}open('said', 'w').close()\ntime.sleep(300)")
    said()

    guarded.send("kill")

    guarded.ended()


# ---------------------------------------------------------------- memory


def test_memory_over_the_limit_is_killed_and_tells_how_much_it_was(start):
    eat = "held = []\nwhile True: held.append(b'x' * 10_000_000)"

    answer = start(eat, memory_bytes=300_000_000).ended()

    assert (answer["code"], answer["why"]) == (-signal.SIGKILL, "memory")
    assert answer["memory_limit_bytes"] == 300_000_000
    assert answer["memory_hit_bytes"] > 300_000_000
    assert answer["peak_memory_bytes"] >= answer["memory_hit_bytes"]


def test_memory_of_all_processes_counts_together(start):
    eat = "held = b'x' * 100_000_000; import time; time.sleep(300)"
    four = f"import subprocess, sys\nfor _ in range(3): subprocess.Popen([sys.executable, '-c', {eat!r}])\n"

    answer = start(four + eat, memory_bytes=300_000_000).ended()

    assert (answer["why"], answer["code"]) == ("memory", -signal.SIGKILL)
    assert answer["peak_memory_bytes"] > 300_000_000


def test_memory_that_forks_share_counts_once(start):
    nap = "    if not pid: time.sleep(3); os._exit(0)\n    pids.append(pid)\n"
    share = (
        "import os, time\nheld = b'x' * 100_000_000\npids = []\n"
        f"for _ in range(4):\n    pid = os.fork()\n{nap}for pid in pids: os.waitpid(pid, 0)"
    )

    answer = start(share, memory_bytes=250_000_000).ended()

    assert (answer["code"], answer["why"], answer["memory_hit_bytes"]) == (0, None, None)


# ---------------------------------------------------------------- what it is told


def test_a_signal_reaches_the_whole_group_and_an_interrupt_is_one(start, said):
    code = (
        "import subprocess, time\nnap = subprocess.Popen(['sleep', '300'])\n"
        f"try:\n    {SAY}    time.sleep(300)\nexcept KeyboardInterrupt:\n    raise SystemExit(-nap.wait(5))"
    )
    guarded = start(code)
    said()

    guarded.send("signal", number=signal.SIGINT)

    assert guarded.ended()["code"] == signal.SIGINT


def test_a_termination_reaches_every_descendant(start, said, tmp_path):
    catch = (
        "import signal, sys, time; signal.signal(15, lambda *_: (open('caught', 'w').close(), sys.exit(5)))\n"
    )
    inner = catch + SAY + "time.sleep(300)"
    outer = (
        "import subprocess, sys\n"
        f"sys.exit(subprocess.Popen([sys.executable, '-c', {inner!r}], start_new_session=True).wait())"
    )
    guarded = start(f"import signal; signal.signal(15, signal.SIG_IGN)\n{outer}")
    said()

    guarded.send("terminate")

    assert guarded.ended()["code"] == 5
    assert (tmp_path / "caught").exists()


def test_signs_of_life_hold_the_silence_off_by_link_and_by_lifeline(start, tmp_path):
    read, write = os.pipe()
    until_told = "import os, time\nwhile not os.path.exists('told'): time.sleep(0.05)"
    guarded = start(until_told, lifeline=read, silence_seconds=2.0)

    for count in range(12):
        time.sleep(0.3)  # the rhythm of the one who speaks
        if count % 2:
            os.write(write, b".")
        else:
            guarded.send("alive")

    (tmp_path / "told").touch()
    assert guarded.ended()["why"] is None
    os.close(read)
    os.close(write)


def test_signals_that_are_meant_for_others_do_not_end_a_guard(start, said):
    guarded = start(SAY + "import time; time.sleep(1); raise SystemExit(4)")
    said()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        guarded.process.send_signal(number)

    assert guarded.ended()["code"] == 4


def test_what_is_no_message_ends_it(start):
    guarded = start(SLEEP)

    guarded.link.sendall(b"no message\n")

    assert guarded.ended()["why"] == "link"


def test_a_killed_guard_takes_the_process_with_it(start, said):
    guarded = start(SAY + SLEEP)
    said()

    guarded.process.kill()

    until(lambda: not processes_of(guarded.mark), 2)


def test_a_program_starts_with_no_signal_blocked_or_ignored(tmp_path):
    ours, theirs = socket.socketpair()
    program = ["cp", "/proc/self/status", str(tmp_path / "seen")]
    with ours, theirs:
        argv = [sys.executable, "-I", "-S", guard.__file__, str(theirs.fileno()), "{}", "--", *program]
        subprocess.run(argv, pass_fds=[theirs.fileno()], check=True, timeout=20)

    seen = dict(line.split(":\t", 1) for line in (tmp_path / "seen").read_text().splitlines())
    # glibc keeps 32 and 33 for its threads and lets nobody set them: they stay as inherited.
    ours_to_set = sum(1 << number - 1 for number in signal.valid_signals())
    assert [int(seen[name], 16) & ours_to_set for name in ("SigBlk", "SigIgn")] == [0, 0]


# ---------------------------------------------------------------- in a fork


_IN_A_FORK = """
import importlib.util, os, socket, sys
spec = importlib.util.spec_from_file_location("guard", sys.argv[1])
guard = importlib.util.module_from_spec(spec)
spec.loader.exec_module(guard)
ours, theirs = socket.socketpair()
held = os.open("/dev/null", os.O_RDONLY)
def start():
    fds = sorted(int(n) for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}"))
    print(os.getsid(0) == os.getpgid(0) == os.getpid(), held in fds, theirs.fileno() in fds, flush=True)
    print(guard.show_mark("NB_ATTEMPT", "b" * 36), guard.show_mark("NB_ATTEMPT", "b"), flush=True)
    print("b" * 36 in open("/proc/self/environ").read(), flush=True)
    raise ValueError("what it raises is printed")
if os.fork() == 0:
    ours.close()
    guard.guard(start, theirs)
theirs.close()
while piece := ours.recv(9999):
    print(piece.decode(), end="", flush=True)
"""


def test_a_function_is_guarded_by_a_guard_that_was_loaded_by_its_path():
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _IN_A_FORK, guard.__file__],
        capture_output=True,
        text=True,
        timeout=20,
        env={sandbox.MARK: "a" * 36},
    )

    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [one["k"] for one in told] == ["started", "ended"]
    assert told[-1]["code"] == 70
    seen = [line for line in done.stdout.splitlines() if not line.startswith("{")]
    assert seen == ["True True False", "True False", "True"]
    assert "ValueError: what it raises is printed" in done.stderr


# ---------------------------------------------------------------- a delegated cgroup


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """The empty cgroup (v2) of an attempt."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    roots = [Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"]
    folder = roots[0] / f"nightbook-{uuid.uuid4().hex[:8]}" if roots else None
    try:
        assert folder is not None
        for part in (folder, folder / "child", folder / "kernel"):
            part.mkdir()
        (folder / "cgroup.kill").stat()
    except (AssertionError, OSError):
        pytest.skip("no cgroup v2 that we may write")
    yield folder
    for part in (folder / "child", folder / "kernel", folder):
        if part.exists():
            part.rmdir()


def test_a_cgroup_is_entered_killed_and_removed(start, said, cgroup):
    look = "open('where', 'w').write(open('/proc/self/cgroup').read())\n"
    guarded = start(look + FIVE + SAY + SLEEP, cgroup=str(cgroup), memory_bytes=10**12)
    said()
    assert len((cgroup / "child" / "cgroup.procs").read_text().split()) >= 6

    guarded.send("kill")
    guarded.ended()

    assert not cgroup.exists()


def test_a_cgroup_without_the_memory_controller_leaves_memory_to_the_samples(start, cgroup):
    if (cgroup / "memory.max").exists():
        pytest.skip("this cgroup limits memory by itself")
    eat = "held = []\nwhile True: held.append(b'x' * 10_000_000)"

    assert start(eat, memory_bytes=300_000_000, cgroup=str(cgroup)).ended()["why"] == "memory"
