"""Figures of small samples."""

import pytest

from nightbook.core.figures import percentile, ratio


@pytest.mark.parametrize(
    ("sample", "share", "expected"),
    [
        ([], 0.5, None),
        ([7], 0.95, 7),
        ([3, 1, 2], 0.5, 2),
        ([4, 1, 3, 2], 0.5, 2),
        (range(1, 101), 0.95, 95),
        (range(1, 21), 0.95, 19),
        ([1, 2], 0, 1),
    ],
)
def test_a_percentile_is_the_nearest_rank(sample, share, expected):
    assert percentile(sample, share) == expected


def test_a_ratio_of_nothing_is_no_number():
    assert ratio(0, 0) is None
    assert ratio(3, 4) == 0.75
