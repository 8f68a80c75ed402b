"""Every command of the manual's page is run as it stands there, from top to bottom."""

import re
import shlex
from pathlib import Path

import pytest

MANUAL = Path(__file__).parents[2] / "docs" / "cli.md"
#: Proved in test_supervisor; it does not come back until it is told to.
ELSEWHERE = {"nightbook up"}


def commands():
    blocks = re.findall(r"```console\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


@pytest.fixture
def world(nightbook):
    """What the page speaks of: a run that is over, one that goes on, a token."""
    run = nightbook("run", "daily_sales.ipynb", "--wait", "-o", "json").json["id"]
    running = nightbook("run", "daily_sales.ipynb", "-p", "region=forever", "-o", "json").json["id"]
    token = nightbook("token", "create", "of the manual", "-o", "json").json["id"]
    other = nightbook("runs", "rerun", run, "-p", "region=north", "--wait", "-o", "json").json["id"]
    return {"$RUN": run, "$OTHER": other, "$RUNNING": running, "$TOKEN_ID": token}


def test_the_commands_of_the_manual_do_what_it_says(nightbook, world, house, monkeypatch):
    monkeypatch.setenv("NIGHTBOOK_HOME", str(house.settings.home))
    said = {}
    for line in commands():
        if line not in ELSEWHERE:
            words = [world.get(word, word) for word in shlex.split(line)[1:]]
            said[line] = nightbook(*words)

    # What JupyterLab has on this machine is not the page's matter.
    doctor = said.pop("nightbook doctor")
    assert {line: answer.err for line, answer in said.items() if answer.code != 0} == {}
    assert "next step" in doctor.out
    assert len(said) > 25


def test_every_command_that_there_is_has_a_place_in_the_manual(bare):
    page = MANUAL.read_text(encoding="utf-8")
    names = re.findall(r"^│ (\w+) ", bare("--help").out, re.MULTILINE)

    assert [name for name in names if f"nightbook {name}" not in page] == []
    assert len(names) >= 14
