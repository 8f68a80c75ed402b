"""Makes the three CSV files of this folder, the same bytes each time.

Run it from anywhere: `python notebooks/data/make_data.py [FOLDER]`. Only the standard library and one
seed are used, so that everybody's copy is equal and a test can compare it with the files in git.
"""

import csv
import math
import random
import sys
from datetime import date, timedelta
from pathlib import Path

SEED = 20260105
FIRST_DAY = date(2026, 1, 5)
DAYS = 26 * 7
REGIONS = {"north": 1.0, "south": 1.25, "east": 0.8, "west": 1.1}
CATEGORIES = {"coffee": (64, 9.5), "tea": (38, 7.2), "equipment": (6, 48.0)}
WEEK = [0.92, 0.90, 0.95, 1.00, 1.18, 1.32, 0.73]
PLANS = {"basic": 19.0, "plus": 49.0, "business": 129.0}


def sales(dice: random.Random) -> list[dict[str, object]]:
    """A row per day, region and category: a weekly rhythm, slow growth, noise, one bad week in the west."""
    rows: list[dict[str, object]] = []
    for n in range(DAYS):
        day = FIRST_DAY + timedelta(days=n)
        for region, size in REGIONS.items():
            for category, (units, price) in CATEGORIES.items():
                season = WEEK[day.weekday()] * (1 + 0.0012 * n) * (1 + 0.05 * math.sin(2 * math.pi * n / 91))
                shortage = 0.55 if region == "west" and 154 <= n < 161 else 1.0
                sold = max(0, round(units * size * season * shortage * dice.gauss(1, 0.07)))
                paid = round(sold * price * dice.uniform(0.97, 1.03), 2)
                row = {
                    "date": day,
                    "region": region,
                    "category": category,
                    "units": sold,
                    "revenue": f"{paid:.2f}",
                }
                rows.append(row)
    return rows


def customers(dice: random.Random) -> list[dict[str, object]]:
    """A row per customer; who logs in little and asks for help often leaves more often."""
    rows: list[dict[str, object]] = []
    for n in range(1, 601):
        plan = dice.choices(list(PLANS), weights=[6, 3, 1])[0]
        months = dice.randint(1, 48)
        logins = max(0, round(dice.gauss(14, 7)))
        tickets = min(9, int(dice.expovariate(0.8)))
        pull = 0.4 - 0.16 * logins + 0.55 * tickets - 0.02 * months + (0.4 if plan == "basic" else 0)
        rows.append(
            {
                "customer_id": f"C{n:05d}",
                "region": dice.choices(list(REGIONS), weights=list(REGIONS.values()))[0],
                "plan": plan,
                "months": months,
                "monthly_spend": f"{PLANS[plan] * dice.uniform(0.9, 1.6):.2f}",
                "logins_30d": logins,
                "tickets_90d": tickets,
                "churned": int(dice.random() < 1 / (1 + math.exp(-pull))),
            }
        )
    return rows


def orders(dice: random.Random) -> list[dict[str, object]]:
    """A row per order, with the small faults that real tables have: gaps, and prices typed by hand."""
    rows: list[dict[str, object]] = []
    last_day = FIRST_DAY + timedelta(days=DAYS - 1)
    for n in range(1, 401):
        rows.append(
            {
                "order_id": f"O{n:06d}",
                "ordered_on": last_day - timedelta(days=(400 - n) // 14),
                "customer_id": f"C{dice.randint(1, 600):05d}",
                "channel": "" if n in {41, 117, 233, 302, 377} else dice.choice(["web", "shop", "phone"]),
                "quantity": dice.randint(1, 12),
                "unit_price": "12,90 EUR" if n == 371 else f"{dice.uniform(4, 60):.2f}",
            }
        )
    return rows


def write(path: Path, rows: list[dict[str, object]]) -> None:
    """Write *rows* as CSV with plain line ends."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main(folder: Path) -> None:
    """Write all three files; each has dice of its own, so that a change of one leaves the others alone."""
    for name, rows in (("sales", sales), ("customers", customers), ("orders", orders)):
        write(folder / f"{name}.csv", rows(random.Random(f"{SEED} {name}")))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
