"""Months of schedules, outages and silent workers, simulated, against a walk over real minutes (R51)."""

import os
from typing import Any

import pytest
from months import Month


@pytest.mark.timeout(4 * 3600)
def test_no_month_breaks_a_promise(session: Any) -> None:
    """`MONTHS=1000` looks at more of them, `MONTH=7` at one again."""
    one = os.environ.get("MONTH")
    seeds = [int(one)] if one else range(int(os.environ.get("MONTHS", "2")))
    refused = ran = 0
    for seed in seeds:
        with session.begin_nested() as all_of_it:
            month = Month(session, seed)
            month.live()
            broken = list(month.breaches())
            all_of_it.rollback()
        session.expunge_all()
        assert not broken, "\n".join([f"MONTH={seed} ({month.zone} from {month.begin})", *broken])
        refused, ran = refused + month.refused, ran + len(month.told)
    assert ran
    assert refused or len(seeds) < 10, "no worker came back too late in any of these months"
