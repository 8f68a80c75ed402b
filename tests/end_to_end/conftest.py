"""One cluster for each file of tests, on the stack that the command line names."""

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


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> str:
    return str(request.config.getoption("--stack"))


@pytest.fixture(scope="module")
def cluster(stack: str) -> Iterator[Cluster]:
    with running(stack) as cluster:
        yield cluster
    assert cluster.processes() == []


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Client]:
    with cluster.client() as client:
        yield client
