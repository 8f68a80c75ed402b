"""Problem documents: one shape for every refusal, with nothing in it that was sent."""

import logging
import sqlite3
from typing import Annotated

import pytest
from fastapi import FastAPI, Query
from fastapi.testclient import TestClient
from sqlalchemy import exc as database

from nightbook.api import problems
from nightbook.core.errors import (
    Conflict,
    Fault,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    Stale,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from nightbook.schemas import PreviewDraft, ScheduleDraft

ECHO = "zebra-crossing"
A_SCHEDULE = {"name": "nightly", "trigger": {"kind": "manual"}, "notebook": "a.ipynb"}


@pytest.fixture
def app():
    app = FastAPI()
    problems.install(app)

    @app.post("/schedules")
    def make(draft: ScheduleDraft) -> str:
        return draft.name

    @app.post("/preview")
    def preview(draft: PreviewDraft) -> int:
        return draft.count

    @app.get("/numbers")
    def numbers(limit: Annotated[int, Query(ge=1, le=200)]) -> int:
        return limit

    return app


@pytest.fixture
def client(app):
    return TestClient(app, raise_server_exceptions=False)


def raising(app, error):
    @app.get("/broken")
    def broken():
        raise error

    return TestClient(app, raise_server_exceptions=False).get("/broken")


def check_is_problem(answer, status, code):
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert set(problem) == {"type", "title", "status", "detail", "code", "instance", "errors"}
    assert problem["type"] == f"/problems/{code}"
    assert problem["instance"].startswith("urn:uuid:")
    assert problem["title"]
    assert problem["detail"]
    assert all(set(error) == {"field", "code", "message"} for error in problem["errors"])
    assert ECHO not in answer.text
    return problem


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (Fault, 400),
        (Invalid, 422),
        (TooLarge, 413),
        (Unauthenticated, 401),
        (Forbidden, 403),
        (NotFound, 404),
        (Conflict, 409),
        (Stale, 412),
        (Unavailable, 503),
    ],
)
def test_each_fault_becomes_its_status_with_its_own_code_and_words(app, kind, status):
    answer = raising(app, kind("some_code", "Do this instead.", field="notebook"))

    problem = check_is_problem(answer, status, "some_code")
    assert problem["detail"] == "Do this instead."
    assert problem["errors"] == [{"field": "notebook", "code": "some_code", "message": "Do this instead."}]


def test_who_is_not_known_is_told_how_to_say_who_they_are(app):
    assert raising(app, Unauthenticated("x", "y")).headers["www-authenticate"] == "Bearer"


def test_what_is_away_says_when_to_come_back(app):
    assert raising(app, Unavailable("x", "y", retry_after_seconds=30)).headers["retry-after"] == "30"


def test_at_most_twenty_errors_are_told(app):
    errors = [FieldError(f"f{n}", "wrong", "is wrong") for n in range(50)]

    assert len(raising(app, Invalid("wrong", "All wrong.", errors=errors)).json()["errors"]) == 20


def test_strange_characters_in_words_cannot_break_the_document(app):
    answer = raising(app, Invalid("wrong", "\ud800 \x00 \u2028 </script>"))

    check_is_problem(answer, 422, "wrong")


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"is_admin": ECHO}, "is_admin", "extra_forbidden"),
        ({"name": None}, "name", "string_type"),
        ({"name": ""}, "name", "string_too_short"),
        ({"name": f"{ECHO}\r\nBcc: x"}, "name", "control_character"),
        ({"retries": True}, "retries", "int_type"),
        ({"retries": "5"}, "retries", "int_type"),
        ({"retries": 5.5}, "retries", "int_type"),
        ({"retries": -1}, "retries", "greater_than_equal"),
        ({"retries": 11}, "retries", "less_than_equal"),
        ({"paused": "yes"}, "paused", "bool_type"),
        ({"overlap": ECHO}, "overlap", "literal_error"),
        ({"pool": ECHO.upper()}, "pool", "string_pattern_mismatch"),
        ({"parameters": []}, "parameters", "dict_type"),
        ({"tags": ECHO}, "tags", "list_type"),
        ({"tags": ["ok", f"{ECHO},b"]}, "tags.1", "comma"),
        ({"tags": [str(n) for n in range(51)]}, "tags", "too_long"),
        ({"start_at": ECHO}, "start_at", "not_an_instant"),
        ({"trigger": ECHO}, "trigger", "model_attributes_type"),
        ({"trigger": {}}, "trigger.kind", "union_tag_not_found"),
        ({"trigger": {"kind": ECHO}}, "trigger.kind", "union_tag_invalid"),
        ({"trigger": {"kind": "cron"}}, "trigger.expression", "missing"),
        ({"trigger": {"kind": "manual", "cron": 1}}, "trigger.cron", "extra_forbidden"),
        ({"trigger": {"kind": "cron", "expression": 5}}, "trigger.expression", "string_type"),
    ],
)
def test_a_wrong_value_is_told_by_field_and_code_and_never_repeated(client, change, field, code):
    answer = client.post("/schedules", json={**A_SCHEDULE, **change})

    problem = check_is_problem(answer, 422, code)
    (error,) = problem["errors"]
    assert (error["field"], error["code"]) == (field, code)
    assert problem["detail"] == f"{field}: {error['message']}"


def test_a_wrong_expression_is_told_at_its_own_field_with_the_words_of_the_rule(client):
    answer = client.post("/preview", json={"trigger": {"kind": "cron", "expression": "0 0 30 2 *"}})

    problem = check_is_problem(answer, 422, "never_fires")
    assert problem["errors"][0]["field"].startswith("trigger.expression")


def test_several_wrong_values_are_told_together(client):
    answer = client.post("/schedules", json={"name": 1, "trigger": {"kind": "manual"}, "is_admin": True})

    problem = check_is_problem(answer, 422, "invalid")
    assert {(e["field"], e["code"]) for e in problem["errors"]} == {
        ("name", "string_type"),
        ("notebook", "missing"),
        ("is_admin", "extra_forbidden"),
    }
    assert problem["detail"].endswith("(2 more)")


def test_a_field_name_that_is_not_plain_is_not_repeated(client):
    answer = client.post("/schedules", json={**A_SCHEDULE, f"<img src={ECHO}>": 1})

    assert check_is_problem(answer, 422, "extra_forbidden")["errors"][0]["field"] == "*"


@pytest.mark.parametrize("body", ["null", "[]", "1", '"zebra-crossing"', ""])
def test_a_body_that_is_no_object_is_told_as_the_body(client, body):
    answer = client.post("/schedules", content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "body"


@pytest.mark.parametrize(
    ("limit", "code"), [("0", "greater_than_equal"), (ECHO, "int_parsing"), ("1e9", "int_parsing")]
)
def test_a_wrong_query_value_is_told_by_its_name(client, limit, code):
    answer = client.get("/numbers", params={"limit": limit})

    assert check_is_problem(answer, 422, code)["errors"][0]["field"] == "limit"


def test_an_unknown_address_is_a_problem_without_the_address(client):
    check_is_problem(client.get(f"/{ECHO}"), 404, "not_found")


def test_a_wrong_method_says_which_are_right(client):
    answer = client.delete("/numbers")

    check_is_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize(
    "kind", [database.OperationalError, database.InterfaceError], ids=["operational", "interface"]
)
def test_a_database_that_is_away_or_locked_is_503_and_says_when_to_come_back(app, kind, caplog):
    error = kind("INSERT INTO runs", {"p": ECHO}, sqlite3.OperationalError("database is locked"))

    answer = raising(app, error)

    check_is_problem(answer, 503, "database_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert ECHO not in caplog.text


def test_an_exhausted_pool_of_connections_is_503(app):
    check_is_problem(raising(app, database.TimeoutError("QueuePool limit")), 503, "database_unavailable")


def test_two_writers_of_one_row_are_a_conflict(app):
    error = database.IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE constraint failed"))

    check_is_problem(raising(app, error), 409, "conflict")


@pytest.mark.parametrize(
    "error", [OverflowError("int too large"), database.DataError("SELECT", {}, ValueError(ECHO))]
)
def test_a_value_that_the_database_cannot_hold_is_the_callers(app, error):
    check_is_problem(raising(app, error), 422, "out_of_range")


def test_anything_else_is_500_that_says_nothing_but_where_the_log_has_it(app, caplog):
    caplog.set_level(logging.ERROR)

    answer = raising(app, KeyError(ECHO))

    problem = check_is_problem(answer, 500, "internal")
    identity = problem["instance"].removeprefix("urn:uuid:")
    assert identity in problem["detail"]
    assert f"request_id={identity}" in caplog.text
