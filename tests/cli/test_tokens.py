"""`nightbook token …`, `init`, `migrate` and `doctor`."""

import sqlite3
import stat
from contextlib import closing

import pytest

from nightbook import manage


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def operator(bare, tmp_path):
    """Type a command on a machine with a database of its own and no server."""
    assert bare("init").code == 0
    return bare


def test_a_first_start_makes_what_is_needed_for_its_user_alone(bare, tmp_path):
    files = bare("init", "-o", "json").json["tokens"]

    home = tmp_path / "home"
    assert {name: mode(home / file.rpartition("/")[2]) for name, file in files.items()} == {
        "administrator": 0o600,
        "lab": 0o600,
        "worker": 0o600,
    }
    assert [path.name for path in home.rglob("*") if mode(path) & 0o077] == []
    assert mode(home) == 0o700


def test_a_second_start_keeps_the_tokens(operator, tmp_path):
    before = (tmp_path / "home" / "token").read_text()

    operator("init")

    assert (tmp_path / "home" / "token").read_text() == before


@pytest.mark.parametrize("content", ["", "nb_pat_forged", "\xff"])
def test_a_token_that_no_longer_holds_is_made_anew(operator, tmp_path, content):
    file = tmp_path / "home" / "token"
    file.write_text(content, encoding="latin-1")

    assert operator("init").code == 0

    assert file.read_text().startswith("nb_pat_")
    assert mode(file) == 0o600


def test_the_first_token_of_a_server_is_made_on_its_machine(operator):
    said = operator("token", "create", "ci", "--scope", "runs:read", "--local")

    assert said.out.startswith("nb_pat_")
    listed = operator("token", "list", "--local", "-o", "json").json["items"]
    assert [token["scopes"] for token in listed if token["name"] == "ci"] == [["runs:read"]]


def test_a_token_may_go_straight_into_a_file(operator, tmp_path):
    file = tmp_path / "ci-token"

    said = operator("token", "create", "ci", "--local", "--save", file)

    assert file.read_text().startswith("nb_pat_")
    assert mode(file) == 0o600
    assert "nb_" not in said.out + said.err


def test_a_file_that_is_there_is_not_written_over_and_no_token_is_made(operator, tmp_path):
    file = tmp_path / "kept"
    file.write_text("mine")

    said = operator("token", "create", "ci", "--local", "--save", file)

    assert said.code == 1
    assert file.read_text() == "mine"
    assert len(operator("token", "list", "--local", "-o", "json").json["items"]) == 3


def test_a_refused_token_leaves_no_file(operator, tmp_path):
    said = operator("token", "create", "ci", "--scope", "everything", "--local", "--save", tmp_path / "new")

    assert said.code == 1
    assert not (tmp_path / "new").exists()


def test_a_workers_token_is_asked_for_by_its_scope(operator):
    said = operator("token", "create", "w", "--scope", "worker", "--pool", "default", "--local", "-o", "json")

    assert (said.json["kind"], said.json["pools"]) == ("wrk", ["default"])


def test_a_revoked_token_is_listed_as_revoked(operator):
    made = operator("token", "create", "ci", "--local", "-o", "json").json

    operator("token", "revoke", made["id"], "--local")

    listed = operator("token", "list", "--local", "-o", "json").json["items"]
    assert [token["name"] for token in listed if token["revoked_at"]] == ["ci"]


def test_tokens_of_another_machine_go_through_the_api(nightbook):
    made = nightbook("token", "create", "ci", "--days", "1", "-o", "json")

    assert made.json["token"].startswith("nb_pat_")
    assert nightbook("token", "revoke", made.json["id"], "-o", "json").json["revoked"] is True


def test_a_server_does_not_start_on_a_database_of_another_revision(bare):
    said = bare("serve", "--port", "0")

    assert said.code == 1
    assert "nightbook migrate" in said.err


def test_two_servers_on_one_sqlite_file_are_refused(nightbook, house, monkeypatch):
    monkeypatch.setenv("NIGHTBOOK_HOME", str(house.settings.home))

    with manage._the_only_server(house.settings):
        said = nightbook("serve", "--port", "0")

    assert said.code == 1
    assert "Another server uses the database" in said.err


@pytest.mark.parametrize("words", [["migrate"], ["init"], ["serve", "--port", "0"]])
def test_a_database_of_a_newer_release_is_left_alone(operator, tmp_path, words):
    with closing(sqlite3.connect(tmp_path / "home" / "nightbook.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999_the_future'")
        database.commit()

    said = operator(*words)

    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "release" in said.err


def test_migrating_makes_the_database_ready(bare):
    assert bare("migrate").code == 0
    assert bare("token", "list", "--local", "-o", "json").json["items"] == []


def test_a_database_that_is_not_there_is_one_line(bare, monkeypatch):
    monkeypatch.setenv("NIGHTBOOK_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")

    said = bare("migrate")

    assert (said.code, said.err.count("\n")) == (1, 1)
    assert said.err.startswith("error: NIGHTBOOK_DATABASE_URL: ")


def test_a_home_that_cannot_be_made_is_one_line(bare, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NIGHTBOOK_HOME", str(tmp_path / "file" / "home"))

    said = bare("init")

    assert (said.code, said.err.count("\n")) == (1, 1)


def test_the_check_up_is_content_where_all_is_well(nightbook, house, monkeypatch):
    monkeypatch.setenv("NIGHTBOOK_HOME", str(house.settings.home))

    checks = {check["name"]: check for check in nightbook("doctor", "-o", "json").json["items"]}

    wanted = ("home", "token", "database", "artifacts", "broker", "server", "clock", "rights", "workers")
    assert {name: checks[name]["verdict"] for name in wanted} == dict.fromkeys(wanted, "ok")


def test_the_check_up_names_a_next_step_for_each_fault(bare, tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTBOOK_API_URL", "http://127.0.0.1:9")
    (tmp_path / "home").mkdir(mode=0o755)
    (tmp_path / "home").chmod(0o755)

    said = bare("doctor", "-o", "json")

    faults = [check for check in said.json["items"] if check["verdict"] != "ok"]
    assert said.code == 1
    assert {"home", "token", "server"} <= {check["name"] for check in faults}
    assert all(check["next_step"] for check in faults)
