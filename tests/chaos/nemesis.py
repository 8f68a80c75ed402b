"""The nemesis: faults in an order that its seed alone decides, so that a failure can be had again."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from fleet import Fleet

Fault = Literal[
    "kill worker",
    "kill beat",
    "kill server",
    "kill all",
    "stop worker",
    "stop beat",
    "stop server",
    "end worker",
    "wipe broker",
    "cut",
]
#: What R01 asks for.
KILLS: Mapping[Fault, int] = {"kill worker": 60, "kill beat": 25, "kill server": 15}
_LONGEST_DOWN = 3.0
#: Longer than the runs of any experiment, so that a drain that hangs is told.
_DRAIN_SECONDS = 60


@dataclass(frozen=True)
class Act:
    """One fault: after how long, what, which of its kind, and how long it lasts. Times in seconds."""

    after: float
    fault: Fault
    which: float  # from 0 to 1, among those of its kind
    lasts: float

    def __str__(self) -> str:
        return f"after {self.after:.1f} s {self.fault} ({self.which:.2f}) for {self.lasts:.1f} s"


def planned(seed: int, faults: Mapping[Fault, int], count: int, *, every: float) -> list[Act]:
    """*count* faults, drawn with their weights, about *every* so many seconds."""
    dice = random.Random(seed)
    drawn = dice.choices(list(faults), weights=list(faults.values()), k=count)
    return [
        Act(dice.uniform(0.5, 1.5) * every, fault, dice.random(), dice.uniform(0, _LONGEST_DOWN))
        for fault in drawn
    ]


class Nemesis:
    """Does what was planned to a fleet, one act after the other, and tells of it."""

    def __init__(self, fleet: Fleet, *, tell: Callable[[str], None]) -> None:
        self._fleet = fleet
        self._tell = tell
        self.done = 0

    def act(self, plan: list[Act]) -> None:
        for one in plan:
            time.sleep(one.after)
            self._tell(str(one))
            self._do(one)
            self.done += 1

    def _do(self, act: Act) -> None:
        verb, _, kind = act.fault.partition(" ")
        if act.fault == "kill all":
            self._kill(list(self._fleet.parts), act.lasts)
        elif verb == "kill":
            self._kill([self._one_of(kind, act.which)], act.lasts)
        elif verb == "stop":
            self._stop(self._one_of(kind, act.which), act.lasts)
        elif verb == "end":
            self._end(self._one_of(kind, act.which))
        elif act.fault == "wipe broker":
            self._fleet.broker.kill()
            time.sleep(act.lasts)
            self._fleet.broker.start()
        else:
            for line in (self._fleet.workers_line, self._fleet.broker_line, self._fleet.database_line):
                if line is not None:
                    line.cut()

    def _one_of(self, kind: str, which: float) -> str:
        names = self._fleet.names(kind)
        return names[int(which * len(names))]

    def _kill(self, names: list[str], lasts: float) -> None:
        for name in names:
            self._fleet.kill(name)
        time.sleep(lasts)
        self._fleet.revive()

    def _end(self, name: str) -> None:
        """SIGTERM, as at a rolling upgrade: it drains, and its successor starts."""
        process = self._fleet.parts[name].process
        if self._fleet.parts[name].is_up and process is not None:
            process.terminate()
            process.wait(_DRAIN_SECONDS)
        self._fleet.revive()

    def _stop(self, name: str, lasts: float) -> None:
        if not self._fleet.parts[name].is_up:
            return
        self._fleet.pause(name)
        time.sleep(lasts)
        self._fleet.go_on(name)
