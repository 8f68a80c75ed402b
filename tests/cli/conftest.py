"""The command line as a person types it, against a real server."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from nightbook import cli

# The world is the client's; tests are imported by file, so it is found only if we say where.
sys.path.insert(0, str(Path(__file__).parents[1] / "client"))
from live_house import House, write_notebook


@pytest.fixture(scope="session")
def house(tmp_path_factory):
    mask = os.umask(0o077)
    try:
        with House(tmp_path_factory.mktemp("home")).open() as opened:
            yield opened
    finally:
        os.umask(mask)


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def bare(capsys, monkeypatch, tmp_path):
    """Type a command, with no setting and no server."""
    for name in [name for name in os.environ if name.startswith("NIGHTBOOK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NIGHTBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def type_(*arguments):
        capsys.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return type_


@pytest.fixture
def nightbook(bare, house, monkeypatch, tmp_path):
    """Type a command as Ana, with her server and a notebook in the current folder."""
    monkeypatch.setenv("NIGHTBOOK_API_URL", house.url)
    monkeypatch.setenv("NIGHTBOOK_TOKEN", house.ana)
    write_notebook(tmp_path)
    return bare
