"""An experiment: schedules and orders with one tag, faults in between, and a verdict at the end."""

import json
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import ledger
from checker import FINAL, Breach, Expected, Observed, judge, observe
from expected import fire_times
from facts import instant, soon
from fleet import Fleet
from orders import Orders
from waiting import until

from nightbook.client import Client, NightbookError
from nightbook.schemas import RunView, ScheduleView

#: How long nothing may move before the platform is taken for stuck, on the slowest machine that tests it.
SETTLE_SECONDS = 120
#: How long before its first fire time a schedule is made.
_AHEAD_SECONDS = 5
REPORTS = Path(__file__).parents[2] / ".stamps" / "chaos"


class Experiment:
    """What was asked of a fleet under one tag, and whether it came about."""

    def __init__(self, fleet: Fleet, client: Client, name: str, *, seed: int) -> None:
        self.fleet, self.client, self.name, self.seed = fleet, client, name, seed
        self.tag = f"{name[:40]}-{uuid4().hex[:8]}"
        self.ledger_file = fleet.folder / f"{self.tag}.ledger"
        self.fire_times: dict[UUID, list[datetime]] = {}
        self.orders: dict[str, UUID | None] = {}
        self.stale_writes: list[str] = []
        self.server_faults: list[str] = []
        self.deaths: list[str] = []
        self.facts: dict[str, Any] = {}
        self._began = self._quiet_since = time.monotonic()
        client.notebooks.upload(ledger.notebook(), path=ledger.PATH)
        self.tell(f"stack={fleet.stack} seed={seed}")

    def tell(self, words: str) -> None:
        print(f"chaos {self.name} +{time.monotonic() - self._began:.1f} s: {words}", flush=True)

    # ------------------------------------------------------------ what is asked of the platform

    def draft(self, *, seconds: float = 0.0, kilobytes: int = 0, **fields: Any) -> dict[str, Any]:
        """A run of the ledger notebook that works for *seconds* and leaves a file of so many *kilobytes*."""
        parameters = {"ledger": str(self.ledger_file), "seconds": seconds, "kilobytes": kilobytes}
        return {
            "notebook": ledger.PATH,
            "parameters": parameters,
            "pool": self.fleet.pool,
            "tags": [self.tag],
            **fields,
        }

    def schedule(
        self, trigger: Mapping[str, Any], begin: datetime, end: datetime, **fields: Any
    ) -> ScheduleView:
        """A schedule that fires from *begin* to *end* only, so that its fire times are known beforehand."""
        draft = self.draft(**fields)
        made = self.client.schedules.create(
            f"{self.tag} {len(self.fire_times)}",
            draft.pop("notebook"),
            trigger,
            start_at=instant(begin),
            end_at=instant(end),
            **draft,
        )
        self.fire_times[made.id] = fire_times(trigger, begin, end)
        return made

    def schedules_of_all_kinds(self, count: int, *, within: int, **fields: Any) -> datetime:
        """Make *count* schedules that fire in the next *within* seconds, and return when that is over."""
        first = soon(_AHEAD_SECONDS)
        end = first + timedelta(seconds=within)
        for number in range(count):
            # To make many takes a while, and none may be late for its own first fire time.
            begin = soon(_AHEAD_SECONDS)
            at = instant(max(begin, first + timedelta(seconds=number * within // count)))
            kinds: list[dict[str, str]] = [
                {"kind": "once", "at": at},
                {"kind": "interval", "every": "PT60S", "anchor": at},
                {"kind": "cron", "expression": "* * * * *"},
            ]
            fitting = [kind for kind in kinds if fire_times(kind, begin, end)]
            overlap = ("skip", "queue_all", "allow")[number % 3]
            kind = fitting[number % len(fitting)] if fitting else kinds[0]
            repeats = {"retry_on_worker_loss": number % 2 == 0}
            self.schedule(kind, begin, max(end, begin), overlap=overlap, **repeats, **fields)
        return end

    def order(self, **fields: Any) -> RunView:
        """One run, asked for by hand."""
        note = str(uuid4())
        draft = self.draft(**fields, note=note)
        run = self.client.runs.create(draft.pop("notebook"), draft.pop("parameters"), **draft)
        self.orders[note] = run.id
        return run

    def ordering(self, *, every: float, at_most: int | None = None, **fields: Any) -> Orders:
        """A person who orders a run every so many seconds; give it to `take` at the end."""
        return Orders(self.fleet, self.draft(**fields), every=every, at_most=at_most)

    def take(self, orders: Orders) -> None:
        self.orders |= orders.answered
        self.server_faults += orders.server_faults
        self.facts["orders repeated"] = self.facts.get("orders repeated", 0) + orders.repeated

    def entries(self) -> list[ledger.Entry]:
        return ledger.read(self.ledger_file)

    def until_started(self, *runs: RunView) -> None:
        """Wait until the notebooks of *runs* have written their first line."""
        self.tell("waits for notebooks to begin")
        wanted = {run.id for run in runs}
        until(
            lambda: wanted <= {entry.run for entry in self.entries()},
            seconds=90,
            what=lambda: f"the notebooks begin\n{self.fleet.log('worker-1')}\n{self.fleet.log('server-1')}",
        )

    # ------------------------------------------------------------ the end

    def quiet(self) -> None:
        """From here on nothing is broken on purpose: bring back what is down, and count the seconds."""
        self.tell("quiet")
        self.deaths += self.fleet.died_by_themselves()
        self._quiet_since = time.monotonic()
        self.fleet.heal()

    def settle(self, end: datetime | None = None) -> None:
        """Wait until all fire times up to *end* have a row and no run is under way, or nothing moves."""
        self.tell("settles")
        if end is not None:
            while datetime.now(UTC) < end:
                time.sleep(0.2)
        left, deadline = -1, time.monotonic() + SETTLE_SECONDS
        while left != 0 and time.monotonic() < deadline:
            # What is not there after all this time is for the checker to tell.
            with suppress(NightbookError):
                before, left = left, self._open()
                if left != before:
                    deadline = time.monotonic() + SETTLE_SECONDS
            time.sleep(0.5)
        self.facts["seconds to recover"] = round(time.monotonic() - self._quiet_since, 1)

    def _open(self) -> int:
        """How many runs wait or run, and how many fire times have no row yet."""
        states = ["queued", "running"]
        waiting = sum(1 for _ in self.client.runs.list(tag=self.tag, state=states, limit=200))
        rows = {one: sum(1 for _ in self.client.schedules.occurrences(one)) for one in self.fire_times}
        return waiting + sum(max(0, len(times) - rows[one]) for one, times in self.fire_times.items())

    def verdict(self) -> list[Breach]:
        """What was broken for good. Leaves a report beside those of the other tests."""
        observed = observe(
            self.fleet,
            self.client,
            self.tag,
            self.fire_times,
            self.entries(),
            stale_writes=self.stale_writes,
            server_faults=self.server_faults,
            deaths=self.deaths,
        )
        breaches = judge(Expected(self.fire_times, self.orders), observed)
        self._report(observed, breaches)
        return breaches

    def require_kept(self) -> Sequence[RunView]:
        """Fail with every breach. Return the runs."""
        breaches = self.verdict()
        assert not breaches, "\n".join([f"seed {self.seed}", *map(str, breaches)])
        return list(self.client.runs.list(tag=self.tag, limit=200))

    def _report(self, observed: Observed, breaches: Sequence[Breach]) -> None:
        told = {
            "experiment": self.name,
            "stack": self.fleet.stack,
            "seed": self.seed,
            "fire times": sum(len(times) for times in self.fire_times.values()),
            "orders": len(self.orders),
            "runs": dict(Counter(run.state for run in observed.runs)),
            "attempts": sum(len(run.attempts) for run in observed.runs),
            "ledger": dict(Counter(entry.event for entry in observed.entries)),
            "copies verified": sum(run.state == "succeeded" for run in observed.runs) - len(observed.damaged),
            "lateness": _percentiles(observed.runs),
            **self.facts,
            "breaches": [str(breach) for breach in breaches],
        }
        REPORTS.mkdir(parents=True, exist_ok=True)
        text = json.dumps(told, ensure_ascii=False)
        (REPORTS / f"{self.name}-{self.fleet.stack}-{os.getpid()}.json").write_text(f"{text}\n")
        self.tell(text)


def _percentiles(runs: Sequence[RunView]) -> dict[str, float]:
    """Seconds from the fire time to the queue, of the runs that a schedule made."""
    late = sorted((run.created_at - run.fire_at).total_seconds() for run in runs if run.fire_at)
    return {
        name: round(late[int(part * (len(late) - 1))], 2)
        for name, part in (("p50", 0.5), ("p99", 0.99))
        if late
    }


__all__ = ["FINAL", "Experiment"]
