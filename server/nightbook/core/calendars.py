"""Calendars: days on which a schedule does not fire, by date or by the holidays of a country or market.

Holidays come from the `holidays` library, by an ISO 3166 code (`DE`, `DE-BE`) or by a market's (`XNYS`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from nightbook.core.errors import Invalid

if TYPE_CHECKING:
    from holidays import HolidayBase

Roll = Literal["skip", "next_business_day", "previous_business_day"]

_DAY = timedelta(days=1)
#: No country rests longer; a calendar of exclusions that does would never come to an end.
_LONGEST_REST = 60


@dataclass(frozen=True)
class Calendar:
    """Days left out: single dates, and the holidays of a named calendar."""

    dates: frozenset[date]
    holidays: str | None

    @classmethod
    def of(cls, dates: Sequence[str], holidays: str | None) -> "Calendar":
        """Raises Invalid `unknown_calendar`."""
        if holidays is not None:
            holidays_of(holidays)
        return cls(frozenset(date.fromisoformat(text) for text in dates), holidays)

    def why_excluded(self, day: date) -> str | None:
        """The holiday's name, or the word for an excluded date; None for a day like any other."""
        if self.holidays is not None and (name := holidays_of(self.holidays).get(day)) is not None:
            return str(name)
        return "excluded date" if day in self.dates else None

    def is_business_day(self, day: date) -> bool:
        weekend = holidays_of(self.holidays).weekend if self.holidays is not None else {5, 6}
        return day.weekday() not in weekend and self.why_excluded(day) is None

    def business_day(self, day: date, roll: Roll) -> date:
        """*day* or, where it is none, the business day after or before it. Raises Invalid."""
        step = _DAY if roll == "next_business_day" else -_DAY
        for _ in range(_LONGEST_REST):
            if self.is_business_day(day):
                return day
            day += step
        raise Invalid(
            "no_business_day",
            f"These exclusions leave no business day within {_LONGEST_REST} days. Exclude fewer dates.",
            field="exclude_dates",
        )

    def rest_before(self, day: date) -> date:
        """The first of the days without business that lead up to *day*; *day* itself where there are none."""
        for _ in range(_LONGEST_REST):
            if self.is_business_day(day - _DAY):
                break
            day -= _DAY
        return day


@lru_cache(maxsize=512)
def holidays_of(name: str) -> "HolidayBase":
    """The holidays of a country, a part of one, or a market. Raises Invalid `unknown_calendar`."""
    # Imported here: a client or worker reads wire types without having the library.
    import holidays

    country, _, part = name.partition("-")
    countries = holidays.list_supported_countries()
    try:
        if country in countries and (not part or part in countries[country]):
            return holidays.country_holidays(country, subdiv=part or None, language=_english(country))
        if not part and country in holidays.list_supported_financial():
            return holidays.financial_holidays(country)
    except (KeyError, NotImplementedError):
        pass
    raise Invalid(
        "unknown_calendar",
        "No such holiday calendar. Write a country (DE), a country and a part of it (DE-BE), "
        "or a market (XNYS).",
        field="holidays",
    )


def _english(country: str) -> str | None:
    import holidays

    return "en_US" if "en_US" in holidays.list_localized_countries().get(country, ()) else None
