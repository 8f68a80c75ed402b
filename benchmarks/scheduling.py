"""The clock's promises, measured on real databases with real beats, and beside other schedulers.

Rows: `lateness` (fire time → queued and visible to others, 1,000 due at one instant; with it `fires` a
second), `idle` (a look over 100,000 schedules), `claim`, `recovery` (seconds after each fault) and `minute`
(so many schedules due in one minute, beside jupyter-scheduler and Prefect). Every burst checks that each
fire time became exactly one run. Printed are lower quartile, median and upper quartile. Exits with 1 where
a target is missed or a row could not be measured.

    python benchmarks/scheduling.py
    python benchmarks/scheduling.py --only idle lateness --databases sqlite --rounds 3
    python benchmarks/scheduling.py --only minute --peers DIR
"""

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

# The chaos tests' harness starts and kills real platforms; the rows' world makes schedules as the API does.
_TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(_TESTS), str(_TESTS / "end_to_end"), str(_TESTS / "chaos")]

from engine_parts.figures import Row  # noqa: E402
from scheduling_parts import clock_rows, fault_rows, peer_rows, scratch  # noqa: E402

_ROWS = ("idle", "claim", "lateness", "recovery", "minute")


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no process of ours is left running
    measured: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="nb-clock-") as name:
        for row in options.only:
            for one in _measured(row, Path(name), options):
                measured.append(one)
                print(one.line(), file=sys.stderr, flush=True)
    facts = {
        "rounds": options.rounds,
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "nightbook": version("nightbook"),
    }
    for one in measured:
        print(one.line())
    print(json.dumps(facts))
    if options.json:
        document = {"schema_version": 1, **facts, "rows": [one.record() for one in measured]}
        options.json.write_text(json.dumps(document, indent=1))
    return int(any(one.is_met is False for one in measured))


def _measured(name: str, folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    bench = clock_rows.Bench(folder, options.rounds, options.databases, options.sizes)
    try:
        match name:
            case "recovery":
                yield from fault_rows.rows(options.rounds)
            case "minute":
                yield from peer_rows.rows(
                    folder, options.peers, options.schedules, options.seconds, options.schedulers
                )
            case _:
                yield from _CLOCK[name](bench)
    except Exception as error:
        traceback.print_exc()
        why = f"{type(error).__name__}: {error}"
        yield Row(name, "could not be measured", "", [float("inf")], 0, note=why)


_CLOCK = {"idle": clock_rows.idle, "claim": clock_rows.claim, "lateness": clock_rows.lateness}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=_ROWS, default=_ROWS)
    parser.add_argument(
        "--rounds", type=int, default=5, help="bursts a size, and times each fault (default 5)"
    )
    parser.add_argument("--databases", nargs="+", choices=scratch.DATABASES, default=scratch.DATABASES)
    parser.add_argument("--sizes", nargs="+", type=int, default=clock_rows.SIZES, help="active schedules")
    parser.add_argument("--schedules", type=int, default=100, help="of the row minute (default 100)")
    parser.add_argument(
        "--seconds", type=float, default=900.0, help="for each scheduler of the row minute (default 900)"
    )
    parser.add_argument("--schedulers", nargs="+", choices=peer_rows.SCHEDULERS, default=peer_rows.SCHEDULERS)
    parser.add_argument("--peers", type=Path, metavar="DIR", help="environments made by peers.py")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the record there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
