"""`nightbook run` and `nightbook runs …`."""

import json
import threading
from pathlib import Path

import pytest
import yaml

from nightbook.client import Client


@pytest.fixture
def finished(nightbook):
    return nightbook("run", "daily_sales.ipynb", "--wait", "-o", "json").json


def test_a_notebook_is_uploaded_with_its_files_and_run(nightbook):
    said = nightbook("run", "daily_sales.ipynb", "--wait", "-o", "json")

    assert said.code == 0
    assert (said.json["state"], said.json["notebook"]["path"]) == ("succeeded", "daily_sales.ipynb")


def test_without_wait_the_run_is_only_made(nightbook):
    said = nightbook("run", "daily_sales.ipynb", "-p", "region=forever", "-o", "json")

    assert (said.code, said.json["state"]) == (0, "queued")
    nightbook("runs", "cancel", said.json["id"], "--wait")


def test_the_exit_code_says_that_the_run_failed(nightbook):
    said = nightbook("run", "daily_sales.ipynb", "-p", "region=nowhere", "--wait")

    assert said.code == 4
    assert "KeyError" in said.out


def test_the_exit_code_says_that_the_run_ended_otherwise(nightbook, house):
    made = nightbook("run", "daily_sales.ipynb", "-p", "region=forever", "-o", "json").json
    with Client(house.url, house.ana) as ana:
        cancel = threading.Thread(target=ana.runs.cancel, args=(made["id"], "enough"))
        cancel.start()
        said = nightbook("runs", "logs", "-f", made["id"])
        cancel.join()

    assert said.code == 5


def test_values_are_typed_as_the_notebook_declares_them(nightbook):
    said = nightbook("run", "daily_sales.ipynb", "-p", "region=5", "-p", "days=5", "-o", "json")

    assert said.json["parameters"] == {"region": "5", "days": 5}


def test_a_value_of_the_wrong_type_is_one_line_with_the_field(nightbook):
    said = nightbook("run", "daily_sales.ipynb", "-p", "days=many")

    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("error: parameters.days: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("pair", ["days", "=5", ""])
def test_a_pair_that_is_none_is_a_usage_error(nightbook, pair):
    assert nightbook("run", "daily_sales.ipynb", "-p", pair).code == 2


def test_a_parameter_given_twice_is_a_usage_error(nightbook):
    assert nightbook("run", "daily_sales.ipynb", "-p", "days=1", "-p", "days=2").code == 2


def test_a_notebook_that_is_nowhere_is_said_so(nightbook):
    said = nightbook("run", "nowhere.ipynb")

    assert said.code == 1
    assert said.err == "error: nowhere.ipynb: no such file here, and no such notebook on the server.\n"


def test_a_notebook_of_the_server_needs_no_file_here(nightbook, finished):
    Path("daily_sales.ipynb").unlink()

    said = nightbook("run", "daily_sales.ipynb", "-o", "json")

    assert said.json["notebook"]["sha256"] == finished["notebook"]["sha256"]


def test_a_missing_sibling_is_named(nightbook):
    Path("parts/report_parts.py").unlink()

    said = nightbook("run", "daily_sales.ipynb")

    assert said.code == 1
    assert "parts/report_parts.py" in said.err


def test_json_stands_alone_on_stdout(nightbook):
    said = nightbook("run", "daily_sales.ipynb", "--wait", "-o", "json")

    assert json.loads(said.out)["schema_version"] == 1
    assert said.err == ""


def test_every_list_is_a_document_with_a_version(nightbook, finished):
    for words in (["runs"], ["schedule"], ["notebooks"], ["pools"], ["workers"], ["token"]):
        document = nightbook(*words, "list", "-o", "json").json
        assert document["schema_version"] == 1, words
        assert isinstance(document["items"], list), words


def test_yaml_holds_the_same_as_json(nightbook, finished):
    as_json = nightbook("runs", "show", finished["id"], "-o", "json").json

    assert yaml.safe_load(nightbook("runs", "show", finished["id"], "-o", "yaml").out) == as_json


def test_a_table_shows_whole_ids_where_nobody_is_watching(nightbook, finished):
    said = nightbook("runs", "list", "--limit", "200")

    assert finished["id"] in said.out
    assert "\x1b" not in said.out


def test_a_list_is_as_long_as_asked(nightbook, finished):
    nightbook("run", "daily_sales.ipynb")

    assert len(nightbook("runs", "list", "--limit", "1", "-o", "json").json["items"]) == 1


def test_runs_are_found_by_their_state(nightbook, finished):
    nightbook("run", "daily_sales.ipynb", "-p", "region=nowhere", "--wait")

    found = nightbook("runs", "list", "--state", "failed", "--state", "lost", "-o", "json").json["items"]

    assert {run["state"] for run in found} == {"failed"}


def test_a_rerun_is_linked_to_its_parent_and_lays_parameters_over_the_old_ones(nightbook):
    first = nightbook("run", "daily_sales.ipynb", "-p", "region=south", "-p", "days=1", "-o", "json").json

    again = nightbook("runs", "rerun", first["id"], "-p", "days=2", "--wait", "-o", "json")

    assert again.code == 0
    assert again.json["rerun_of"] == first["id"]
    assert again.json["parameters"] == {"region": "south", "days": 2}


def test_the_log_is_what_the_run_printed(nightbook, finished):
    plain = nightbook("runs", "logs", finished["id"])
    live = nightbook("runs", "logs", "-f", finished["id"])

    assert "12 regions\n" in plain.out
    assert live.out == plain.out
    assert (plain.code, live.code) == (0, 0)


def test_artifacts_come_under_their_names(nightbook, finished, tmp_path):
    said = nightbook("runs", "download", finished["id"], "--to", tmp_path / "fetched", "-o", "json")

    assert (tmp_path / "fetched" / "outputs" / "report.csv").read_text() == "region,total\nnorth,12\n"
    assert {item["name"] for item in said.json["items"]} >= {"notebook.ipynb", "manifest.json"}


def test_one_artifact_may_be_named(nightbook, finished, tmp_path):
    said = nightbook("runs", "download", finished["id"], "outputs/report.csv", "--to", tmp_path / "one")

    assert said.out == f"{tmp_path / 'one' / 'outputs' / 'report.csv'}\n"
    assert [file.name for file in (tmp_path / "one").rglob("*") if file.is_file()] == ["report.csv"]


def test_cancelling_what_is_over_is_an_error(nightbook, finished):
    said = nightbook("runs", "cancel", finished["id"])

    assert said.code == 1
    assert "ended already" in said.err


@pytest.mark.parametrize("word", ["7", "../..", "0190a7e0-0000-7000-8000"])
def test_what_is_no_id_is_a_usage_error(nightbook, word):
    assert nightbook("runs", "show", word).code == 2


def test_a_run_that_does_not_exist_is_an_error(nightbook):
    said = nightbook("runs", "show", "0190a7e0-0000-7000-8000-000000000009")

    assert (said.code, said.err.count("\n")) == (1, 1)


def test_a_sweep_runs_each_combination_with_values_of_the_declared_types(nightbook):
    words = ("-g", "region=north", "-g", "region=south", "-p", "days=3")

    made = nightbook("runs", "sweep", "daily_sales.ipynb", *words, "--concurrency", "2", "-o", "json")
    said = nightbook("runs", "sweep", "daily_sales.ipynb", *words)

    assert (made.json["count"], len(made.json["runs"])) == (2, 2)
    shown = [nightbook("runs", "show", run, "-o", "json").json["parameters"] for run in made.json["runs"]]
    assert shown == [{"region": "north", "days": 3}, {"region": "south", "days": 3}]
    assert "2 runs" in said.out


def test_a_sweep_without_a_value_or_over_an_unknown_name_says_so(nightbook):
    nothing = nightbook("runs", "sweep", "daily_sales.ipynb", "-g", "region")
    unknown = nightbook("runs", "sweep", "daily_sales.ipynb", "-g", "colour=red")

    assert (nothing.code, "NAME=VALUE" in nothing.err) == (2, True)
    assert (unknown.code, "colour" in unknown.err) == (1, True)
