"""Figures: medians with quartiles, a row with its target, and how all of it is said."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field


@dataclass
class Row:
    """One thing measured. `target` is the most that `figure` may be, or null where nothing binds."""

    name: str
    figure: str
    unit: str
    values: Sequence[float]
    target: float | None = None
    at_least: bool = False
    beside: dict[str, list[float]] = field(default_factory=dict)
    starts: dict[str, float] = field(default_factory=dict)
    note: str = ""
    skipped: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def is_met(self) -> bool | None:
        """Whether the median keeps the target; None where there is none, or nothing was measured."""
        if self.target is None or self.skipped:
            return None
        return self.median >= self.target if self.at_least else self.median <= self.target

    def record(self) -> dict[str, object]:
        facts = {key: value for key, value in asdict(self).items() if key != "values"}
        measured = {} if self.skipped else {"quartiles": quartiles(self.values), "count": len(self.values)}
        return {**facts, **measured, "is_met": self.is_met}

    def line(self) -> str:
        if self.skipped:
            return f"{self.name:<16} skipped: {self.skipped}"
        lower, median, upper = quartiles(self.values)
        bound = {None: "", True: "at least ", False: "at most "}[
            None if self.target is None else self.at_least
        ]
        target = "" if self.target is None else f"{bound}{self.target:g} {'met' if self.is_met else 'MISSED'}"
        values = f"{lower:>9.4g} {median:>9.4g} {upper:>9.4g}"
        told = f"{self.name:<16} {self.figure:<44} {values} {self.unit:<4} {target}"
        beside = [
            f"{'':<16}   {name:<42} {' '.join(f'{v:>9.4g}' for v in q)}" for name, q in self.beside.items()
        ]
        shares = ", ".join(f"{way} {share:.0%}" for way, share in self.starts.items())
        more = [
            f"{'':<16}   {text}" for text in (f"kernel_start: {shares}" if shares else "", self.note) if text
        ]
        return "\n".join([told.rstrip(), *beside, *more])


def skipped(name: str, reason: str) -> Row:
    return Row(name, "", "", [], skipped=reason)


def quartiles(values: Sequence[float]) -> list[float]:
    if len(values) < 2:
        return [round(values[0], 5)] * 3
    return [round(value, 5) for value in statistics.quantiles(values, n=4)]
