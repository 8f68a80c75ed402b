"""`nightbook schedule …`."""

from itertools import count

import pytest

_NAMES = count()


@pytest.fixture
def name():
    return f"Sales {next(_NAMES)}"


@pytest.fixture
def made(nightbook, name):
    said = nightbook(
        *("schedule", "create", "daily_sales.ipynb", "--name", name, "--cron", "0 9 * * MON-FRI"),
        *("--timezone", "Europe/Berlin", "-p", "days=1", "--timeout", "30m", "--tag", "sales", "-o", "json"),
    )
    assert said.code == 0, said.err
    return said.json


def test_a_schedule_is_made_from_a_notebook_that_lies_here(made, name):
    assert made["trigger"]["expression"] == "0 9 * * MON-FRI"
    assert made["trigger"]["timezone"] == "Europe/Berlin"
    assert (made["name"], made["timeout_seconds"], made["parameters"]) == (name, 1800, {"days": 1})
    assert made["follows_latest"] is True
    assert made["next_fire_at"] is not None


def test_the_notebooks_name_is_the_schedules_if_none_is_given(nightbook):
    made = nightbook("schedule", "create", "daily_sales.ipynb", "--manual", "-o", "json")

    assert made.json["name"] == "daily_sales"


@pytest.mark.parametrize(
    ("options", "trigger"),
    [
        (["--every", "90m"], {"kind": "interval", "every": "PT5400S"}),
        (["--every", "P1D"], {"kind": "interval", "every": "PT86400S"}),
        (["--at", "2099-01-01T00:00:00Z"], {"kind": "once", "at": "2099-01-01T00:00:00Z"}),
        (["--cron", "5 * * * *", "--dst-fold", "both"], {"kind": "cron", "dst_fold": "both"}),
        (["--manual"], {"kind": "manual"}),
    ],
)
def test_each_trigger_has_its_option(nightbook, name, options, trigger):
    made = nightbook("schedule", "create", "daily_sales.ipynb", "--name", name, *options, "-o", "json").json

    assert {key: made["trigger"][key] for key in trigger} == trigger


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--cron", "0 9 * * *", "--every", "1h"],
        ["--every", "1h", "--dst-gap", "skip"],
        ["--timezone", "UTC"],
        ["--every", "soon"],
        ["--cron", "0 9 * * *", "--timeout", "a while"],
    ],
)
def test_options_that_do_not_go_together_are_a_usage_error(nightbook, options):
    said = nightbook("schedule", "create", "daily_sales.ipynb", *options)

    assert (said.code, said.err.count("\n")) == (2, 1)


def test_a_wrong_cron_is_one_line_with_the_field(nightbook):
    said = nightbook("schedule", "create", "daily_sales.ipynb", "--cron", "99 * * * *")

    assert said.code == 1
    assert said.err.startswith("error: trigger")


def test_pinning_keeps_the_version(nightbook, name):
    options = ("--name", name, "--manual", "--pin", "-o", "json")

    assert nightbook("schedule", "create", "daily_sales.ipynb", *options).json["follows_latest"] is False


def test_a_schedule_is_found_by_its_name(nightbook, made, name):
    assert nightbook("schedule", "show", name, "-o", "json").json["id"] == made["id"]
    assert nightbook("schedule", "show", made["id"], "-o", "json").json["name"] == name


def test_a_schedule_that_is_not_there_is_an_error(nightbook):
    said = nightbook("schedule", "show", "no such name")

    assert said.code == 1
    assert "nightbook schedule list" in said.err


def test_an_edit_changes_what_is_named_and_nothing_else(nightbook, made, name):
    edited = nightbook("schedule", "edit", name, "--retries", "2", "-p", "region=west", "-o", "json").json

    assert (edited["retries"], edited["parameters"]) == (2, {"days": 1, "region": "west"})
    assert edited["trigger"] == made["trigger"]
    assert edited["timeout_seconds"] == 1800


def test_an_edit_of_nothing_is_a_usage_error(nightbook, made, name):
    assert nightbook("schedule", "edit", name).code == 2


def test_a_schedule_is_paused_with_a_reason_and_resumed(nightbook, made, name):
    paused = nightbook("schedule", "pause", name, "--reason", "stock-taking", "-o", "json").json
    resumed = nightbook("schedule", "resume", name, "-o", "json").json

    assert (paused["state"], paused["paused_reason"]) == ("paused", "stock-taking")
    assert resumed["state"] == "active"


def test_a_deleted_schedule_is_gone(nightbook, made, name):
    said = nightbook("schedule", "delete", name, "-o", "json")

    assert said.json["deleted"] is True
    assert nightbook("schedule", "show", made["id"]).code == 1


def test_the_preview_of_a_trigger_needs_no_schedule(nightbook):
    said = nightbook(
        *("schedule", "preview", "--cron", "30 2 * * *", "--timezone", "Europe/Berlin"),
        *("--from", "2026-03-28T00:00:00Z", "--count", "2", "-o", "json"),
    )

    assert [fire["local"][:16] for fire in said.json["fire_times"]] == [
        "2026-03-28T02:30",
        "2026-03-29T03:00",
    ]
    assert said.json["fire_times"][1]["note"]


def test_the_preview_of_a_schedule_is_that_of_its_trigger(nightbook, made, name):
    said = nightbook("schedule", "preview", name, "--count", "3", "-o", "json")

    assert len(said.json["fire_times"]) == 3
    assert said.json["fire_times"][0]["at"] == made["next_fire_at"]


def test_a_preview_needs_a_schedule_or_a_trigger(nightbook):
    assert nightbook("schedule", "preview").code == 2


def test_schedules_are_found_by_tag(nightbook, made):
    found = nightbook("schedule", "list", "--tag", "sales", "--limit", "100", "-o", "json").json["items"]

    assert made["id"] in {schedule["id"] for schedule in found}
    assert nightbook("schedule", "list", "--tag", "none", "-o", "json").json["items"] == []
