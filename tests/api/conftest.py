"""The world of the bad inputs, one for each file of tests."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

# Tests are imported by file, so what stands beside them is found only if we say so.
sys.path.insert(0, str(Path(__file__).parent))
from bad_world import V1, World

POSTGRESQL = os.environ.get("TEST_POSTGRESQL_URL", "postgresql://postgres:postgres@127.0.0.1:5432/postgres")


@contextmanager
def _database(kind):
    if kind == "sqlite":
        yield None
        return
    try:
        server = psycopg.connect(POSTGRESQL, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        # Where the machine is meant to have one, its absence is a failure.
        if os.environ.get("CI"):
            raise
        pytest.skip("no PostgreSQL")
    name = f"nightbook_test_{uuid4().hex[:12]}"
    with server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{POSTGRESQL.rpartition('/')[0]}/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request, tmp_path_factory):
    with _database(request.param) as url:
        world = World(tmp_path_factory.mktemp("home"), url)
        world.open()
        yield world
        world.client.__exit__(None, None, None)


@pytest.fixture
def untidy():
    """For a test that must change something first."""


@pytest.fixture
def nothing_changes(request, world):
    before = world.rows()
    yield
    assert "untidy" in request.fixturenames or world.rows() == before


@pytest.fixture(scope="module")
def cookie(world):
    answer = world.client.post(
        f"{V1}/sessions", json={"token": world.admin}, headers={"sec-fetch-site": "same-origin"}
    )
    assert answer.status_code == 201, answer.text
    world.client.cookies.clear()
    return answer.headers["set-cookie"].partition(";")[0]
