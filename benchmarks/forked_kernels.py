"""How long a kernel takes to be ready, forked and started the ordinary way, and what a forked one costs.

Each round does all in shuffled order on this machine; printed are medians and ratios taken within a round.
Ready means that the kernel has answered `kernel_info` and its `idle` has come. At the end many kernels are
forked one after the other: the zygote must be as it was.

    python benchmarks/forked_kernels.py --rounds 15 --forks 1000
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

from nightbook.settings import Settings
from nightbook_executor.kernel import Kernel
from nightbook_executor.kernels.environments import Environment
from nightbook_executor.kernels.forking import Forking
from nightbook_executor.kernels.zygotes import Zygotes
from nightbook_executor.processes import Processes
from nightbook_executor.wire import Wire

IMPORT = "import numpy, pandas"
#: Seconds, seconds, seconds, bytes; see docs/kernels.md.
TARGETS = {"forked": 0.060, "pool": 0.020, "import": 0.050, "unique": 20 * 2**20}


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="nb-bench-") as name:
        home = Path(name)
        without_pool = Zygotes(PROCESSES, os.environ, _made(home / "f"), preload=_preload(), ready_at_most=0)
        with_pool = Zygotes(PROCESSES, os.environ, _made(home / "p"), preload=_preload())
        try:
            for zygotes in (without_pool, with_pool):
                zygotes.want(Environment(sys.executable))
                _wait_until_ready(zygotes)
            rounds = [_round(without_pool, with_pool) for _ in range(options.rounds)]
            figures = {**_medians(rounds), **_many(without_pool, options.forks)}
        finally:
            without_pool.close()
            with_pool.close()
    print(json.dumps(figures, indent=2) if options.json else _table(figures))
    return 0 if all(figures[name] <= target for name, target in TARGETS.items()) else 1


PROCESSES = Processes()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--forks", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _preload() -> list[str]:
    return list(Settings.model_fields["preload"].default)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _state(zygotes: Zygotes) -> Path:
    return zygotes.base / Environment(sys.executable).key / "state.json"


def _wait_until_ready(zygotes: Zygotes) -> None:
    until = time.monotonic() + 120
    while not _state(zygotes).is_file():
        if time.monotonic() > until:
            raise SystemExit("the zygote is not ready after two minutes")
        time.sleep(0.05)


def _guards(zygotes: Zygotes) -> list[psutil.Process]:
    pid = json.loads(_state(zygotes).read_text())["pid"]
    found: list[psutil.Process] = psutil.Process(pid).children()
    return found


def _wait_for_a_ready_one(zygotes: Zygotes) -> None:
    """A kernel of the pool that has done its initialisation waits, and takes no time any more."""
    while True:
        kernels = [child for guard in _guards(zygotes) for child in guard.children()]
        before = [kernel.cpu_times().user for kernel in kernels]
        time.sleep(0.25)
        if kernels and [kernel.cpu_times().user for kernel in kernels if kernel.is_running()] == before:
            return


def _round(without_pool: Zygotes, with_pool: Zygotes) -> dict[str, float]:
    ways = {"ordinary": None, "forked": without_pool.base, "pool": with_pool.base}
    took: dict[str, float] = {}
    for way in random.sample(sorted(ways), len(ways)):
        if way == "pool":
            _wait_for_a_ready_one(with_pool)
        base = ways[way]
        forking = Forking(base) if base is not None else None
        ready, imported, unique = asyncio.run(_started(way, forking))
        took |= {way: ready, f"{way}_import": imported, f"{way}_unique": unique}
    return took


async def _started(way: str, forking: Forking | None) -> tuple[float, float, float]:
    """Seconds until ready, seconds of the import, bytes that the kernel shares with nobody."""
    began = time.monotonic()
    kernel = Kernel("python3", None, None, forking)
    client = await kernel.start()
    wire = Wire(client, lambda *_: None, lambda _: False, lambda *_: None)
    await _answered(wire)
    ready = time.monotonic() - began
    if kernel.start_facts["kernel_start"] != way:
        raise SystemExit(f"meant to be {way}, but: {kernel.start_facts}")
    assert kernel.pid is not None
    unique = psutil.Process(kernel.pid).memory_full_info().uss
    began = time.monotonic()
    await wire.execute(IMPORT, 0, stop_on_error=True).finished.wait()
    imported = time.monotonic() - began
    await wire.close()
    await kernel.end(gently=True)
    return ready, imported, unique


async def _answered(wire: Wire) -> None:
    """As the runner does it: ask again where the answer's `idle` has been missed."""
    request = wire.ask_kernel_info()
    while True:
        await request.replied.wait()
        try:
            await asyncio.wait_for(request.finished.wait(), 0.25)
        except TimeoutError:
            request = wire.ask_kernel_info()
        else:
            return


def _medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    def median(name: str) -> float:
        return statistics.median(one[name] for one in rounds)

    def ratio(name: str) -> float:
        return statistics.median(one[name] / one["ordinary"] for one in rounds)

    return {
        "ordinary": median("ordinary"),
        "forked": median("forked"),
        "pool": median("pool"),
        "forked_ratio": ratio("forked"),
        "pool_ratio": ratio("pool"),
        "import": median("forked_import"),
        "ordinary_import": median("ordinary_import"),
        "unique": median("forked_unique"),
        "ordinary_unique": median("ordinary_unique"),
    }


def _many(zygotes: Zygotes, forks: int) -> dict[str, float]:
    """Fork many kernels, and see what the zygote gained by them."""
    pid = json.loads(_state(zygotes).read_text())["pid"]
    before, argv = _taken(zygotes, pid), [sys.executable, "-m", "ipykernel_launcher", "-f", "c.json"]
    for _ in range(forks):
        Forking(zygotes.base).kernel(argv, os.environ, str(zygotes.base), None).link.close()
    after = _taken(zygotes, pid)
    return {"forks": forks, "gained_bytes": after[0] - before[0], "gained_files": after[1] - before[1]}


def _taken(zygotes: Zygotes, pid: int) -> tuple[int, int]:
    while _guards(zygotes):
        time.sleep(0.05)
    zygote = psutil.Process(pid)
    return zygote.memory_full_info().uss, zygote.num_fds()


def _table(figures: dict[str, float]) -> str:
    ms = {name: f"{figures[name] * 1000:.0f} ms" for name in ("ordinary", "forked", "pool", "import")}
    rows = [
        ("ordinary start to ready", ms["ordinary"], "1.00"),
        ("forked to ready", ms["forked"], f"{figures['forked_ratio']:.2f}"),
        ("from the pool to ready", ms["pool"], f"{figures['pool_ratio']:.2f}"),
        (
            f"{IMPORT}, forked",
            ms["import"],
            f"{figures['import'] / figures['ordinary_import']:.2f}",
        ),
        (
            "memory of its own, forked",
            f"{figures['unique'] / 2**20:.0f} MB",
            f"{figures['unique'] / figures['ordinary_unique']:.2f}",
        ),
        (
            f"the zygote after {figures['forks']:.0f} forks",
            f"{figures['gained_bytes'] / 2**20:+.1f} MB",
            f"{figures['gained_files']:+.0f} files",
        ),
    ]
    return "\n".join(f"{what:32} {value:>12} {ratio:>18}" for what, value, ratio in rows)


if __name__ == "__main__":
    sys.exit(main())
