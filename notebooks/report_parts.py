"""What the weekly review is made of: reading, adding up by week, finding falls, drawing a table.

A sibling module of `weekly_review.ipynb`, declared in that notebook's metadata.
"""

import csv
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape
from itertools import pairwise
from pathlib import Path


@dataclass(frozen=True)
class Sale:
    """One row of the sales table."""

    day: date
    region: str
    revenue: float
    units: float


@dataclass(frozen=True)
class Week:
    """One week, named by its Monday, with a sum per region."""

    monday: date
    sums: dict[str, float]


@dataclass(frozen=True)
class Fall:
    """A region that did clearly worse than the week before."""

    week: date
    region: str
    share: float


def read_sales(path: str) -> list[Sale]:
    """Read the sales table."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return [
            Sale(date.fromisoformat(row["date"]), row["region"], float(row["revenue"]), float(row["units"]))
            for row in csv.DictReader(file)
        ]


def by_week(sales: list[Sale], measure: str) -> list[Week]:
    """Add up *measure* (`revenue` or `units`) by week and region, oldest week first."""
    sums: dict[date, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for sale in sales:
        monday = sale.day - timedelta(days=sale.day.weekday())
        sums[monday][sale.region] += getattr(sale, measure)
    return [Week(monday, dict(sums[monday])) for monday in sorted(sums)]


def falls(weeks: list[Week], alert_drop: float) -> list[Fall]:
    """Find the regions that fell by more than *alert_drop* against the week before."""
    found = []
    for before, week in pairwise(weeks):
        for region, value in week.sums.items():
            share = 1 - value / before.sums[region] if before.sums.get(region) else 0.0
            if share > alert_drop:
                found.append(Fall(week.monday, region, share))
    return found


def as_html(weeks: list[Week], alert_drop: float) -> str:
    """Draw a table: a row a week, a column a region, clear falls in bold with an arrow."""
    regions = sorted({region for week in weeks for region in week.sums})
    fallen = {(fall.week, fall.region) for fall in falls(weeks, alert_drop)}
    lines = [
        "<table><thead><tr><th>week of</th>",
        *(f"<th>{escape(region)}</th>" for region in regions),
        "</tr></thead><tbody>",
    ]
    for week in weeks:
        lines.append(f"<tr><td>{week.monday:%d %b %Y}</td>")
        for region in regions:
            text = f"{week.sums.get(region, 0):,.0f}"
            lines.append(
                f"<td><b>▼ {text}</b></td>" if (week.monday, region) in fallen else f"<td>{text}</td>"
            )
        lines.append("</tr>")
    return "".join([*lines, "</tbody></table>"])
