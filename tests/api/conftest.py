"""The world of the bad inputs, one for each file of tests."""

import sys
from pathlib import Path

import pytest

# Tests are imported by file, so what stands beside them is found only if we say so.
sys.path.insert(0, str(Path(__file__).parent))
from bad_world import V1, World


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("home"))
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
