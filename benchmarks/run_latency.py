"""How long a trivial notebook takes through the whole platform, beside papermill's command line.

Each round runs all in shuffled order on this machine and takes their ratios; printed are the medians over
all rounds with their quartiles. Ours counts from the API call until the API says `succeeded`, on a worker
that has run once before. Absolute times depend on the machine; the ratios are what to compare.

papermill is measured twice: as it starts in this environment, and `lean`, as it starts where JupyterLab is
not installed beside it. JupyterLab brings rfc3987_syntax, which papermill then imports by way of jsonschema,
for more than a second; our worker never imports it. The ratio to the lean one is the fair one.

    python benchmarks/run_latency.py --rounds 15
"""

import argparse
import json
import os
import platform
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from nightbook.client import Client

NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    },
    "cells": [
        {
            "cell_type": "code",
            "id": "one",
            "metadata": {},
            "source": "print(1)",
            "outputs": [],
            "execution_count": None,
        }
    ],
}
AS_INSTALLED = ["-m", "papermill"]
LEAN = [
    "-c",
    "import sys; sys.modules['rfc3987_syntax'] = None; from papermill.cli import papermill; papermill()",
]


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="nb-bench-") as name, _platform(Path(name)) as client:
        folder = Path(name)
        source = folder / "trivial.ipynb"
        source.write_text(json.dumps(NOTEBOOK))
        client.notebooks.upload(source, path="trivial.ipynb")
        variants: dict[str, Callable[[], None]] = {
            "papermill": lambda: _papermill(AS_INSTALLED, source, folder / "out.ipynb"),
            "papermill_lean": lambda: _papermill(LEAN, source, folder / "out.ipynb"),
            "nightbook": lambda: _nightbook(client),
        }
        for warm_up in variants.values():
            warm_up()
        rounds = [_round(variants) for _ in range(options.rounds)]
    _report(rounds, as_json=options.json)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--rounds", type=_positive, default=15, help="how often each variant runs (default 15)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document for the record")
    return parser.parse_args()


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number of at least 1")
    return int(text)


@contextmanager
def _platform(folder: Path) -> Iterator[Client]:
    """All of it as `nightbook up --no-lab` starts it, on a port of its own."""
    log = folder / "up.log"
    home = folder / "home"
    command = [sys.executable, "-m", "nightbook", "up", "--no-lab", "--home", str(home), "--port", "0"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("NIGHTBOOK_")}
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, env=environment)
    try:
        url = _url(process, log)
        with Client(url, (home / "token").read_text().strip()) as client:
            yield client
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def _url(process: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"(http://\S+)/#login=", log.read_text(errors="replace")):
            return found[1]
        time.sleep(0.1)
    raise SystemExit(f"nightbook up did not come up:\n{log.read_text(errors='replace')}")


def _papermill(start: list[str], source: Path, target: Path) -> None:
    command = [sys.executable, *start, str(source), str(target), "--no-progress-bar"]
    subprocess.run(command, check=True, capture_output=True, cwd=source.parent)


def _nightbook(client: Client) -> None:
    run_id = client.runs.create("trivial.ipynb").id
    while (run := client.runs.show(run_id)).state in {"queued", "running"}:
        time.sleep(0.005)
    if run.state != "succeeded":
        raise SystemExit(f"the run {run.state}: {run.reason}")


def _round(variants: dict[str, Callable[[], None]]) -> dict[str, float]:
    names = list(variants)
    random.shuffle(names)
    taken = {}
    for name in names:
        begun = time.monotonic()
        variants[name]()
        taken[name] = time.monotonic() - begun
    return taken


def _report(rounds: list[dict[str, float]], *, as_json: bool) -> None:
    names = ("papermill", "papermill_lean", "nightbook")
    measured = {f"{name}_seconds": _quartiles([one[name] for one in rounds]) for name in names}
    for peer in names[:-1]:
        measured[f"ratio_to_{peer}"] = _quartiles([one["nightbook"] / one[peer] for one in rounds])
    figures = {
        "rounds": len(rounds),
        **measured,
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "cores": os.cpu_count(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("nightbook", "papermill", "ipykernel", "nbclient")},
        },
    }
    if as_json:
        print(json.dumps({"schema_version": 1, **figures}))
        return
    print("lower quartile, median, upper quartile")
    for name, quartiles in measured.items():
        print(f"{name:<24}", *(f"{value:>8.3f}" for value in quartiles))
    print(f"rounds {figures['rounds']}, load {figures['load_average']}, cores {figures['cores']}")
    print(figures["versions"])


def _quartiles(values: list[float]) -> list[float]:
    if len(values) < 2:
        return [round(values[0], 4)] * 3
    return [round(value, 4) for value in statistics.quantiles(values, n=4)]


if __name__ == "__main__":
    sys.exit(main())
