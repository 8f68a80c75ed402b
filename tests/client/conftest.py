"""A real server for all tests of this folder, and a client that speaks to a scripted one."""

import os
import sys
from pathlib import Path

import httpx
import pytest

from nightbook.client import Client

# Tests are imported by file, so what stands beside them is found only if we say so.
sys.path.insert(0, str(Path(__file__).parent))
from live_house import House, write_notebook


@pytest.fixture(scope="session")
def house(tmp_path_factory):
    mask = os.umask(0o077)
    try:
        with House(tmp_path_factory.mktemp("home")).open() as opened:
            yield opened
    finally:
        os.umask(mask)


@pytest.fixture
def client(house):
    with Client(house.url, house.ana) as opened:
        yield opened


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """A notebook in the current folder."""
    monkeypatch.chdir(tmp_path)
    return write_notebook(tmp_path)


class Script:
    """Answers a client's requests one after the other, and keeps what was asked."""

    def __init__(self, *answers):
        self._answers = list(answers)
        self.requests = []
        self.pauses = []

    def __call__(self, request):
        request.read()
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **options):
        return Client(
            "http://nightbook.test",
            "nb_pat_x",
            transport=httpx.MockTransport(self),
            pause=self.pauses.append,
            **options,
        )


@pytest.fixture
def script():
    return Script
