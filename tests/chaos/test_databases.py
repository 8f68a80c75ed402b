"""The database crashes, goes away, or loses its answers: what was answered is there, once (R25-R27, R29)."""

import time
from collections.abc import Callable, Iterator

import pytest
from experiment import Experiment
from fleet import Fleet, Size, running
from nemesis import Nemesis, planned
from postgres import OwnPostgres, own_postgres, programs

LONG = pytest.mark.long


@pytest.fixture(scope="module")
def postgres(missing: Callable[[str], None]) -> Iterator[OwnPostgres]:
    place = programs()
    if place is None:
        missing("a PostgreSQL that can be started")
        return
    with own_postgres(place) as server:
        yield server


@pytest.fixture(scope="module")
def whole_fleet(postgres: OwnPostgres) -> Iterator[Fleet]:
    """Two servers, so that an order that one of them cannot answer is repeated to the other."""
    with running("postgres-redis", Size(servers=2), database_url=postgres.url) as fleet:
        yield fleet


@pytest.fixture
def fleet(whole_fleet: Fleet) -> Fleet:
    whole_fleet.heal()
    return whole_fleet


def under_orders(experiment: Experiment, break_it: Callable[[], None], *, within: int) -> None:
    """Break it while schedules fire for *within* seconds and somebody orders runs."""
    end = experiment.schedules_of_all_kinds(12, within=within, seconds=0.2)
    with experiment.ordering(every=0.5, seconds=0.2) as orders:
        time.sleep(3)
        break_it()
    experiment.take(orders)
    experiment.quiet()
    experiment.settle(end)
    experiment.require_kept()


@pytest.mark.timeout(900)
def test_a_database_that_crashes_again_and_again_keeps_what_was_answered(
    experiment: Experiment, postgres: OwnPostgres, is_full: bool
) -> None:
    times = 20 if is_full else 3

    def crash() -> None:
        for _ in range(times):
            postgres.crash_and_start()
            time.sleep(3)

    under_orders(experiment, crash, within=8 * times)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "seconds", [pytest.param(8), pytest.param(30, marks=LONG), pytest.param(90, marks=LONG)]
)
def test_a_database_that_is_away_loses_no_fire_time(
    experiment: Experiment, postgres: OwnPostgres, seconds: int
) -> None:
    def take_away() -> None:
        postgres.crash()
        time.sleep(seconds)
        postgres.start()

    under_orders(experiment, take_away, within=seconds + 10)


@pytest.mark.timeout(900)
@LONG
def test_a_database_on_a_dead_line_is_given_up_and_found_again(experiment: Experiment) -> None:
    """Half-open: no reset, no answer, as behind a switch that lost its power."""
    line = experiment.fleet.database_line
    assert line is not None

    def hold() -> None:
        line.hold()
        time.sleep(40)
        line.cut()
        line.open()

    under_orders(experiment, hold, within=50)


@pytest.mark.timeout(900)
def test_answers_that_are_lost_after_the_commit_make_nothing_twice(
    experiment: Experiment, is_full: bool
) -> None:
    """Of the database to servers and beats, of the server to its workers, and to who orders runs."""
    fleet, times = experiment.fleet, 100 if is_full else 12
    database, workers, people = fleet.database_line, fleet.workers_line, fleet.front
    assert database is not None

    def lose() -> None:
        for number in range(times):
            database.lose_answers(1, to=b"COMMIT")
            workers.lose_answers(1, to=(b"/claim", b"/finish", b"/journal", b"/heartbeat")[number % 4])
            people.lose_answers(number % 3 == 0, to=b"POST /api/v1/runs")
            time.sleep(0.7)

    under_orders(experiment, lose, within=times)
    lost = [line.answers_lost for line in (database, workers, people)]
    experiment.tell(f"answers lost of database, to workers, to people: {lost}")
    assert min(lost) >= 2


@pytest.mark.timeout(900)
@LONG
def test_lines_that_are_cut_and_slow_delay_and_lose_nothing(experiment: Experiment) -> None:
    """Each piece 0.1 s late, and every connection reset every few seconds."""
    fleet = experiment.fleet
    lines = [one for one in (fleet.database_line, fleet.broker_line, fleet.workers_line) if one is not None]

    def disturb() -> None:
        for line in lines:
            line.seconds = 0.1
        Nemesis(fleet, tell=experiment.tell).act(planned(experiment.seed, {"cut": 1}, 10, every=4))

    under_orders(experiment, disturb, within=60)
