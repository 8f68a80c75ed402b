"""House: the whole platform as `nightbook up` starts it, and what its processes use."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nightbook.client import Client

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class House:
    """A running platform."""

    client: Client
    supervisor: int

    def processes(self) -> list[int]:
        """All of them: server, beat, broker, worker, and whatever these have started."""
        return [self.supervisor, *descendants(self.supervisor)]

    def worker(self) -> int:
        """The worker's process id."""
        for pid in descendants(self.supervisor):
            if words(pid)[-2:] == ["nightbook", "worker"]:
                return pid
        raise SystemExit("there is no worker")

    def cpu_seconds(self) -> float:
        """CPU time of all processes, those that have ended included."""
        return sum(_cpu(pid) for pid in self.processes())

    def written_bytes(self) -> int:
        """Bytes handed to storage by all processes, those that have ended included."""
        return sum(_written(pid) for pid in self.processes())


@contextmanager
def opened(folder: Path, *, slots: int, level: str) -> Iterator[House]:
    """`nightbook up --no-lab` over a new home below *folder*, on a port of its own."""
    log, home = folder / "up.log", folder / "home"
    command = [sys.executable, "-m", "nightbook", "up", "--no-lab", "--home", str(home), "--port", "0"]
    plain = {key: value for key, value in os.environ.items() if not key.startswith("NIGHTBOOK_")}
    environment = {**plain, "NIGHTBOOK_SLOTS": str(slots), "NIGHTBOOK_SANDBOX": level}
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, env=environment)
    try:
        url = _url(process, log)
        with Client(url, (home / "token").read_text().strip()) as client:
            yield House(client, process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def _url(process: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"(http://\S+)/#login=", log.read_text(errors="replace")):
            return found[1]
        time.sleep(0.05)
    raise SystemExit(f"nightbook up did not come up:\n{log.read_text(errors='replace')}")


# ---------------------------------------------------------------- one process


def descendants(pid: int) -> list[int]:
    found = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    except OSError:
        return found  # it has ended
    return found


def words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def unique_bytes(pid: int) -> int:
    """Memory that no other process shares."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.findall(r"^Private_(?:Clean|Dirty):\s+(\d+) kB", text, re.MULTILINE)
    return sum(int(kilobytes) for kilobytes in found) * 1024


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(fields[at]) for at in range(11, 15)) / _TICKS


def _written(pid: int) -> int:
    try:
        found = re.search(r"^write_bytes: (\d+)", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0
