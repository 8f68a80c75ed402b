"""Variants: the same notebook, run by papermill in two ways and by the platform."""

import hashlib
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine_parts.house import House

#: As it is where papermill and ipykernel alone are installed. JupyterLab brings rfc3987_syntax, which
#: papermill then imports by way of jsonschema, and whatever storage library is found is imported too.
LEAN = (
    "import sys\n"
    "for absent in ('rfc3987_syntax', 'pyarrow', 'gcsfs', 'boto3', 'azure', 'github'):\n"
    "    sys.modules[absent] = None\n"
    "from papermill.cli import papermill\n"
    "papermill()"
)
_IN_PROCESS = (
    "import sys, papermill\n"
    "for line in sys.stdin:\n"
    "    papermill.execute_notebook(*line.split(), progress_bar=False)\n"
    "    print('done', flush=True)\n"
)


def command_line(source: Path, target: Path, *, lean: bool) -> list[str]:
    start = ["-c", LEAN] if lean else ["-m", "papermill"]
    return [sys.executable, *start, str(source), str(target), "--no-progress-bar"]


def run_command_line(source: Path, target: Path, *, lean: bool) -> float:
    """Run papermill's command line. Return the CPU seconds of it and its kernel."""
    before = _children_cpu()
    subprocess.run(
        command_line(source, target, lean=lean), check=True, capture_output=True, cwd=source.parent
    )
    return _children_cpu() - before


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def in_process() -> Iterator[Callable[[Path, Path], None]]:
    """A process that has papermill imported and runs what it is told with `execute_notebook`."""
    with subprocess.Popen(
        [sys.executable, "-c", _IN_PROCESS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    ) as process:
        assert process.stdin is not None and process.stdout is not None

        def execute(source: Path, target: Path) -> None:
            process.stdin.write(f"{source} {target}\n")
            process.stdin.flush()
            while (line := process.stdout.readline()) != "done\n":
                if not line:
                    raise SystemExit("papermill in process ended")

        try:
            yield execute
        finally:
            process.stdin.close()


def run_ours(house: House, path: str) -> tuple[str, bytes]:
    """From the API call until a client holds a copy whose hash it has checked. Return run and copy."""
    run = house.client.runs.create(path)
    ended = house.client.runs.wait(run.id, timeout=600)
    if ended.state != "succeeded":
        raise SystemExit(f"the run {ended.state}: {ended.reason}")
    return str(run.id), checked_copy(house, str(run.id))


def checked_copy(house: House, run_id: str) -> bytes:
    """The executed copy, once its bytes are those that the manifest names."""
    copy = house.client.runs.read(run_id, "notebook.ipynb")
    manifest = json.loads(house.client.runs.read(run_id, "manifest.json"))
    named = {one["name"]: one["sha256"] for one in manifest["outputs"]}
    if hashlib.sha256(copy).hexdigest() != named["notebook.ipynb"]:
        raise SystemExit("the copy is not the one that its manifest names")
    return copy


def kernel_start(house: House, run_id: str) -> str:
    """How the kernel of a run was started: `pool`, `forked`, `ordinary`, or `untold`."""
    manifest: dict[str, Any] = json.loads(house.client.runs.read(run_id, "manifest.json"))
    return str((manifest.get("kernel") or {}).get("start") or "untold")


def in_rounds(
    variants: Mapping[str, Callable[[], object]], rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[object]]]:
    """Run each variant once a round, in shuffled order. Return seconds and what the variants returned."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    returned: dict[str, list[object]] = {name: [] for name in variants}
    for warm_up in variants.values():
        warm_up()
    for _ in range(rounds):
        for name in random.sample(list(variants), len(variants)):
            begun = time.perf_counter()
            returned[name].append(variants[name]())
            seconds[name].append(time.perf_counter() - begun)
    return seconds, returned
