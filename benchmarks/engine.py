"""The engine's promises, measured through the whole platform beside papermill and other schedulers.

Real processes on this machine: server, beat, broker and worker as `nightbook up` starts them. Variants run
interleaved, once a round in shuffled order; ratios are taken within a round; printed are lower quartile,
median and upper quartile. The end of a run is what a client sees: `succeeded`, and a copy whose hash it has
checked. Exits with 1 where a target is missed.

    python benchmarks/engine.py
    python benchmarks/engine.py --only trivial live --rounds 30 --json engine.json
"""

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import traceback
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

from engine_parts import rows
from engine_parts.figures import Row

_PEERS = "peers"


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no platform of ours is left running
    wanted = options.only or [*rows.ROWS, _PEERS]
    measured: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="nb-bench-") as name, ExitStack() as stack:
        bench = rows.Bench(Path(name), options.level, options.rounds, options.seconds, options.starts, stack)
        for row in wanted:
            found = _measured(bench, row, options.peers)
            measured += found
            print(*(one.line() for one in found), sep="\n", file=sys.stderr, flush=True)
    facts = _facts(options)
    print(f"{'':<16} {'':<44} {'lower':>9} {'median':>9} {'upper':>9}")
    for one in measured:
        print(one.line())
    print(json.dumps(facts))
    if options.json:
        document = {"schema_version": 1, **facts, "rows": [one.record() for one in measured]}
        options.json.write_text(json.dumps(document, indent=1))
    return int(any(one.is_met is False for one in measured))


def _measured(bench: rows.Bench, name: str, peers: Path | None) -> list[Row]:
    try:
        return rows.peers(bench, peers) if name == _PEERS else rows.ROWS[name](bench)
    except SystemExit as failure:
        if isinstance(failure.code, int):
            raise
        return [_failed(name, str(failure))]
    except Exception as error:
        traceback.print_exc()
        return [_failed(name, f"{type(error).__name__}: {error}")]


def _failed(name: str, why: str) -> Row:
    """A row that could not be measured keeps no promise."""
    return Row(name, "could not be measured", "", [float("inf")], 0, note=why)


def _facts(options: argparse.Namespace) -> dict[str, object]:
    return {
        "rounds": options.rounds,
        "level": options.level,
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("nightbook", "papermill", "nbclient", "ipykernel")},
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", choices=[*rows.ROWS, _PEERS], metavar="ROW", help=", ".join([*rows.ROWS, _PEERS])
    )
    parser.add_argument(
        "--rounds", type=_positive, default=15, help="how often each variant runs (default 15)"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="of each side of throughput (default 60)")
    parser.add_argument("--starts", type=_positive, default=1000, help="of the row burst (default 1000)")
    parser.add_argument("--level", choices=["none", "process", "bubblewrap"], default="process")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="environments made by peers.py")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the record there")
    return parser.parse_args()


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number of at least 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
