"""The front door: hosts, paths, methods, repeated headers, request ids, errors nobody foresaw."""

import logging
from uuid import UUID

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from starlette.requests import ClientDisconnect

from nightbook.api import http
from nightbook.core.errors import NotFound
from nightbook.settings import Settings


def make_app(**settings):
    app = FastAPI()

    @app.api_route("/api/v1/things/{name:path}", methods=["GET", "POST"])
    def thing(name: str, request: Request) -> dict[str, object]:
        return {"name": name, "headers": sorted(request.headers), "url": str(request.url)}

    @app.get("/api/v1/broken")
    def broken() -> None:
        raise RuntimeError("zebra-crossing")

    @app.get("/api/v1/abandoned")
    def abandoned() -> None:
        raise ClientDisconnect

    @app.get("/api/v1/half")
    def half() -> StreamingResponse:
        def pieces():
            yield b"half"
            raise RuntimeError("cut")

        return StreamingResponse(pieces())

    http.install(app, Settings(**settings))
    return app


@pytest.fixture
def client():
    return TestClient(make_app(), base_url="http://127.0.0.1:8600", raise_server_exceptions=False)


def check_refused(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]


def test_a_plain_request_passes(client):
    assert client.get("/api/v1/things/a/b.ipynb").json()["name"] == "a/b.ipynb"


@pytest.mark.parametrize(
    "path",
    [
        "//api/v1/things/a",
        "/api//v1/things/a",
        "/api/v1/things/%2e%2e/broken",
        "/api/v1/things/%2E%2e/broken",
        "/api/v1/things/%252e%252e/broken",
        "/api/v1/things/..;/broken",
        "/api/v1/things/..;x=1/broken",
        "/api/v1/things/..%2fbroken",
        "/api/v1/things/%2fetc",
        "/api/v1/things/....//broken",
        "/api/v1/things/a%00",
        "/api/v1/things/a%2500",
        "/api/v1/things/a%0d%0ax",
        "/api/v1/things/a%7f",
        "/api/v1/things/%ff",
        "/api/v1/things/%c0%ae%c0%ae/broken",
        "/api/v1/things/a\\b",
        "/api/v1/things/a%5cb",
        "/api/v1/things/a/",
        "/API/v1/things/a",
    ],
)
def test_a_path_with_two_readings_is_nobodys(client, path):
    # The raw path goes as it is, since clients normalise what they are given.
    request = client.build_request("GET", "http://127.0.0.1:8600/")
    request.url = request.url.copy_with(raw_path=path.encode())

    check_refused(client.send(request), 404, "not_found")


@pytest.mark.parametrize(
    "raw_path", [b"/api/v1/things/../broken", b"/api/v1/./things", b"http://evil.example/api/v1/things", b"*"]
)
def test_a_path_that_a_client_has_not_normalised_is_nobodys(raw_path):
    scope = {"method": "GET", "headers": [(b"host", b"localhost")], "raw_path": raw_path, "path": "/"}

    with pytest.raises(NotFound):
        http.refuse_oddities(scope, http.Hosts([]))


def test_letters_of_every_script_are_plain(client):
    answer = client.get("/api/v1/things/日報/résumé 🌙.ipynb")

    assert answer.json()["name"] == "日報/résumé 🌙.ipynb"


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "BREW", "get"])
def test_an_unknown_method_is_405_with_the_known_ones(client, method):
    request = client.build_request("GET", "/api/v1/things/a")
    request.method = method
    answer = client.send(request)

    check_refused(answer, 405, "method_not_allowed")
    assert "PATCH" in answer.headers["allow"]


def test_a_method_in_a_header_is_ignored(client):
    assert client.get("/api/v1/things/a", headers={"x-http-method-override": "DELETE"}).status_code == 200


@pytest.mark.parametrize(
    "name",
    ["Authorization", "Content-Type", "Host", "Idempotency-Key", "If-Match", "Origin", "Content-Length"],
)
def test_a_header_that_decides_is_sent_once(client, name):
    answer = client.get("/api/v1/things/a", headers=[(name, "127.0.0.1"), (name, "127.0.0.1")])

    check_refused(answer, 400, "duplicate_header")
    assert answer.json()["errors"][0]["field"] == name.lower()


def test_two_lengths_are_refused(client):
    answer = client.post("/api/v1/things/a", headers={"content-length": "0", "transfer-encoding": "chunked"})

    check_refused(answer, 400, "ambiguous_length")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("headers", [{"x-long": "x" * 40_000}, {f"x-{n}": "1" for n in range(500)}])
def test_too_many_headers_are_refused(client, headers):
    check_refused(client.get("/api/v1/things/a", headers=headers), 431, "headers_too_large")


@pytest.mark.parametrize("key", ["token", "TOKEN", "access_token", "api_key"])
def test_a_token_in_an_address_is_refused(client, key):
    answer = client.get("/api/v1/things/a", params={"q": "x", key: "nb_secret"})

    check_refused(answer, 400, "token_in_query")
    assert "nb_secret" not in answer.text


def test_a_nul_in_the_query_is_refused(client):
    check_refused(client.get("/api/v1/things/a?q=a%00b"), 422, "bad_character")


def test_headers_with_underscores_and_rewrites_of_the_address_are_ignored(client):
    sent = {
        "X_Forwarded_User": "root",
        "X-Original-URL": "/api/v1/broken",
        "X-Forwarded-Host": "evil.example",
    }

    answer = client.get("/api/v1/things/a", headers=sent)

    assert "x_forwarded_user" not in answer.json()["headers"]
    assert answer.json()["url"] == "http://127.0.0.1:8600/api/v1/things/a"


# ---------------------------------------------------------------- hosts


@pytest.mark.parametrize(
    ("settings", "host", "is_ours"),
    [
        ({}, "127.0.0.1:8600", True),
        ({}, "localhost:9999", True),
        ({}, "LOCALHOST.", True),
        ({}, "[::1]:8600", True),
        ({}, "evil.example", False),
        ({}, "localhost.evil.example", False),
        ({}, "10.0.0.5", False),
        ({}, "", False),
        ({}, "127.0.0.1:8600@evil.example", False),
        ({}, "127.0.0.1 evil.example", False),
        ({}, "127.0.0.1\n", False),
        ({"allowed_hosts": ["nights.example:8443"]}, "Nights.Example", True),
        ({"allowed_hosts": ["nights.example"]}, "evil.example", False),
        ({"allowed_hosts": ["*"]}, "evil.example", False),
        ({"public_url": "https://nights.example:8443/x"}, "nights.example:8443", True),
        ({"public_url": "https://nights.example"}, "evil.example", False),
        ({"host": "10.0.0.5"}, "10.0.0.5:8600", True),
        ({"host": "10.0.0.5"}, "[2001:db8::1]", True),
        ({"host": "10.0.0.5"}, "evil.example", False),
        ({"host": "nights.internal"}, "nights.internal", True),
        ({"host": "0.0.0.0"}, "192.168.1.9:8600", True),
        ({"host": "0.0.0.0"}, "evil.example", False),
        ({"host": "::"}, "[fe80::1]", True),
        ({"host": "::1"}, "[::1]", True),
        ({"host": "::1"}, "10.0.0.5", False),
    ],
)
def test_a_server_answers_to_its_own_names_only(settings, host, is_ours):
    assert http.Hosts.of(Settings(**settings)).take(host) is is_ours


def test_a_server_that_listens_everywhere_answers_to_its_machines_name(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "Night-Host")

    assert http.Hosts.of(Settings(host="0.0.0.0")).take("night-host:8600")


def test_a_foreign_host_is_refused_and_not_repeated(client):
    answer = client.get("/api/v1/things/a", headers={"host": "evil.example"})

    check_refused(answer, 400, "bad_host")
    assert "evil" not in answer.text


# ---------------------------------------------------------------- ids, errors, order


def test_every_answer_bears_an_id_of_our_own_making(client):
    answers = [
        client.get("/api/v1/things/a", headers={"x-request-id": "chosen"}),
        client.get("/api/v1/nowhere"),
        client.get("/api/v1/things/a", headers={"host": "evil.example"}),
        client.post("/api/v1/things/a", content=b"{", headers={"content-type": "application/json"}),
        client.get("/api/v1/broken"),
    ]

    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len({UUID(identity) for identity in ids}) == len(answers)
    for answer, identity in list(zip(answers, ids, strict=True))[1:]:
        assert answer.json()["instance"] == f"urn:uuid:{identity}"


def test_what_nobody_foresaw_is_500_without_words_and_stays_in_the_log(client, caplog):
    caplog.set_level(logging.ERROR)

    answer = client.get("/api/v1/broken")

    check_refused(answer, 500, "internal")
    assert "zebra" not in answer.text
    assert answer.headers["x-request-id"] in caplog.text
    assert "zebra" in caplog.text
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_an_answer_that_breaks_half_way_is_cut_and_not_completed():
    client = TestClient(make_app(), base_url="http://127.0.0.1:8600")

    with pytest.raises(RuntimeError, match="cut"):
        client.get("/api/v1/half")


def test_a_caller_who_leaves_is_not_an_error(client, caplog):
    caplog.set_level(logging.INFO)

    client.get("/api/v1/abandoned")

    assert "request.abandoned" in caplog.text
    assert "request.failed" not in caplog.text


def test_refusals_bear_the_security_headers(client):
    answer = client.get("/api/v1/things/a", headers={"host": "evil.example"})

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
