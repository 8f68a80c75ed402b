"""Rows: each measures one promise of the engine through the whole platform."""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine_parts import house as houses
from engine_parts import sources, variants
from engine_parts.figures import Row, quartiles, skipped
from engine_parts.house import House
from nightbook.client import Record

_MEANT = {"forked", "pool"}


@dataclass
class Bench:
    """Where and how often it is measured."""

    folder: Path
    level: str
    rounds: int
    seconds: float
    starts: int
    stack: ExitStack
    _open: dict[int, House] = field(default_factory=dict)

    def house(self, slots: int) -> House:
        """The platform with this many slots, warm: one run is done and thrown away."""
        if slots not in self._open:
            for other in list(self._open):
                del self._open[other]
            self.stack.close()
            place = self.folder / f"slots-{slots}-{time.monotonic_ns()}"
            place.mkdir()
            opened = self.stack.enter_context(houses.opened(place, slots=slots, level=self.level))
            self.upload(opened, "trivial", sources.TRIVIAL)
            for _ in range(3):
                variants.run_ours(opened, "trivial.ipynb")
            self._open[slots] = opened
        return self._open[slots]

    def write(self, name: str, notebook: dict[str, Any]) -> Path:
        file = self.folder / f"{name}.ipynb"
        file.write_text(json.dumps(notebook))
        return file

    def upload(self, house: House, name: str, notebook: dict[str, Any]) -> None:
        house.client.notebooks.upload(notebook, path=f"{name}.ipynb")


def trivial(bench: Bench) -> list[Row]:
    return _beside_papermill(bench, "trivial", sources.TRIVIAL, 0.10)


def libraries(bench: Bench) -> list[Row]:
    def took(copy: bytes) -> float:
        cell = json.loads(copy)["cells"][-1]
        return float("".join(cell["outputs"][0]["text"]))

    rows = _beside_papermill(bench, "libraries", sources.LIBRARIES, 0.15)
    house = bench.house(4)
    imports = [took(variants.run_ours(house, "libraries.ipynb")[1]) for _ in range(bench.rounds)]
    return [*rows, Row("libraries", "import numpy, pandas in the kernel", "s", imports, 0.05)]


def large(bench: Bench) -> list[Row]:
    house = bench.house(4)
    written: list[float] = []

    def around(run: Callable[[], tuple[str, bytes]]) -> tuple[str, bytes]:
        before = house.written_bytes()
        done = run()
        written.append((house.written_bytes() - before) / len(done[1]))
        return done

    rows = _beside_papermill(bench, "large", sources.LARGE, 0.10, around=around)
    return [*rows, Row("large", "bytes written / bytes of the copy", "", written[1:], 2.5)]


def _beside_papermill(
    bench: Bench,
    name: str,
    notebook: dict[str, Any],
    target: float,
    *,
    around: Callable[[Callable[[], tuple[str, bytes]]], tuple[str, bytes]] = lambda run: run(),
) -> list[Row]:
    house, source, out = bench.house(4), bench.write(name, notebook), bench.folder / "out.ipynb"
    bench.upload(house, name, notebook)

    def ours() -> tuple[str, float]:
        before = house.cpu_seconds()
        run_id, _ = around(lambda: variants.run_ours(house, f"{name}.ipynb"))
        return run_id, house.cpu_seconds() - before

    with variants.in_process() as execute:
        seconds, told = variants.in_rounds(
            {
                "papermill": lambda: variants.run_command_line(source, out, lean=False),
                "papermill_lean": lambda: variants.run_command_line(source, out, lean=True),
                "in_process": lambda: execute(source, out),
                "nightbook": ours,
            },
            bench.rounds,
        )
    run_ids, cpu = zip(*told["nightbook"], strict=True)
    beside = {f"{variant}, seconds": quartiles(taken) for variant, taken in seconds.items()}
    for peer in ("papermill", "in_process"):
        beside[f"/ {peer}"] = quartiles(_ratios(seconds["nightbook"], seconds[peer]))
    beside["CPU of all processes / papermill_lean"] = quartiles(_ratios(cpu, told["papermill_lean"]))
    ratios = _ratios(seconds["nightbook"], seconds["papermill_lean"])
    starts = _starts(house, run_ids)
    return [Row(name, "seconds / papermill_lean", "", ratios, target, beside=beside, **_judged(starts))]


def _ratios(ours: Any, theirs: Any) -> list[float]:
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def _starts(house: House, run_ids: Any) -> dict[str, float]:
    counted = Counter(variants.kernel_start(house, run_id) for run_id in run_ids)
    return {way: count / len(run_ids) for way, count in counted.items()}


def _judged(starts: dict[str, float]) -> dict[str, Any]:
    otherwise = sum(share for way, share in starts.items() if way not in _MEANT)
    note = "INVALID: more than 5 % of the runs started otherwise than meant" if otherwise > 0.05 else ""
    return {"starts": starts, "note": note}


def throughput(bench: Bench) -> list[Row]:
    """Ten submitters against two command lines, the same time each, a quarter at a time by turns."""
    house, source = bench.house(4), bench.write("trivial", sources.TRIVIAL)
    counts: dict[str, int] = {"nightbook": 0, "papermill_lean": 0}
    for _ in range(4):
        counts["nightbook"] += _count(
            10, bench.seconds / 4, lambda _: variants.run_ours(house, "trivial.ipynb")
        )
        counts["papermill_lean"] += _count(
            2,
            bench.seconds / 4,
            lambda at: variants.run_command_line(source, bench.folder / f"out-{at}.ipynb", lean=True),
        )
    if counts["papermill_lean"] < 10:
        raise SystemExit(f"too few to compare ({counts}): give more --seconds, or a machine with less to do")
    ratio = counts["nightbook"] / counts["papermill_lean"]
    beside = {f"{name}, runs in {bench.seconds:g} s": [float(n)] * 3 for name, n in counts.items()}
    return [Row("throughput", "runs / runs of papermill_lean", "", [ratio], 10, at_least=True, beside=beside)]


def _count(loops: int, seconds: float, act: Callable[[int], object]) -> int:
    until, counted = time.monotonic() + seconds, 0
    lock = threading.Lock()

    def loop(at: int) -> None:
        nonlocal counted
        while time.monotonic() < until:
            act(at)
            with lock:
                counted += time.monotonic() < until

    with ThreadPoolExecutor(loops) as pool:
        list(pool.map(loop, range(loops)))
    return counted


def live(bench: Bench) -> list[Row]:
    house = bench.house(4)
    bench.upload(house, "prints", sources.PRINTS)
    run, late = house.client.runs.create("prints.ipynb"), []
    for event in house.client.runs.follow(run.id):
        if isinstance(event, Record) and event.kind == "text":
            for line in event.fields["s"].splitlines():
                late.append((time.time() - float(line.split()[1])) * 1000)
    beside = {"slowest": [max(late)] * 3}
    return [Row("live", "print -> subscriber of the live feed", "ms", late, 100, beside=beside)]


def cancel(bench: Bench) -> list[Row]:
    house, taken = bench.house(4), []
    bench.upload(house, "endless", sources.ENDLESS)
    for _ in range(bench.rounds):
        run = house.client.runs.create("endless.ipynb")
        _until_cell(house, run.id, 1)
        begun = time.perf_counter()
        house.client.runs.cancel(run.id)
        ended = house.client.runs.wait(run.id, timeout=60)
        copy = json.loads(variants.checked_copy(house, str(run.id)))
        taken.append(time.perf_counter() - begun)
        kept = [cell for cell in copy["cells"] if cell.get("id") == "cell-0"]
        if ended.state != "cancelled" or kept[0]["outputs"][0]["text"] not in ("kept\n", ["kept\n"]):
            raise SystemExit(f"a cancelled run {ended.state}, and its copy does not hold what was printed")
    return [Row("cancel", "cancel -> checked partial copy", "s", taken, 0.5)]


def _until_cell(house: House, run_id: Any, index: int) -> None:
    for event in house.client.runs.follow(run_id):
        if isinstance(event, Record) and event.kind == "cell" and event.fields["i"] >= index:
            return
    raise SystemExit("the run ended before its cell began")


def worker_kill(bench: Bench) -> list[Row]:
    house, taken = bench.house(4), []
    bench.upload(house, "breeding", sources.BREEDING)
    for _ in range(5):
        run = house.client.runs.create("breeding.ipynb")
        pids = _told_pids(house, run.id)
        begun = time.perf_counter()
        os.kill(house.worker(), signal.SIGKILL)
        while any(houses.is_alive(pid) for pid in pids):
            if time.perf_counter() - begun > 60:
                raise SystemExit("processes of a killed worker's run are alive after a minute")
            time.sleep(0.002)
        taken.append(time.perf_counter() - begun)
        _until_worker(house)
    return [Row("worker_kill", "SIGKILL of the worker -> all of a run gone", "s", taken, 1.0)]


def _told_pids(house: House, run_id: Any) -> list[int]:
    for event in house.client.runs.follow(run_id):
        if isinstance(event, Record) and event.kind == "text" and event.fields["s"].startswith("pids"):
            return [int(word) for word in event.fields["s"].split()[1:]]
    raise SystemExit("the run ended before it told its processes")


def _until_worker(house: House) -> None:
    """Until the supervisor's next worker has done a run."""
    variants.run_ours(house, "trivial.ipynb")


def memory(bench: Bench) -> list[Row]:
    house, count = bench.house(20), 20
    bench.upload(house, "asleep", sources.sleeping(30))
    before = _unique(house)
    runs = [house.client.runs.create("asleep.ipynb") for _ in range(count)]
    for run in runs:
        _until_text(house, run.id)
    each = (_unique(house) - before) / count / 2**20
    for run in runs:
        house.client.runs.cancel(run.id)
    for run in runs:
        house.client.runs.wait(run.id, timeout=120)
    return [Row("memory", f"unique memory a run, {count} at once", "MiB", [each], 30)]


def _unique(house: House) -> float:
    worker = house.worker()
    return float(sum(houses.unique_bytes(pid) for pid in [worker, *houses.descendants(worker)]))


def _until_text(house: House, run_id: Any) -> None:
    for event in house.client.runs.follow(run_id):
        if isinstance(event, Record) and event.kind == "text":
            return
    raise SystemExit("the run ended before it printed")


def burst(bench: Bench) -> list[Row]:
    """Many starts, twenty at a time: every one succeeds, and nothing of them is left."""
    house, failed = bench.house(20), []

    def one(_: int) -> str:
        run = house.client.runs.create("trivial.ipynb")
        ended = house.client.runs.wait(run.id, timeout=600)
        if ended.state != "succeeded":
            failed.append(f"{ended.state}: {ended.reason}")
        return str(run.id)

    begun = time.perf_counter()
    with ThreadPoolExecutor(20) as pool:
        run_ids = list(pool.map(one, range(bench.starts)))
    seconds = time.perf_counter() - begun
    beside = {"starts a second": [bench.starts / seconds] * 3}
    note = f"{bench.starts} starts; {failed[0]}" if failed else f"{bench.starts} starts"
    starts = _starts(house, run_ids[:: max(1, len(run_ids) // 100)])
    return [
        Row(
            "burst",
            "runs that did not succeed",
            "",
            [float(len(failed))],
            0,
            beside=beside,
            starts=starts,
            note=note,
        )
    ]


def html(bench: Bench) -> list[Row]:
    try:
        import nbformat
        from nbconvert import HTMLExporter
    except ImportError:
        return [skipped("html", "nbconvert is not installed")]
    from nightbook.core import rendering

    notebook = sources.report_of_50_cells()
    parsed = nbformat.from_dict(notebook)
    exporter = HTMLExporter()
    seconds, _ = variants.in_rounds(
        {
            "nightbook": lambda: rendering.render_html(notebook, title="report", show_code=True),
            "nbconvert": lambda: exporter.from_notebook_node(parsed),
        },
        bench.rounds,
    )
    beside = {f"{variant}, seconds": quartiles(taken) for variant, taken in seconds.items()}
    ratios = _ratios(seconds["nightbook"], seconds["nbconvert"])
    return [Row("html", "seconds for 50 cells / nbconvert in process", "", ratios, 0.10, beside=beside)]


def cold(bench: Bench) -> list[Row]:
    """From nothing, not even a home folder, to the first run's checked copy."""
    begun = time.perf_counter()
    place = bench.folder / f"cold-{time.monotonic_ns()}"
    place.mkdir()
    with houses.opened(place, slots=4, level=bench.level) as house:
        bench.upload(house, "trivial", sources.TRIVIAL)
        variants.run_ours(house, "trivial.ipynb")
        seconds = time.perf_counter() - begun
    return [Row("cold", "nightbook up -> first copy", "s", [seconds])]


def peers(bench: Bench, folder: Path | None) -> list[Row]:
    """The same notebook by other schedulers, each from an environment of its own (see peers.py)."""
    if folder is None:
        return [skipped("peers", "no --peers DIR; make it with: python benchmarks/peers.py install DIR")]
    from engine_parts import peer_runs

    house, source, rows = bench.house(4), bench.write("trivial", sources.TRIVIAL), []
    for name, opened in peer_runs.PEERS.items():
        python = folder / name / "bin" / "python"
        if not python.exists():
            rows.append(skipped(name, f"not installed below {folder}"))
            continue
        try:
            rows.append(_beside_peer(bench, house, name, opened(python, source, bench.folder)))
        except (SystemExit, OSError) as failure:
            rows.append(skipped(name, f"it did not run the notebook: {failure}"))
    return rows


def _beside_peer(
    bench: Bench, house: House, name: str, opened: AbstractContextManager[Callable[[], None]]
) -> Row:
    with opened as run:
        seconds, _ = variants.in_rounds(
            {name: run, "nightbook": lambda: variants.run_ours(house, "trivial.ipynb")},
            max(3, bench.rounds // 3),
        )
    beside = {f"{variant}, seconds": quartiles(taken) for variant, taken in seconds.items()}
    return Row(name, f"seconds / {name}", "", _ratios(seconds["nightbook"], seconds[name]), beside=beside)


ROWS: dict[str, Callable[[Bench], list[Row]]] = {
    "trivial": trivial,
    "libraries": libraries,
    "large": large,
    "throughput": throughput,
    "live": live,
    "cancel": cancel,
    "html": html,
    "cold": cold,
    "memory": memory,
    "burst": burst,
    "worker_kill": worker_kill,
}
