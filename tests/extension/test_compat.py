"""The released jupyter-scheduler on our server: its own routes, in front of a Nightbook of chosen answers."""

import json
import os

import pytest

from nightbook import schemas
from nightbook_lab.compat import shapes
from nightbook_lab.handlers import UPSTREAM

SHA = "a" * 64
RUN = "0197f0a0-0000-7000-8000-000000000001"
SCHEDULE = "0197f0a0-0000-7000-8000-000000000002"
NOTEBOOK = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
PARAMETERS = {"items": [{"name": "n", "type": "int"}, {"name": "city", "type": "str"}]}


def a_run(**part):
    return {
        "id": RUN,
        "state": "failed",
        "reason": "Cell 8 raised KeyError.",
        "notebook": {"path": "reports/sales.ipynb", "sha256": SHA},
        "kernel": "python3",
        "parameters": {"n": 3, "city": "Rome"},
        "tags": ["x"],
        "note": "Sales",
        "schedule_id": None,
        "schedule_name": None,
        "created_at": "2026-11-23T06:30:00Z",
        "started_at": "2026-11-23T06:30:01Z",
        "finished_at": "2026-11-23T06:31:00Z",
        "cancelling_since": None,
        **part,
    }


def a_schedule(**part):
    return {
        "id": SCHEDULE,
        "name": "Sales",
        "state": "active",
        "notebook": {"path": "reports/sales.ipynb", "sha256": SHA},
        "kernel": "python3",
        "parameters": {},
        "tags": [],
        "trigger": {"kind": "cron", "expression": "0 7 * * *", "timezone": "Europe/Rome"},
        "created_at": "2026-11-23T06:30:00Z",
        "updated_at": "2026-11-23T06:30:00Z",
        **part,
    }


# ---------------------------------------------------------------- shapes


def test_texts_become_values_of_the_declared_types():
    declared = [
        {"name": name, "type": kind}
        for name, kind in (("n", "int"), ("city", "str"), ("on", "bool"), ("rows", "list"))
    ]

    values = shapes.typed({"n": "3", "city": "3", "on": "True", "rows": "[1, 2]"}, declared)

    assert values == {"n": 3, "city": "3", "on": True, "rows": [1, 2]}


def test_a_text_that_fits_no_type_goes_on_for_the_server_to_refuse():
    assert shapes.typed({"n": "many"}, PARAMETERS["items"]) == {"n": "many"}


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("queued", "QUEUED"),
        ("running", "IN_PROGRESS"),
        ("succeeded", "COMPLETED"),
        ("lost", "FAILED"),
        ("skipped", "STOPPED"),
    ],
)
def test_every_state_has_a_status(state, status):
    assert shapes.job(a_run(state=state), "/")["status"] == status
    assert state in shapes.states_of(status)


# ---------------------------------------------------------------- its routes


@pytest.fixture
def jp_server_config(tmp_path):
    if "CI" not in os.environ:
        pytest.importorskip("jupyter_scheduler", reason="no package index was within reach")
    ours = "nightbook_lab.compat"
    return {
        "ServerApp": {"jpserver_extensions": {"nightbook_lab": True, "jupyter_scheduler": True}},
        "SchedulerApp": {
            "scheduler_class": f"{ours}.scheduler.NightbookScheduler",
            "environment_manager_class": f"{ours}.environments.NightbookEnvironments",
            "job_files_manager_class": f"{ours}.files.NightbookFiles",
            "db_url": f"sqlite:///{tmp_path}/unused.sqlite",
        },
    }


@pytest.fixture
def theirs(browser, nightbook, jp_serverapp, jp_root_dir):
    settings = jp_serverapp.web_app.settings
    settings["scheduler"]._given = settings["environments_manager"]._given = settings[UPSTREAM]
    (jp_root_dir / "reports").mkdir()
    (jp_root_dir / "reports" / "sales.ipynb").write_text(json.dumps(NOTEBOOK))
    nightbook.answer("notebooks", 201, json={"sha256": SHA})
    nightbook.answer(f"versions/{SHA}/parameters", 200, json=PARAMETERS)
    return browser


def _draft(**part):
    return {
        "input_uri": "reports/sales.ipynb",
        "name": "Sales",
        "runtime_environment_name": "python3",
        "parameters": {"n": "3", "city": "Rome"},
        "tags": ["x"],
        **part,
    }


def _sent(nightbook, method="POST"):
    return json.loads(next(r for r in reversed(nightbook.requests) if r.method == method).content)


async def test_a_job_of_its_form_is_a_run_of_ours(theirs, nightbook):
    nightbook.answer("runs", 201, json=a_run())

    answer = await theirs.fetch("scheduler/jobs", "POST", json=_draft(idempotency_token="t1"))

    assert answer.json() == {"job_id": RUN}
    sent = _sent(nightbook)
    assert schemas.RunDraft.model_validate(sent).parameters == {"n": 3, "city": "Rome"}
    assert sent["notebook"] == SHA
    assert nightbook.last.headers["Idempotency-Key"] == "t1"


async def test_the_files_that_a_notebook_declares_go_along(theirs, nightbook, jp_root_dir):
    nightbook.answer("runs", 201, json=a_run())
    declaring = {**NOTEBOOK, "metadata": {"nightbook": {"files": ["sales.csv"]}}}
    (jp_root_dir / "reports" / "sales.ipynb").write_text(json.dumps(declaring))
    (jp_root_dir / "reports" / "sales.csv").write_text("a,b")

    await theirs.fetch("scheduler/jobs", "POST", json=_draft())

    uploads = [r for r in nightbook.requests if r.url.path.endswith("/notebooks")]
    sent = schemas.NotebookUpload.model_validate_json(uploads[-1].content)
    assert (sent.path, [file.path for file in sent.files]) == ("reports/sales.ipynb", ["sales.csv"])


async def test_a_declared_file_that_is_not_there_is_named(theirs, nightbook, jp_root_dir):
    declaring = {**NOTEBOOK, "metadata": {"nightbook": {"files": ["sales.csv"]}}}
    (jp_root_dir / "reports" / "sales.ipynb").write_text(json.dumps(declaring))

    answer = await theirs.fetch("scheduler/jobs", "POST", json=_draft())

    assert (answer.status_code, "sales.csv" in answer.json()["message"]) == (500, True)


async def test_a_definition_is_a_schedule(theirs, nightbook):
    nightbook.answer("schedules", 201, json=a_schedule())

    answer = await theirs.fetch(
        "scheduler/job_definitions", "POST", json=_draft(schedule="0 7 * * *", timezone="Europe/Rome")
    )

    assert answer.json() == {"job_definition_id": SCHEDULE}
    draft = schemas.ScheduleDraft.model_validate(_sent(nightbook))
    assert (draft.trigger.expression, draft.trigger.timezone) == ("0 7 * * *", "Europe/Rome")


async def test_a_page_of_jobs_goes_on_by_its_token(theirs, nightbook):
    nightbook.answer("runs", 200, json={"items": [a_run()], "next_cursor": "c2"})

    answer = await theirs.fetch("scheduler/jobs?status=FAILED&max_items=1000&next_token=c1")

    assert answer.json()["next_token"] == "c2"
    job = answer.json()["jobs"][0]
    assert (job["status"], job["status_message"]) == ("FAILED", "Cell 8 raised KeyError.")
    query = nightbook.last.url.params
    assert query.get_list("state") == ["failed", "timed_out", "lost"]
    assert (query["limit"], query["cursor"]) == ("200", "c1")


async def test_a_definition_is_paused_and_moved_by_its_switch_and_form(theirs, nightbook):
    nightbook.answer(f"schedules/{SCHEDULE}", 200, json=a_schedule())
    nightbook.answer(f"schedules/{SCHEDULE}/pause", 200, json=a_schedule(state="paused"))

    answer = await theirs.fetch(
        f"scheduler/job_definitions/{SCHEDULE}", "PATCH", json={"active": False, "schedule": "5 8 * * 1"}
    )

    assert answer.status_code == 204
    assert _sent(nightbook, "PATCH") == {
        "trigger": {"kind": "cron", "expression": "5 8 * * 1", "timezone": "Europe/Rome"}
    }
    assert nightbook.last.url.path.endswith("/pause")


async def test_a_stop_is_a_cancel(theirs, nightbook):
    nightbook.answer(f"runs/{RUN}/cancel", 200, json=a_run(state="running"))

    answer = await theirs.fetch(f"scheduler/jobs/{RUN}", "PATCH", json={"status": "STOPPED"})

    assert answer.status_code == 204
    assert nightbook.last.url.path.endswith(f"runs/{RUN}/cancel")


async def test_files_come_into_the_folder_where_its_front_end_looks(theirs, nightbook, jp_root_dir):
    nightbook.answer(f"runs/{RUN}", 200, json=a_run())
    nightbook.answer(f"runs/{RUN}/notebook", 200, content=b"executed")
    nightbook.answer(f"runs/{RUN}/notebook.html", 200, content=b"<p>")
    nightbook.answer(f"versions/{SHA}/content", 200, content=b"input")

    downloaded = await theirs.fetch(f"scheduler/jobs/{RUN}/download_files")
    job = (await theirs.fetch(f"scheduler/jobs/{RUN}")).json()

    assert downloaded.status_code == 204
    paths = {one["file_format"]: one["file_path"] for one in job["job_files"]}
    assert job["downloaded"]
    assert (jp_root_dir / paths["ipynb"]).read_bytes() == b"executed"
    assert (jp_root_dir / paths["input"]).read_bytes() == b"input"


async def test_environments_are_the_kernels_of_workers_python_first(theirs, nightbook):
    kernels = [
        {"name": name, "display_name": words, "language": language, "pools": ["default"]}
        for name, words, language in [
            ("ir", "R", "R"),
            ("alpha", "Other", "python"),
            ("python3", "Python 3", "python"),
        ]
    ]
    nightbook.answer("kernels", 200, json={"items": kernels})

    answer = await theirs.fetch("scheduler/runtime_environments")

    # The form takes a name for chosen at first, and sends the label of what is chosen then.
    assert [(one["name"], one["label"], one["description"]) for one in answer.json()] == [
        ("python3", "python3", "Python 3"),
        ("alpha", "alpha", "Other"),
        ("ir", "ir", "R"),
    ]


async def test_its_form_is_told_what_there_is(theirs):
    told = (await theirs.fetch("scheduler/config")).json()["supported_features"]

    assert told["parameters"] is True
    assert told["email_notifications"] is False


async def test_a_refusal_is_told_in_the_servers_words(theirs, nightbook):
    nightbook.refuse("schedules", 422, "invalid", "Day 31 never comes in February.")

    answer = await theirs.fetch("scheduler/job_definitions", "POST", json=_draft(schedule="0 0 31 2 *"))

    assert "Day 31 never comes in February." in answer.json()["message"]
