from datetime import timedelta

from world import NOON

from nightbook.beat.trust import Trust


def seconds_of_trust(*looks: tuple[float, float]) -> list[float]:
    """What each look says, given as the seconds that the wall and the steady clock have moved since noon."""
    trust = Trust(NOON, 1000.0)
    spans = [trust.look(NOON + timedelta(seconds=wall), 1000 + steady) for wall, steady in looks]
    return [span.total_seconds() for span in spans]


def test_silence_counts_from_the_start_of_the_beat():
    assert seconds_of_trust((5, 5), (10, 10), (15, 15)) == [5, 10, 15]


def test_a_look_that_comes_late_means_that_we_were_away():
    assert seconds_of_trust((5, 5), (35, 35), (40, 40)) == [5, 0, 5]


def test_a_clock_that_is_put_on_or_back_ends_no_lease():
    assert seconds_of_trust((5, 5), (7210, 10), (7215, 15)) == [5, 0, 5]
    assert seconds_of_trust((5, 5), (-7190, 10), (-7185, 15)) == [5, 0, 5]


def test_a_clock_that_is_corrected_a_little_changes_nothing():
    assert seconds_of_trust((5, 5), (8, 10), (13, 15)) == [5, 10, 15]


def test_nobody_is_judged_by_what_could_not_be_heard():
    trust = Trust(NOON, 0.0)
    trust.look(NOON + timedelta(seconds=5), 5.0)
    trust.lose(9.0)
    assert trust.look(NOON + timedelta(seconds=10), 10.0) == timedelta(seconds=1)
