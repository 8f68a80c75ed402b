from datetime import UTC, datetime, timedelta

import pytest

from nightbook.core.clock import first_id_at, new_id, utc_now


def test_an_id_stands_between_those_of_the_moments_around_it():
    before = utc_now()
    made = new_id()

    assert first_id_at(before) <= made < first_id_at(utc_now() + timedelta(milliseconds=1))


@pytest.mark.parametrize("year", [1, 1969, 9999])
def test_a_moment_that_no_id_can_tell_has_the_nearest(year):
    assert first_id_at(datetime(year, 12, 31, tzinfo=UTC)).int >> 80 < 1 << 48
