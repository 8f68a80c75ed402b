"""The edges of the command line: tokens, settings, errors, exit codes, what is not installed."""

import subprocess
import sys

import pytest

from nightbook import cli
from nightbook.client import Conflicting, NotAllowed


def test_a_token_on_the_command_line_is_refused_and_not_repeated(bare):
    token = "nb_pat_" + "a1B2c3D4e5" * 4

    said = bare("runs", "list", f"--token={token}")

    assert said.code == 2
    assert "NIGHTBOOK_TOKEN_FILE" in said.err
    assert token not in said.err


def test_where_no_server_answers_the_next_step_is_said(bare, monkeypatch):
    monkeypatch.setenv("NIGHTBOOK_API_URL", "http://127.0.0.1:9")

    said = bare("runs", "list")

    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(
        "error: No server answers at http://127.0.0.1:9. Start one with 'nightbook up'"
    )


def test_without_a_token_the_next_step_is_said(bare, house, monkeypatch):
    monkeypatch.setenv("NIGHTBOOK_API_URL", house.url)

    said = bare("runs", "list")

    assert said.code == 1
    assert "NIGHTBOOK_TOKEN_FILE" in said.err


def test_a_token_file_that_is_missing_is_named(bare, monkeypatch, tmp_path):
    monkeypatch.setenv("NIGHTBOOK_TOKEN_FILE", str(tmp_path / "none"))

    said = bare("runs", "list")

    assert said.err == f"error: NIGHTBOOK_TOKEN_FILE: there is no file {tmp_path / 'none'}.\n"


def test_what_ones_token_does_not_allow_has_an_exit_code_of_its_own(nightbook, house, monkeypatch):
    monkeypatch.setenv("NIGHTBOOK_TOKEN", house.cleo)

    said = nightbook("run", "daily_sales.ipynb")

    assert said.code == 6
    assert "schedules:write" in said.err


def test_a_refusal_by_overlap_has_that_exit_code_too():
    refused = Conflicting("One runs.", status=409, code="already_running")
    taken = Conflicting("Taken.", status=409, code="name_taken")

    assert [cli._is_policy(error) for error in (refused, taken)] == [True, False]
    assert cli._is_policy(NotAllowed("No.", status=403, code="scope_missing"))


def test_an_unknown_setting_is_one_line_that_names_it(bare, monkeypatch):
    monkeypatch.setenv("NIGHTBOOK_COLOUR", "blue")

    said = bare("runs", "list")

    assert (said.code, said.err.count("\n")) == (1, 1)
    assert said.err.startswith("error: NIGHTBOOK_COLOUR: unknown setting")


@pytest.mark.parametrize("content", ["port = 'x'", "colour = 'blue'", "port =", "\x00"])
def test_a_wrong_file_of_settings_is_one_line(bare, tmp_path, content):
    (tmp_path / "nightbook.toml").write_text(content)

    said = bare("doctor", "--config", tmp_path / "nightbook.toml")

    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)


def test_no_home_folder_is_one_line(bare, monkeypatch):
    monkeypatch.delenv("NIGHTBOOK_HOME")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pathlib.Path.home", _homeless)

    said = bare("runs", "list")

    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "NIGHTBOOK_HOME" in said.err


def _homeless():
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize(
    "words",
    [["frobnicate"], ["runs", "frobnicate"], ["run"], ["runs", "list", "-o", "xml"], ["runs", "list", "-x"]],
)
def test_what_is_no_command_is_a_usage_error_of_one_line(bare, words):
    said = bare(*words)

    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert "--help" in said.err


def test_every_command_explains_itself(bare):
    for words in (
        [],
        ["run"],
        ["runs"],
        ["schedule", "create"],
        ["up"],
        ["serve"],
        ["token", "create"],
        ["doctor"],
    ):
        said = bare(*words, "--help")
        assert (said.code, "Usage:" in said.out) == (0, True), words


def test_the_version_is_told(bare):
    assert bare("--version").out.startswith("nightbook 0.")


def test_a_fault_of_ours_is_one_line_too(bare, monkeypatch):
    monkeypatch.setattr("nightbook.commands.pools.connect", lambda: 1 / 0)

    said = bare("pools", "list")

    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "please report it: ZeroDivisionError" in said.err


def test_text_from_elsewhere_steers_no_terminal(bare, monkeypatch):
    def fail():
        raise cli.NightbookError("a name with \x1b[2J in it\nand a second line")

    monkeypatch.setattr("nightbook.commands.pools.connect", fail)

    assert bare("pools", "list").err == "error: a name with \ufffd[2J in it and a second line\n"


@pytest.mark.parametrize(
    ("words", "extra", "missing"),
    [
        ("serve", "server", "uvicorn"),
        ("beat", "server", "sqlmodel"),
        ("migrate", "server", "alembic"),
        ("worker", "worker", "dramatiq"),
        ("up", "all", "psutil"),
    ],
)
def test_a_command_whose_packages_are_missing_names_the_extra(words, extra, missing):
    absent = f"import sys; sys.modules[{missing!r}] = None"
    code = f"{absent}; from nightbook.cli import run; sys.exit(run([{words!r}]))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert f"({missing}): pip install 'nightbook[{extra}]'" in done.stderr


def test_the_command_line_alone_loads_neither_the_server_nor_the_worker():
    forbidden = (
        "fastapi",
        "sqlalchemy",
        "sqlmodel",
        "dramatiq",
        "papermill",
        "nightbook.records",
        "nightbook.adapters",
    )
    code = f"import sys, nightbook.cli; print([m for m in {forbidden!r} if m in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_reader_who_goes_away_is_no_fault(nightbook, tmp_path):
    command = f"{sys.executable} -m nightbook notebooks list -o json | true"

    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)

    assert done.stderr == ""
