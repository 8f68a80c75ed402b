"""Time zones: which names are taken, and when their clocks are put forward or back.

Read from the bundled tzdata only, never from the operating system, so that every server agrees.
Instants inside this package are naive UTC, walls are naive local times; the face takes aware ones.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.metadata import version
from importlib.resources import files
from zoneinfo import ZoneInfo

from nightbook.core.errors import Invalid

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_NONE = timedelta(0)


def canonical(name: str, *, field: str = "timezone") -> str:
    """The IANA name of today for *name*: Europe/Kiev is Europe/Kyiv. Raises Invalid for any other text."""
    if name not in _names() or ("/" not in name and name != "UTC"):
        raise Invalid("unknown_timezone", _advice(name), field=field)
    # Amsterdam is a link in tzdata too, but people there know their zone by its own name.
    if name in _places():
        return name
    target = _links().get(name, name)
    return "UTC" if target == "Etc/UTC" or name == "Etc/UTC" else target


def _advice(name: str) -> str:
    meant = _names_by_lower_case().get(name.lower())
    meant = _links().get(meant, meant) if meant and "/" not in meant and meant != "UTC" else meant
    example = (
        meant if meant and ("/" in meant or meant == "UTC") and meant != "America/Panama" else "Europe/Berlin"
    )
    return f"Not the IANA name of a time zone. Write for example {example}."


@cache
def edition() -> str:
    """Which edition of the zones' rules is installed, for example 2026.2."""
    return version("tzdata")


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The rules of a zone, by its canonical name."""
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A span of instants under one offset, cut at the turn of UTC years; `before` is the offset before it."""

    begin: datetime
    end: datetime
    offset: timedelta
    before: timedelta

    @property
    def gap(self) -> tuple[datetime, datetime] | None:
        """The walls that the shift at `begin` leaves out: from, and up to but not including."""
        if self.offset <= self.before:
            return None
        return self.begin + self.before, self.begin + self.offset


def stretch(name: str, instant: datetime) -> Stretch:
    """The stretch in which *instant* lies."""
    begins, stretches = _stretches(name, instant.year)
    return stretches[bisect_right(begins, instant) - 1]


@lru_cache(maxsize=8192)
def _stretches(name: str, year: int) -> tuple[list[datetime], list[Stretch]]:
    new_year, end = turn_of(year), turn_of(year + 1)
    begins = [new_year, *_shifts(name, new_year, end)]
    stretches = [
        Stretch(begin, until, offset_at(name, begin), offset_at(name, begin - _SECOND))
        for begin, until in zip(begins, [*begins[1:], end], strict=True)
    ]
    return begins, stretches


def turn_of(year: int) -> datetime:
    return datetime(year, 1, 1)  # noqa: DTZ001 - naive UTC, as all instants inside this package


def _shifts(name: str, begin: datetime, end: datetime) -> list[datetime]:
    """The instants between *begin* and *end* at which the offset changes. None lie closer than a day."""
    shifts = []
    day, offset = begin, offset_at(name, begin)
    while day < end:
        next_day = day + _DAY
        next_offset = offset_at(name, next_day)
        if next_offset != offset:
            shifts.append(_shift(name, day, next_day))
        day, offset = next_day, next_offset
    return [shift for shift in shifts if shift < end]


def _shift(name: str, low: datetime, high: datetime) -> datetime:
    old = offset_at(name, low)
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if offset_at(name, middle) == old:
            low = middle
        else:
            high = middle
    return high


def offset_at(name: str, instant: datetime) -> timedelta:
    """The offset from UTC that the clocks of a zone show at a naive UTC *instant*."""
    rules = zone(name)
    return rules.fromutc(instant.replace(tzinfo=rules)).utcoffset() or _NONE


def times_shown(name: str, wall: datetime) -> list[datetime]:
    """The instants at which the clocks show *wall*: none in a gap, two in a fold, else one."""
    rules = zone(name)
    offsets = [wall.replace(tzinfo=rules, fold=fold).utcoffset() or _NONE for fold in (0, 1)]
    if offsets[0] == offsets[1]:
        return [wall - offsets[0]]
    # In a gap the later reading comes with the smaller offset, so that neither is true.
    return [wall - offset for offset in offsets] if offsets[0] > offsets[1] else []


def end_of_gap(name: str, wall: datetime) -> datetime:
    """The first instant after the gap that swallows *wall*."""
    rules = zone(name)
    # Read with the offset from before the shift, the wall lies just behind the shift.
    found = stretch(name, wall - (wall.replace(tzinfo=rules, fold=0).utcoffset() or _NONE))
    while found.gap is None:  # the turn of a year lies between
        found = stretch(name, found.begin - _SECOND)
    return found.begin


def gaps_between(name: str, after: datetime, until: datetime) -> Iterator[Stretch]:
    """The stretches that begin with a gap, later than *after* and not later than *until*."""
    found = stretch(name, after)
    while found.end <= until:
        found = stretch(name, found.end)
        if found.gap:
            yield found


def local(name: str, moment: datetime) -> datetime:
    """An aware UTC *moment* as the clocks of the zone show it."""
    return moment.astimezone(zone(name))


def naive(moment: datetime) -> datetime:
    """An aware moment as a naive UTC instant."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def aware(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC)


@cache
def _names() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split())


@cache
def _names_by_lower_case() -> dict[str, str]:
    return {name.lower(): name for name in sorted(_names())}


@cache
def _places() -> frozenset[str]:
    lines = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8").splitlines()
    return frozenset(line.split("\t")[2] for line in lines if line and not line.startswith("#"))


@cache
def _links() -> dict[str, str]:
    lines = files("tzdata").joinpath("zoneinfo", "tzdata.zi").read_text("utf-8").splitlines()
    links = [line.split() for line in lines if line.startswith("L ")]
    return {name: target for _, target, name in links}
