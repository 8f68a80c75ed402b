"""Requests: what is repeated and what is not, pages, and the exception for each refusal."""

from datetime import UTC, datetime

import httpx
import pytest

from nightbook.client import (
    Client,
    Conflicting,
    InvalidRequest,
    Missing,
    NightbookError,
    NotAllowed,
    NotAuthenticated,
    Refused,
    ServerFault,
    Stale,
    TooManyRequests,
    Unintelligible,
    Unreachable,
)

ME = {"name": "ana", "scopes": [], "token_id": "x"}
RUN = {
    "id": "01930000-0000-7000-8000-000000000000",
    "state": "queued",
    "notebook": {"path": "a.ipynb", "sha256": None},
    "parameters": {},
    "trigger": "manual",
    "triggered_by": "ana",
    "pool": "default",
    "priority": 50,
    "timeout_seconds": 60,
    "created_at": "2026-11-23T07:30:00Z",
}


def ok(body, **headers):
    return httpx.Response(200, json=body, headers=headers)


def problem(status, code="some_code", headers=None, **more):
    document = {
        "type": "about:blank",
        "title": "No",
        "status": status,
        "detail": "Do this.",
        "code": code,
        **more,
    }
    return httpx.Response(status, json=document, headers=headers)


def test_a_get_is_repeated_when_the_line_breaks(script):
    server = script(ok(ME), httpx.ReadError("broken"), httpx.ConnectError("refused"), ok(ME))
    client = server.client()
    client.me()

    assert client.me().name == "ana"

    assert len(server.pauses) == 2


def test_a_post_is_repeated_with_the_key_of_its_first_try(script):
    server = script(httpx.ReadTimeout("slow"), problem(503), ok(RUN))

    server.client().runs.create("a.ipynb")

    keys = {request.headers["idempotency-key"] for request in server.requests}
    assert (len(server.requests), len(keys)) == (3, 1)


def test_two_posts_have_two_keys(script):
    server = script(ok(RUN), ok(RUN))
    client = server.client()

    client.runs.create("a.ipynb")
    client.runs.create("a.ipynb")

    assert len({request.headers["idempotency-key"] for request in server.requests}) == 2


@pytest.mark.parametrize(
    "act",
    [
        lambda c: c.runs.cancel(RUN["id"]),
        lambda c: c.schedules.pause(RUN["id"]),
        lambda c: c.schedules.resume(RUN["id"]),
        lambda c: c.schedules.delete(RUN["id"]),
        lambda c: c.tokens.create("ci", ["runs:read"]),
    ],
)
def test_an_act_that_would_be_answered_otherwise_the_second_time_is_not_repeated(script, act):
    server = script(httpx.ReadError("broken"))

    with pytest.raises(Unreachable):
        act(server.client())

    assert len(server.requests) == 1
    assert "idempotency-key" not in server.requests[0].headers


def test_such_an_act_is_repeated_where_it_was_never_received(script):
    server = script(ok(ME), httpx.ConnectError("refused"), ok(RUN))
    client = server.client()
    client.me()

    client.runs.cancel(RUN["id"])

    assert len(server.requests) == 3


def test_a_server_that_stays_away_is_given_up_after_the_last_repeat(script):
    server = script(ok(ME), *[httpx.ConnectError("refused")] * 4)
    client = server.client()
    client.me()

    with pytest.raises(Unreachable):
        client.me()

    assert len(server.requests) == 5


def test_where_there_never_was_a_server_the_next_step_is_said_at_once(script):
    server = script(httpx.ConnectError("refused"))

    with pytest.raises(Unreachable, match="nightbook up"):
        server.client().me()

    assert server.pauses == []


def test_the_wait_that_the_server_asks_for_is_kept(script):
    server = script(problem(429, headers={"Retry-After": "7"}), ok(ME))

    server.client().me()

    assert server.pauses == [7]


def test_a_wait_beyond_half_a_minute_is_cut(script):
    server = script(problem(503, headers={"Retry-After": "9999"}), ok(ME))

    server.client().me()

    assert server.pauses == [30]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, NotAuthenticated),
        (403, NotAllowed),
        (404, Missing),
        (409, Conflicting),
        (412, Stale),
        (413, InvalidRequest),
        (422, InvalidRequest),
        (429, TooManyRequests),
        (500, ServerFault),
        (503, ServerFault),
    ],
)
def test_each_refusal_has_its_exception(script, status, kind):
    errors = [{"field": "name", "code": "empty", "message": "must not be empty"}]
    server = script(problem(status, errors=errors))

    with pytest.raises(kind) as caught:
        server.client(retries=0).me()

    refused = caught.value
    assert (refused.status, refused.code, str(refused)) == (status, "some_code", "Do this.")
    assert refused.errors[0].field == "name"


def test_a_proxys_error_page_is_a_fault_of_the_server(script):
    server = script(httpx.Response(502, text="<html>Bad Gateway</html>"))

    with pytest.raises(ServerFault) as caught:
        server.client(retries=0).me()

    assert caught.value.status == 502


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>hello</html>"),
        httpx.Response(302, headers={"location": "/login"}),
        httpx.Response(200, json={"unlike": "us"}),
        httpx.Response(404, text="no such page"),
    ],
    ids=["a page", "a redirect", "other JSON", "another server's 404"],
)
def test_a_stranger_at_the_address_is_noticed(script, answer):
    with pytest.raises((Unintelligible, Missing)):
        script(answer).client().me()


def test_fields_that_a_newer_server_adds_are_no_fault(script):
    assert script(ok({**ME, "mood": "fine"})).client().me().name == "ana"


def test_a_list_asks_for_a_page_only_when_it_is_reached(script):
    server = script(ok({"items": [RUN], "next_cursor": "abc"}), ok({"items": [RUN]}))
    runs = server.client().runs.list(state=["failed", "lost"])

    next(runs)

    assert len(server.requests) == 1
    assert len([*runs]) == 1
    assert server.requests[1].url.params.get_list("state") == ["failed", "lost"]
    assert server.requests[1].url.params["cursor"] == "abc"


def test_moments_in_filters_are_instants(script):
    server = script(ok({"items": []}))

    assert [*server.client().runs.list(since=datetime(2026, 11, 23, tzinfo=UTC))] == []

    assert server.requests[0].url.params["since"] == "2026-11-23T00:00:00+00:00"


def test_a_draft_that_cannot_be_right_is_refused_before_it_is_sent(script):
    server = script()

    with pytest.raises(InvalidRequest) as caught:
        server.client().schedules.create(
            "Daily", "a.ipynb", {"kind": "cron", "expression": "99 * * * *"}, retries=99
        )

    assert {error.field.partition(".")[0] for error in caught.value.errors} == {"trigger", "retries"}
    assert server.requests == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_cannot_hold_is_refused_before_it_is_sent(script, value):
    with pytest.raises(InvalidRequest):
        script().client().runs.create("a.ipynb", {"share": value})


def test_names_are_quoted_into_the_path(script):
    server = script(ok({"items": []}), httpx.Response(200, content=b"x"))
    client = server.client()

    [*client.notebooks.versions("reports/a b?#.ipynb")]
    client.runs.read(RUN["id"], "outputs/50 %.csv")

    assert server.requests[0].url.raw_path.startswith(b"/api/v1/notebooks/reports/a%20b%3F%23.ipynb/versions")
    assert server.requests[1].url.raw_path.endswith(b"/artifacts/outputs/50%20%25.csv")


@pytest.mark.parametrize(
    "url", ["nightbook.test", "ftp://nightbook.test", "http://", "http://u:p@host", "http://h/?q"]
)
def test_an_address_that_cannot_be_one_is_refused_at_once(url):
    with pytest.raises(NightbookError):
        Client(url, "nb_pat_x")


def test_a_token_that_was_copied_badly_is_refused_at_once():
    with pytest.raises(NightbookError, match="one line"):
        Client("http://nightbook.test", "nb_pat_x\nnb_pat_y")


def test_the_token_goes_in_the_header_and_the_api_is_found_below_the_address(script):
    server = script(ok(ME))

    server.client().me()

    assert server.requests[0].headers["authorization"] == "Bearer nb_pat_x"
    assert str(server.requests[0].url) == "http://nightbook.test/api/v1/me"


def test_every_refusal_is_one_family():
    assert issubclass(Stale, Conflicting)
    assert issubclass(Refused, NightbookError)
