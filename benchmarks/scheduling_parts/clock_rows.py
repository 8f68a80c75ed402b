"""The rows of the clock: how fast fire times become rows, how late, and what looking costs."""

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import world
from engine_parts.figures import Row

from nightbook.beat import planner
from nightbook.core.clock import utc_now
from scheduling_parts import scratch
from scheduling_parts.scratch import Scratch

DUE = 1000
BURST = 3000
SIZES = (1_000, 10_000, 100_000)
BEATS = (1, 3)
_PATIENCE = 120.0
#: The targets: seconds of the 99th percentile at this size, and milliseconds of an idle look.
TARGET_SIZE, TARGET_LATENESS, TARGET_IDLE = 10_000, 1.0, 2.0
IDLE_SIZE = 100_000


@dataclass(frozen=True)
class Bench:
    """What every row needs."""

    folder: Path
    rounds: int
    databases: Sequence[str]
    sizes: Sequence[int] = SIZES


def lateness(bench: Bench) -> Iterator[Row]:
    """Fire to queued, with 1,000 schedules due at the same instant among many; and fires per second."""
    for kind in bench.databases:
        for count in BEATS:
            with scratch.opened(kind, bench.folder) as rows:
                yield from _lateness(rows, kind, count, bench)


def _lateness(rows: Scratch, kind: str, beats: int, bench: Bench) -> Iterator[Row]:
    name = f"{kind}, {beats} beat{'s' if beats > 1 else ''}"
    with rows.beats(beats):
        # Python needs seconds to load all of a beat, which is no lateness of one that runs.
        _one_burst(rows, 50)
        time.sleep(3 * beats)
        _one_burst(rows, 50)
        for size in bench.sizes:
            rows.fill(size)
            seen = [_one_burst(rows, DUE) for _ in range(bench.rounds)]
            yield Row(
                "lateness",
                f"{name}, {size} active, p99",
                "s",
                [_percentile(values, 99) for values in seen],
                TARGET_LATENESS if size == TARGET_SIZE else None,
                beside={f"p{p}": _three([_percentile(values, p) for values in seen]) for p in (50, 95)},
            )
        rows.fill(BURST)
        rates = [BURST / max(_one_burst(rows, BURST)) for _ in range(max(1, bench.rounds // 2))]
        yield Row("fires", f"{name}, {BURST} due at once", "/s", rates)


def _one_burst(rows: Scratch, count: int) -> list[float]:
    """Seconds from the fire time until each of *count* runs could be seen queued by others."""
    at = (utc_now() + timedelta(seconds=3 + count / 1000)).replace(microsecond=0)
    rows.make_due(count, at)
    if utc_now() > at - timedelta(seconds=0.5):
        raise RuntimeError("making the schedules took longer than it was until their fire time")
    seen: list[float] = []
    while utc_now() < at:
        time.sleep(0.005)
    while len(seen) < count:
        with rows.reading() as session:
            left = rows.left(session, at)
        late = (utc_now() - at).total_seconds()
        seen += [late] * (count - left - len(seen))
        if late > _PATIENCE:
            raise RuntimeError(f"{left} of {count} were not fired within {_PATIENCE:.0f} s")
        time.sleep(0.01)
    _require_once(rows, at, count)
    return seen


def _require_once(rows: Scratch, at: datetime, count: int) -> None:
    if rows.rows_at(at) != (count, count):
        raise RuntimeError(f"runs and schedules of {count} fire times: {rows.rows_at(at)}")


def idle(bench: Bench) -> list[Row]:
    """The planner's look over 100,000 schedules of which none is due, connection and transaction included."""
    found = []
    for kind in bench.databases:
        with scratch.opened(kind, bench.folder) as rows:
            rows.fill(IDLE_SIZE)
            taken = [_one_look(rows) for _ in range(520)][20:]
            found.append(Row("idle", f"{kind}, {IDLE_SIZE} active", "ms", taken, TARGET_IDLE))
    return found


def _one_look(rows: Scratch) -> float:
    begun = time.perf_counter()
    with rows.reading() as session:
        if planner.has_work(session, utc_now()):
            raise RuntimeError("something was due")
    return (time.perf_counter() - begun) * 1000


def claim(bench: Bench) -> list[Row]:
    """A claim that finds a run among 3,000, its commit included."""
    found = []
    for kind in bench.databases:
        with scratch.opened(kind, bench.folder) as rows:
            rows.fill(BURST)
            with rows.beats(1):
                _one_burst(rows, BURST)
            with rows.writing() as session, session.begin():
                who = world.worker(session)
            taken = [_one_claim(rows, who) for _ in range(520)][20:]
            found += [
                Row("claim", f"{kind}, {BURST} queued, p50", "ms", taken),
                Row("claim", f"{kind}, {BURST} queued, p99", "ms", [_percentile(taken, 99)]),
            ]
    return found


def _one_claim(rows: Scratch, who: tuple[world.Worker, world.Caller]) -> float:
    begun = time.perf_counter()
    with rows.writing() as session, session.begin():
        worker = session.merge(who[0], load=True)
        if world.claim(session, (worker, who[1]), now=utc_now()) is None:
            raise RuntimeError("nothing was claimed")
    return (time.perf_counter() - begun) * 1000


def _percentile(values: Sequence[float], part: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[part - 1]


def _three(values: Sequence[float]) -> list[float]:
    return [min(values), statistics.median(values), max(values)]
