"""Runs all tests, stage by stage, and stops at the first stage that fails.

Some stages need a process of their own (their event loops collide), some a service or a browser. What a
person's machine lacks is skipped with a reason; in CI (`CI=true`) a missing service is a failure. Stages that
mostly wait run beside each other, their words one after the other. The last line counts the tests of all.
"""

# ruff: noqa: T201, S314 -- it speaks on the terminal, and reads only reports that our own tests wrote

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / ".stamps" / "reports"
OWN_LINUX = "tests/executor/cgroup"
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}
OWN_PROCESS = ["end_to_end", "extension", "ui", "chaos", "executor/cgroup"]


@dataclass(frozen=True)
class Stage:
    """One process of tests; `needs` says what is missing for it, or nothing."""

    name: str
    title: str
    command: list[str]
    folder: Path = ROOT
    needs: Callable[[], str | None] = field(default=lambda: None)
    may_lack: bool = False  # in CI too
    beside: str | None = None  # the stage before it, which it runs beside

    @property
    def report(self) -> Path:
        return REPORTS / f"{self.name}.{'json' if self.name == 'jest' else 'xml'}"


def pytest(
    name: str,
    title: str,
    *arguments: str,
    needs: Callable[[], str | None] = lambda: None,
    beside: str | None = None,
) -> Stage:
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={REPORTS / name}.xml", *arguments]
    return Stage(name, title, command, needs=needs, beside=beside)


def services(*names: str) -> Callable[[], str | None]:
    """Say which of the services does not answer on this machine."""
    ports = {"PostgreSQL": 5432, "Redis": 6379, "RabbitMQ": 5672}

    def missing() -> str | None:
        away = [name for name in names if not answers(ports[name])]
        return f"{' and '.join(away)} not reachable on 127.0.0.1" if away else None

    return missing


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def chromium() -> str | None:
    """Say when there is no Chromium: $CHROMIUM, else the one of the system."""
    named = os.environ.get("CHROMIUM")
    if named:
        return None if shutil.which(named) else f"$CHROMIUM names {named}, which cannot be run"
    found = Path("/usr/bin/chromium").exists()
    return None if found else "no /usr/bin/chromium; install it or set CHROMIUM"


def own_linux() -> str | None:
    """Say when no Linux can be booted as a program here."""
    if shutil.which("linux.uml") is None:
        return "no program linux.uml; install user-mode-linux"
    try:
        booted = subprocess.run(
            [sys.executable, "tools/run_on_own_linux.py", "--boot"], cwd=ROOT, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        return "linux.uml does not boot here"
    return "linux.uml does not boot here" if booted.returncode else None


STAGES = [
    pytest(
        "suite",
        "all but the stages below, on SQLite",
        "tests",
        "-n",
        "2",
        *(f"--ignore=tests/{name}" for name in OWN_PROCESS),
    ),
    Stage(
        "versions",
        "the engine on the lowest and the highest versions of its libraries",
        [sys.executable, "tools/run_on_versions.py", f"--junitxml={REPORTS / 'versions.xml'}"],
    ),
    Stage(
        "linux",
        "limits kept by cgroups, on a Linux of their own",
        [sys.executable, "tools/run_on_own_linux.py", "-q", f"--junitxml={REPORTS / 'linux.xml'}", OWN_LINUX],
        needs=own_linux,
        may_lack=True,  # not every machine can
    ),
    pytest(
        "embedded",
        "end to end: SQLite, embedded Valkey",
        "tests/end_to_end",
        "--stack=embedded",
        beside="linux",
    ),
    pytest("extension", "the extension of jupyter-server", "tests/extension"),
    Stage(
        "jest",
        "the views and their model",
        ["jlpm", "test", "--json", f"--outputFile={REPORTS / 'jest.json'}"],
        folder=ROOT / "extension",
    ),
    pytest(
        "redis",
        "end to end: PostgreSQL, Redis",
        "tests/end_to_end",
        "--stack=postgres-redis",
        needs=services("PostgreSQL", "Redis"),
    ),
    pytest(
        "rabbitmq",
        "end to end: PostgreSQL, RabbitMQ",
        "tests/end_to_end",
        "--stack=postgres-rabbitmq",
        needs=services("PostgreSQL", "RabbitMQ"),
        beside="redis",
    ),
    pytest(
        "chaos",
        "faults on purpose: killed, stopped, cut off, wiped",
        "tests/chaos",
        "-n",
        "2",
        "--dist=loadfile",
        needs=services("PostgreSQL"),
    ),
    pytest("ui", "JupyterLab and the web page in a browser", "tests/ui", needs=chromium),
]


@dataclass
class Count:
    """How many tests passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: "Count") -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped


def count(report: Path) -> Count:
    """Read the report that a stage left; a stage that left none ran no test."""
    if not report.exists():
        return Count()
    if report.suffix == ".json":
        seen = json.loads(report.read_text(encoding="utf-8"))
        return Count(seen["numPassedTests"], seen["numFailedTests"], seen["numPendingTests"])
    total = Count()
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        tests, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        total.add(Count(tests - skipped - failed, failed, skipped))
    return total


def run(stage: Stage, *, alone: bool) -> int:
    """Run one stage, and return its exit code. It is shown as it speaks if it is *alone*, else at its end."""
    missing = stage.needs()
    head = f"▸ {stage.name}: {stage.title}"
    if missing and (stage.may_lack or not IN_CI):
        print(f"{head}\n  skipped: {missing}\n", flush=True)
        return 0
    if missing:
        print(f"{head}\n✗ {missing}, and in CI no stage may be skipped", flush=True)
        return 1
    stage.report.unlink(missing_ok=True)
    started = time.monotonic()
    said = ""
    if alone:
        print(head, flush=True)
        code = subprocess.call(stage.command, cwd=stage.folder)
    else:
        done = subprocess.run(
            stage.command,
            cwd=stage.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        code, said = done.returncode, f"{head}\n{done.stdout}"
    if code == 0 and count(stage.report).passed == 0:
        said += f"✗ {stage.name}: no test ran\n"
        code = 1
    print(f"{said}  {stage.name}: {time.monotonic() - started:.0f} s\n", flush=True)
    return code


def groups(stages: list[Stage]) -> list[list[Stage]]:
    """The stages in their order; those that run beside each other together."""
    found: list[list[Stage]] = []
    for stage in stages:
        if found and stage.beside in {other.name for other in found[-1]}:
            found[-1].append(stage)
        else:
            found.append([stage])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", nargs="*", help=f"only these: {', '.join(s.name for s in STAGES)}")
    chosen = parser.parse_args().stage
    unknown = sorted(set(chosen) - {stage.name for stage in STAGES})
    if unknown:
        parser.error(f"no such stage: {', '.join(unknown)}")

    REPORTS.mkdir(parents=True, exist_ok=True)
    total = Count()
    failed: list[str] = []
    for group in groups([stage for stage in STAGES if not chosen or stage.name in chosen]):
        with ThreadPoolExecutor(len(group)) as pool:
            codes = pool.map(partial(run, alone=len(group) == 1), group)
            failed = [stage.name for stage, code in zip(group, codes, strict=True) if code]
        for stage in group:
            total.add(count(stage.report))
        if failed:
            break
    for name in failed:
        print(f"✗ stopped at the stage {name}; to run it alone: make test TESTS={name}")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
