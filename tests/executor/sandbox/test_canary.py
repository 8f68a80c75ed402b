"""A notebook that tries what it should not, run at each level, and held against the manual."""

import contextlib
import json
import re
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from fake_server import tagged, until

ROOT = Path(__file__).resolve().parents[3]
CANARY = Path(__file__).with_name("canary.py").read_text(encoding="utf-8")
OUTLIVE = "outlive its run in a session of its own"
METADATA = "reach the metadata of a cloud"
WRITE = "write a file outside of its folder"

NEIGHBOUR = """
import pathlib, time
pathlib.Path("mine.txt").write_text("the neighbour's")
print("begun", flush=True)
time.sleep(300)
"""


def documented() -> dict[str, dict[str, bool]]:
    """The manual's table: by level, what a notebook can do."""
    page = (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")
    table = page.split("| a notebook tries to |")[1].split("\n\n")[0].splitlines()
    levels = re.findall(r"`(\w+)`", table[0])
    told: dict[str, dict[str, bool]] = {level: {} for level in levels}
    for line in table[2:]:
        to, *answers = [cell.strip() for cell in line.strip("|").split("|")]
        for level, answer in zip(levels, answers, strict=True):
            told[level][to] = {"can": True, "no": False}[answer]
    return told


@dataclass
class Cage:
    """A worker at one level, a neighbour's run in it, and what the canary is told of the machine."""

    server: Any
    worker: Any
    targets: dict[str, Any]

    def findings(self) -> dict[str, bool]:
        """Run the canary to its end and see what it could do."""
        imports, parameters, *cells = re.split(r"^# %%.*\n", CANARY, flags=re.MULTILINE)
        sources = (imports, tagged(parameters, "parameters"), *cells)
        run = self.server.queue_run(*sources, parameters=self.targets)
        self.server.wait_for(run, 60)
        assert run.finish.state == "succeeded", run.finish.reason
        found = json.loads(run.artifacts["outputs/findings.json"])
        until(lambda: not sleeping(self.targets["seconds"]), 5)
        seen_from_outside = {OUTLIVE: False, WRITE: Path(self.targets["outside"]).exists()}
        return {**{to: each["can"] for to, each in found.items()}, **seen_from_outside}


def sleeping(seconds: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if seconds in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


@pytest.fixture
def listeners() -> Iterator[dict[str, Any]]:
    abstract = f"nightbook-canary-{secrets.token_hex(8)}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(f"\0{abstract}")
        local.listen()
        yield {"port": server.getsockname()[1], "abstract": abstract}


@pytest.fixture
def cage(own_server, start_worker, tmp_path, listeners):
    """Open a cage of a level. The worker is an ordinary user, whoever runs the tests.

    But in bubblewrap it may be root: the kernel maps root's uid for root alone, and what a sandbox denies
    it must deny there too.
    """

    def opened(level: str, **settings: Any) -> Cage:
        home = tmp_path / "home"
        home.mkdir()
        (home / "token").write_text("nb_wrk_in-a-file")
        person = tmp_path / "person"
        person.mkdir()
        environment, ordinary = {"HOME": str(person)}, level != "bubblewrap"
        worker = start_worker(sandbox=level, ordinary=ordinary, environment=environment, **settings)
        neighbour = own_server.queue_run(NEIGHBOUR)
        own_server.wait(lambda: "begun" in neighbour.printed)
        targets = {
            "attempts": str(home / "worker-w" / "attempts"),
            "token_file": str(home / "token"),
            "home": str(person),
            "outside": str(tmp_path / "outside.txt"),
            "worker": worker.pid,
            "seconds": f"3{secrets.randbelow(10**9):09d}",
            **listeners,
        }
        return Cage(own_server, worker, targets)

    return opened


@pytest.mark.parametrize("level", ["none", "process", "container"])
def test_what_a_notebook_can_do_without_namespaces_is_what_the_manual_says(cage, level):
    found = cage(level).findings()

    assert found == documented()["process" if level == "container" else level]


def test_bubblewrap_denies_all_that_the_manual_says(needs_bubblewrap, cage):
    found = cage("bubblewrap").findings()

    assert found.pop(METADATA) is False
    assert found == documented()["bubblewrap"]
    assert not any(found.values())


def test_an_open_network_opens_nothing_else(needs_bubblewrap, cage):
    found = cage("bubblewrap", network="open").findings()

    assert {to for to, can in found.items() if can} == {
        "reach a server on this machine",
        "reach a socket of another program",
    }
