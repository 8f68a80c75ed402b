"""Fleets for experiments, sized for every change or, with --all, for a release."""

import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Tests are imported by file, so what stands beside them is found only if we say so.
_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(Path(__file__).parent), str(_TESTS / "end_to_end"), str(_TESTS)]

from experiment import Experiment  # noqa: E402
from fleet import STACKS, Fleet, running  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="all experiments in full size, not the quick ones")
    parser.addoption("--seed", type=int, help="make the faults of an earlier seed happen again")
    parser.addoption("--rounds", type=int, help="how many faults of a storm")


def pytest_configure(config: pytest.Config) -> None:
    # Drawn before the processes of xdist start, so that all of them have the same.
    if config.getoption("--seed", default=0) is None:
        config.option.seed = random.SystemRandom().randrange(10**6)
    config.addinivalue_line("markers", "long: for `make chaos` only, being slow or of another stack")


def pytest_report_header(config: pytest.Config) -> str:
    return f"chaos: to have the same faults again: --seed {config.getoption('--seed', default=0)}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--all", default=False):
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--seed"))


@pytest.fixture(scope="session")
def is_full(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--all"))


@pytest.fixture(scope="session")
def rounds(request: pytest.FixtureRequest, is_full: bool) -> int:
    """How many faults a storm has."""
    given = request.config.getoption("--rounds")
    return int(given) if given is not None else 50 if is_full else 8


@pytest.fixture(scope="session")
def fleets() -> Iterator[Callable[[str], Fleet]]:
    """A fleet for each stack that is asked for; one at a time, because the machine is small."""
    open_ones: dict[str, tuple[object, Fleet]] = {}

    def of(stack: str) -> Fleet:
        if stack not in open_ones:
            close_all()
            context = running(stack)
            open_ones[stack] = (context, context.__enter__())
        return open_ones[stack][1]

    def close_all() -> None:
        while open_ones:
            _, (context, _) = open_ones.popitem()
            context.__exit__(None, None, None)  # type: ignore[attr-defined]

    yield of
    close_all()


@pytest.fixture
def fleet(request: pytest.FixtureRequest, fleets: Callable[[str], Fleet]) -> Fleet:
    """The fleet of the test's stack, healed of what an earlier test did to it."""
    found = fleets(getattr(request, "param", STACKS[0]))
    found.heal()
    return found


@pytest.fixture
def experiment(request: pytest.FixtureRequest, fleet: Fleet, seed: int) -> Iterator[Experiment]:
    with fleet.client() as client:
        yield Experiment(fleet, client, request.node.originalname.removeprefix("test_"), seed=seed)


@pytest.fixture(scope="session")
def missing(is_full: bool) -> Callable[[str], None]:
    """Says what this machine lacks: a reason to skip, unless everything was asked for."""

    def say(what: str) -> None:
        if is_full or os.environ.get("CI"):
            pytest.fail(f"{what} is missing, and no experiment may be left out here")
        pytest.skip(f"{what} is missing")

    return say
