"""Bad input against the whole app: texts that are no JSON, crooked addresses, false identities.

The numbers are rows of the catalogue. For every one of them: 4xx, application/problem+json, a stable code,
nothing of the value in the answer, no row changed, never a 5xx.
"""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from bad_world import ECHO, LISTS, READS, RUN, SCHEDULE, UNKNOWN, UPLOAD, V1, changed, check_refused
from fastapi.testclient import TestClient

from nightbook.api.app import create_app
from nightbook.records import access
from nightbook.settings import Settings

pytestmark = pytest.mark.usefixtures("nothing_changes")


# ---------------------------------------------------------------- 1-17: HTTP and JSON

BODIES = [
    ("POST", "/notebooks"),
    ("POST", "/schedules"),
    ("PATCH", "/schedules/{schedule}"),
    ("POST", "/schedules/preview"),
    ("POST", "/runs"),
    ("POST", "/runs/{run}/note"),
    ("POST", "/tokens"),
    ("POST", "/pools"),
]


@pytest.mark.parametrize(("method", "path"), BODIES)
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, None),
        (b" ", 422, "empty_body"),
        (b"null", 422, None),
        (b"[]", 422, None),
        (b"1", 422, None),
        (b'"zebracrossing"', 422, None),
        (b'{"zebracrossing": ', 400, "not_json"),
        (b"{}x", 400, "not_json"),
        (b"{}{}", 400, "not_json"),
        (b'{"name": "\xff\xfe"}', 400, "not_utf8"),
        ('{"name": "x"}'.encode("utf-16"), 400, "not_utf8"),
        (b'\xef\xbb\xbf{"name": "x"}', 400, "not_utf8"),
        (b'{"x": NaN}', 422, "not_finite"),
        (b'{"x": 1e999}', 422, "not_finite"),
        (b'{"name": "a", "name": "b"}', 422, "duplicate_key"),
        (b'{"x": 1' + b"0" * 5000 + b"}", 422, None),
        (b'{"x":' * 65 + b"1" + b"}" * 65, 400, "too_deep"),
        (b"[" * 100_000, 400, "too_deep"),
        (b'{"name": "\\ud800"}', 422, "bad_character"),
        (b'{"name": "\\u0000"}', 422, "bad_character"),
    ],
    ids=range(20),
)
def test_1_to_11_a_text_that_is_not_one_plain_object(world, method, path, body, status, code):
    answer = world.ask(method, world.fill(path), content=body, headers={"content-type": "application/json"})

    problem = check_refused(answer, status, code)
    assert problem["errors"]


@pytest.mark.parametrize("number", [2**63, 2**70, -(2**63) - 1])
@pytest.mark.parametrize("field", ["priority", "retries", "timeout_seconds"])
def test_8_a_number_that_no_column_holds(world, field, number):
    check_refused(world.ask("POST", "/runs", json=changed(RUN, **{field: number})), 422)


@pytest.mark.parametrize(("method", "path"), BODIES)
@pytest.mark.parametrize("key", ["is_admin", "team_id", "created_by", "__proto__"])
def test_16_an_unknown_field(world, method, path, key):
    body = {"/notebooks": UPLOAD, "/schedules": SCHEDULE, "/runs": RUN}.get(path, {})

    answer = world.ask(method, world.fill(path), json=changed(body, **{key: ECHO}))

    check_refused(answer, 422, "extra_forbidden", key)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("retries", True),
        ("retries", "5"),
        ("retries", 5.0),
        ("priority", None),
        ("retry_on_worker_loss", "yes"),
        ("retry_on_worker_loss", 1),
        ("paused", "true"),
        ("name", 5),
        ("tags", "night"),
        ("tags", [1]),
        ("parameters", [["a", 1]]),
        ("start_at", 1_700_000_000),
        ("trigger", "0 0 * * *"),
    ],
)
def test_17_a_value_of_another_type_is_not_bent(world, field, value):
    check_refused(world.ask("POST", "/schedules", json=changed(SCHEDULE, **{field: value})), 422, field=field)


@pytest.mark.parametrize("media_type", ["text/plain", "multipart/form-data; boundary=x", ""])
def test_15_another_media_type(world, media_type):
    answer = world.ask("POST", "/runs", content=json.dumps(RUN), headers={"content-type": media_type})

    check_refused(answer, 415, "unsupported_media_type")


# ---------------------------------------------------------------- 19-24: addresses, lists, preconditions


@pytest.mark.parametrize(
    "path",
    ["/runs/", "/Runs", "/runs/{run}/", "/runs/{run}/cells/", "/runs%00", "/schedules/{schedule}/%2e%2e"],
)
def test_19_a_crooked_address(world, path):
    check_refused(world.ask("GET", world.fill(path)), {400, 404})


@pytest.mark.parametrize("method", ["TRACE", "BREW", "DELETE"])
def test_21_a_wrong_method(world, method):
    check_refused(world.ask(method, "/runs"), 405, "method_not_allowed")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query",
    [
        "limit=-1",
        "limit=0",
        "limit=201",
        "limit=1e9",
        "limit=x",
        "limit=99999999999999999999",
        "cursor=zebracrossing",
        "cursor=%F0%9F%92%A3",
        "cursor=" + "A" * 3000,
        "sort=;drop",
        "fields=password",
        "q=%00",
    ],
)
def test_22_a_wrong_page(world, path, query):
    check_refused(world.ask("GET", f"{world.fill(path)}?{query}"), 422)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/runs", "state=zebracrossing"),
        ("/runs", "schedule_id=zebracrossing"),
        ("/runs", "since=yesterday"),
        ("/runs", "since=2026-01-01T00:00:00"),
        ("/runs", "until=0000-00-00T00:00:00Z"),
        ("/runs", "trigger=zebracrossing"),
        ("/schedules", "state=zebracrossing"),
    ],
)
def test_22_a_wrong_filter(world, path, query):
    check_refused(world.ask("GET", f"{path}?{query}"), 422, field=query.partition("=")[0])


@pytest.mark.parametrize("etag", ['"0"', '"999"', "zebracrossing", "", "é".encode(), '"' + "9" * 500 + '"'])
def test_23_an_edit_of_what_has_changed_since(world, etag):
    answer = world.ask(
        "PATCH", f"/schedules/{world.schedule['id']}", json={"description": "x"}, headers={"if-match": etag}
    )

    check_refused(answer, {400, 412, 422, 428})


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb", "é".encode()])
def test_24_a_key_that_cannot_be_kept(world, key):
    check_refused(
        world.ask("POST", "/runs", json=RUN, headers={"idempotency-key": key}), 422, field="idempotency-key"
    )


# ---------------------------------------------------------------- 25-33: identity


def wrong_tokens(world):
    token = world.admin
    flipped = "A" if token[20] != "A" else "B"
    return {
        "none": None,
        "empty": "",
        "scheme": "Bearer",
        "basic": "Basic " + base64.b64encode(b"a:b").decode(),
        "two spaces": f"Bearer  {token}",
        "trailing space": f"Bearer {token} x",
        "long": "Bearer " + "x" * 20_000,
        "wrong checksum": f"Bearer {token[:-1]}{'A' if token[-1] != 'A' else 'B'}",
        "wrong secret": f"Bearer {token[:20]}{flipped}{token[21:]}",
        "unknown": "Bearer nb_pat_" + "A" * 48,
        "not ascii": "Bearer é".encode(),
        "expired": f"Bearer {world.expired}",
        "revoked": f"Bearer {world.revoked}",
    }


@pytest.fixture(scope="module")
def _ended_tokens(world):
    world.expired = world.token("pat", access.ADMIN_SCOPES, lives=timedelta(seconds=-1))
    world.revoked = world.token("pat", access.ADMIN_SCOPES)
    with world.app.state.house.sessions() as session:
        now = datetime.now(UTC)
        caller = access.caller_of_token(session, world.revoked, now)
        access.revoke_token(session, caller.token_id, caller=caller, now=now)
        session.commit()


@pytest.mark.usefixtures("_ended_tokens")
@pytest.mark.parametrize("path", READS)
def test_25_and_26_who_is_not_known_learns_nothing(world, path):
    details = set()
    for header in wrong_tokens(world).values():
        headers = {} if header is None else {"authorization": header}
        answer = world.client.get(V1 + path, headers=headers)
        details.add((answer.status_code, answer.json()["code"]))
        check_refused(answer, 401, "not_authenticated")
        assert answer.headers["www-authenticate"] == "Bearer"

    assert details == {(401, "not_authenticated")}


def test_27_a_token_in_an_address_or_beside_a_cookie(world):
    check_refused(world.client.get(f"{V1}/me?token={world.admin}"), 400, "token_in_query")
    check_refused(world.ask("GET", "/me", headers={"cookie": "nightbook=x"}), 400)


WRITES = [
    ("POST", "/notebooks", UPLOAD),
    ("POST", "/schedules", SCHEDULE),
    ("PATCH", "/schedules/{schedule}", {"description": "x"}),
    ("DELETE", "/schedules/{schedule}", None),
    ("POST", "/schedules/{schedule}/pause", {}),
    ("POST", "/schedules/{schedule}/resume", {}),
    ("POST", "/schedules/{schedule}/run", {}),
    ("POST", "/runs", RUN),
    ("POST", "/runs/{run}/rerun", {}),
    ("POST", "/runs/{run}/cancel", {}),
    ("POST", "/runs/{run}/note", {"note": "x"}),
    ("POST", "/tokens", {"name": "x", "scopes": ["runs:read"]}),
    ("DELETE", "/tokens/x", None),
    ("POST", "/pools", {"name": "x"}),
    ("POST", "/worker/heartbeat", {"worker_id": UNKNOWN}),
    ("POST", "/worker/claim", {"worker_id": UNKNOWN}),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
@pytest.mark.parametrize("who", ["viewer", "nobody"])
def test_28_a_reader_writes_nothing(world, method, path, body, who):
    token = world.viewer if who == "viewer" else "nb_pat_x"

    answer = world.ask(method, world.fill(path), json=body, token=token)

    check_refused(answer, {403, 404} if who == "viewer" else 401)


@pytest.mark.parametrize("path", ["/runs", "/schedules", "/events", "/tokens", "/notebooks"])
def test_28_a_worker_reads_nothing_but_its_own(world, path):
    check_refused(world.ask("GET", path, token=world.worker), 403)


def test_31_nobody_grants_what_they_do_not_hold(world):
    body = {"name": "x", "scopes": ["admin:*"]}

    check_refused(world.ask("POST", "/tokens", json=body, token=world.viewer), 403)


BY_ID = [
    ("GET", "/schedules/{id}"),
    ("GET", "/schedules/{id}/occurrences"),
    ("GET", "/schedules/{id}/latest"),
    ("GET", "/schedules/{id}/latest-successful/notebook.html"),
    ("DELETE", "/schedules/{id}"),
    ("POST", "/schedules/{id}/pause"),
    ("POST", "/schedules/{id}/run"),
    ("GET", "/runs/{id}"),
    ("GET", "/runs/{id}/cells"),
    ("GET", "/runs/{id}/log"),
    ("GET", "/runs/{id}/live"),
    ("GET", "/runs/{id}/artifacts"),
    ("GET", "/runs/{id}/artifacts/outputs/a.csv"),
    ("GET", "/runs/{id}/manifest"),
    ("GET", "/runs/{id}/notebook"),
    ("GET", "/runs/{id}/notebook.html"),
    ("GET", "/runs/{id}/export/slides"),
    ("GET", "/runs/{id}/export/pdf"),
    ("POST", "/runs/{id}/rerun"),
    ("POST", "/runs/{id}/cancel"),
    ("GET", "/versions/{id}"),
    ("GET", "/versions/{id}/content"),
    ("GET", "/versions/{id}/parameters"),
    ("GET", "/versions/{id}/check"),
    ("DELETE", "/tokens/{id}"),
]


@pytest.mark.parametrize(("method", "path"), BY_ID)
@pytest.mark.parametrize(
    "identity",
    ["~", "*", "%25", "_", "null", "0", "-1", UNKNOWN, "zebracrossing", "9" * 5000, "%F0%9F%92%A3", "a" * 64],
)
def test_30_an_id_that_names_nothing(world, method, path, identity):
    body = {"json": {}} if method == "POST" else {}

    check_refused(world.ask(method, path.replace("{id}", identity), **body), {404, 422})


@pytest.mark.parametrize("wrap", ["{{{}}}", "urn:uuid:{}"])
def test_30_an_id_in_another_dress_is_no_second_name(world, wrap):
    answer = world.ask("GET", "/runs/" + wrap.format(world.run["id"]))

    assert answer.status_code in {200, 404, 422}
    assert answer.status_code != 200 or answer.json()["id"] == world.run["id"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "same-origin"},  # but without the CSRF header
    ],
)
def test_33_another_site_cannot_write_through_a_browser(world, cookie, headers):
    answer = world.client.post(f"{V1}/runs", json=RUN, headers={"cookie": cookie, **headers})

    check_refused(answer, 403)


@pytest.mark.parametrize("value", ["x", "", "é".encode(), "a" * 5000])
def test_32_a_cookie_that_we_did_not_give(world, value):
    value = value if isinstance(value, bytes) else value.encode()

    check_refused(world.client.get(f"{V1}/me", headers={"cookie": b"nightbook=" + value}), 401)


# ---------------------------------------------------------------- 131: nobody's mistake


@pytest.mark.parametrize("path", ["/runs", "/schedules", "/worker/cancels", "/openapi.json"])
def test_131_a_database_that_is_away_is_503_and_says_when_to_come_back(world, tmp_path, path):
    nowhere = Settings(home=tmp_path, database_url="postgresql://nobody@127.0.0.1:1/nothing")
    client = TestClient(create_app(nowhere), base_url="http://127.0.0.1:8600")

    answer = client.get(V1 + path, headers={"authorization": f"Bearer {world.admin}"})

    check_refused(answer, 503, "database_unavailable")
    assert int(answer.headers["retry-after"]) > 0
