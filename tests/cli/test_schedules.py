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


def test_a_schedule_runs_after_another_by_its_name(nightbook, made, name):
    said = nightbook(
        *("schedule", "create", "daily_sales.ipynb", "--name", f"After {name}", "--after", name),
        *("--after-state", "failed", "--after-state", "lost", "-o", "json"),
    )

    trigger = said.json["trigger"]
    assert (trigger["kind"], trigger["schedule_ids"]) == ("after", [made["id"]])
    assert trigger["states"] == ["failed", "lost"]
    assert "failed or lost" in said.json["words"]


def test_an_event_schedule_gets_a_hook_whose_secret_is_shown(nightbook, name):
    made = nightbook("schedule", "create", "daily_sales.ipynb", "--name", name, "--event", "-o", "json").json

    opened = nightbook("schedule", "hook", name, "-o", "json").json
    closed = nightbook("schedule", "hook", name, "--close")

    assert opened["path"] == f"/api/v1/hooks/{made['id']}"
    assert opened["secret"].startswith("nb_hook_")
    assert closed.code == 0


def test_every_policy_has_its_option(nightbook, name):
    options = (
        *(
            "--max-runs",
            "9",
            "--jitter",
            "5m",
            "--exclude-date",
            "2026-12-24",
            "--exclude-date",
            "2026-12-31",
        ),
        *("--holidays", "DE-BE", "--on-excluded", "next_business_day", "--catch-up-limit", "7"),
        *(
            "--concurrency",
            "2",
            "--pause-after-failures",
            "3",
            "--retry-on",
            "timeout",
            "--retry-delay",
            "2m",
        ),
        *("--expire-after", "2h", "--concurrency-key", "warehouse", "--concurrency-per-key", "4"),
    )

    said = nightbook(
        *("schedule", "create", "daily_sales.ipynb", "--name", name, "--cron", "0 9 * * *", "--finish-by"),
        *("--margin", "20m", *options, "-o", "json"),
    )

    assert said.code == 0, said.err
    made = said.json
    assert (made["trigger"]["finish_by"], made["trigger"]["margin_seconds"]) == (True, 1200)
    found = {key: made[key] for key in ("max_runs", "jitter_seconds", "catch_up_limit", "concurrency")}
    assert found == {"max_runs": 9, "jitter_seconds": 300, "catch_up_limit": 7, "concurrency": 2}
    assert made["exclude_dates"] == ["2026-12-24", "2026-12-31"]
    assert (made["holidays"], made["on_excluded"]) == ("DE-BE", "next_business_day")
    assert (made["pause_after_failures"], made["retry_on"], made["retry_delay_seconds"]) == (
        3,
        ["timeout"],
        120,
    )
    key = (made["expire_after_seconds"], made["concurrency_key"], made["concurrency_per_key"])
    assert key == (7200, "warehouse", 4)


def test_a_recurrence_rule_is_a_trigger_here(nightbook, name):
    rule = "FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0;COUNT=4"
    options = ("--rrule", rule, "--timezone", "Europe/Berlin", "-o", "json")

    shown = nightbook("schedule", "preview", *options)
    made = nightbook("schedule", "create", "daily_sales.ipynb", "--name", name, *options)

    assert shown.json["words"] == "At 09:00, Monday, Europe/Berlin"
    assert (made.json["trigger"]["expression"], made.json["max_runs"]) == ("0 9 * * MON", 4)


def test_a_rule_without_an_equal_is_one_line_with_its_part(nightbook):
    said = nightbook("schedule", "preview", "--rrule", "FREQ=YEARLY;BYWEEKNO=3")

    assert said.code == 1
    assert "BYWEEKNO" in said.err


def test_a_backfill_says_first_what_it_would_make(nightbook, name):
    nightbook("schedule", "create", "daily_sales.ipynb", "--name", name, "--cron", "0 * * * *")
    span = ("--since", "2026-01-05T00:00:00Z", "--until", "2026-01-05T02:30:00Z")

    dry = nightbook("schedule", "backfill", name, *span, "--dry-run")
    made = nightbook("schedule", "backfill", name, *span, "-p", "days=3", "-o", "json")

    assert "would make 3 runs" in dry.out
    assert (made.json["count"], len(made.json["runs"])) == (3, 3)
    shown = nightbook("runs", "show", made.json["runs"][0], "-o", "json").json
    assert (shown["parameters"], shown["trigger"], shown["priority"]) == ({"days": 3}, "backfill", 10)


def test_the_ledger_is_printed(nightbook, name):
    nightbook("schedule", "create", "daily_sales.ipynb", "--name", name, "--event")

    said = nightbook("schedule", "ledger", name, "-o", "json")

    assert (said.code, said.json["items"]) == (0, [])


@pytest.mark.parametrize(
    "options",
    [
        ["--event", "--after", "x"],
        ["--manual", "--finish-by"],
        ["--cron", "0 9 * * *", "--margin", "soon"],
        ["--cron", "0 9 * * *", "--event-parameter", "days"],
        ["--cron", "0 9 * * *", "--rrule", "FREQ=DAILY"],
    ],
)
def test_options_of_other_triggers_are_a_usage_error(nightbook, options):
    said = nightbook("schedule", "create", "daily_sales.ipynb", *options)

    assert (said.code, said.err.count("\n")) == (2, 1)
