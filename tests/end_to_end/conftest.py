"""One cluster for all tests, on the stack that the command line names."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightbook.client import Client

# Tests are imported by file, so what stands beside them is found only if we say so.
sys.path.insert(0, str(Path(__file__).parent))
from cluster import Cluster, running

STACKS = ("embedded", "postgres-redis", "postgres-rabbitmq")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stack", choices=STACKS, default="embedded", help="what the cluster stands on")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "any_stack: the same on every stack, so it is run on the default one")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what has nothing to do with the stack, unless this is the default one."""
    if config.getoption("--stack") == STACKS[0]:
        return
    left_out = [item for item in items if item.get_closest_marker("any_stack")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def shared_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with running(str(request.config.getoption("--stack"))) as cluster:
        yield cluster


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Cluster:
    shared_cluster.heal()
    return shared_cluster


@pytest.fixture(scope="session")
def api(shared_cluster: Cluster) -> Iterator[Client]:
    with shared_cluster.client() as client:
        yield client
