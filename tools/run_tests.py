"""Runs all tests, stage by stage, and stops at the first stage that fails.

Some stages need a process of their own (their event loops collide), some a service or a browser. What a
person's machine lacks is skipped with a reason; in CI (`CI=true`) a missing service is a failure. The
last line counts the tests of all stages.
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
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / ".stamps" / "reports"
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}
OWN_PROCESS = ["chaos", "end_to_end", "extension", "ui"]


@dataclass(frozen=True)
class Stage:
    """One process of tests; `needs` says what is missing for it, or nothing."""

    name: str
    title: str
    command: list[str]
    folder: Path = ROOT
    needs: Callable[[], str | None] = field(default=lambda: None)

    @property
    def report(self) -> Path:
        return REPORTS / f"{self.name}.{'json' if self.name == 'jest' else 'xml'}"


def pytest(name: str, title: str, *arguments: str, needs: Callable[[], str | None] = lambda: None) -> Stage:
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={REPORTS / name}.xml", *arguments]
    return Stage(name, title, command, needs=needs)


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


STAGES = [
    pytest(
        "suite",
        "all but the stages below, on SQLite",
        "tests",
        "-n",
        "2",
        *(f"--ignore=tests/{name}" for name in OWN_PROCESS),
    ),
    pytest("extension", "the extension of jupyter-server", "tests/extension"),
    Stage(
        "jest",
        "the views and their model",
        ["jlpm", "test", "--json", f"--outputFile={REPORTS / 'jest.json'}"],
        folder=ROOT / "extension",
    ),
    pytest("embedded", "end to end: SQLite, embedded Valkey", "tests/end_to_end", "--stack=embedded"),
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


def run(stage: Stage) -> int:
    """Run one stage with its words on the terminal. Return its exit code."""
    stage.report.unlink(missing_ok=True)
    started = time.monotonic()
    code = subprocess.call(stage.command, cwd=stage.folder)
    if code == 0 and count(stage.report).passed == 0:
        print(f"✗ {stage.name}: no test ran")
        code = 1
    print(f"  {stage.name}: {time.monotonic() - started:.0f} s\n", flush=True)
    return code


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", nargs="*", help=f"only these: {', '.join(s.name for s in STAGES)}")
    chosen = parser.parse_args().stage
    unknown = sorted(set(chosen) - {stage.name for stage in STAGES})
    if unknown:
        parser.error(f"no such stage: {', '.join(unknown)}")

    REPORTS.mkdir(parents=True, exist_ok=True)
    total = Count()
    failed: str | None = None
    for stage in STAGES:
        if chosen and stage.name not in chosen:
            continue
        missing = stage.needs()
        print(f"▸ {stage.name}: {stage.title}", flush=True)
        if missing and not IN_CI:
            print(f"  skipped: {missing}\n", flush=True)
            continue
        if missing:
            print(f"✗ {missing}, and in CI no stage may be skipped", flush=True)
        code = 1 if missing else run(stage)
        total.add(count(stage.report))
        if code:
            failed = stage.name
            break
    if failed:
        print(f"✗ stopped at the stage {failed}; to run it alone: make test TESTS={failed}")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
