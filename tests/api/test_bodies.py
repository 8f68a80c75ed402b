"""Bodies: what reaches a route has been read within limits, strictly, and is byte for byte what was sent."""

import asyncio
import gzip
import json
import time

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from nightbook.api import problems
from nightbook.api.bodies import MIB, BodyLimits, StrictBodies, chunks_of

LIMITS = BodyLimits(
    json_bytes=2000, upload_bytes=5000, journal_bytes=300, artifact_bytes=600, silence_seconds=0.05
)
JSON = {"content-type": "application/json"}
ATTEMPT = "/api/v1/worker/attempts/0190"


def make_app(limits=LIMITS):
    app = FastAPI()
    problems.install(app)

    @app.api_route("/api/v1/echo", methods=["POST", "GET", "PUT", "PATCH", "DELETE"])
    async def echo(request: Request) -> dict[str, object]:
        return {"sent": (await request.body()).decode("latin-1")}

    @app.post("/api/v1/notebooks")
    @app.post("/api/v1/notebooks/compare")
    async def upload(request: Request) -> dict[str, object]:
        return {"bytes": len(await request.body())}

    @app.put("/api/v1/worker/attempts/{attempt}/journal")
    async def journal(request: Request) -> dict[str, object]:
        return {"bytes": len(await request.body())}

    @app.put("/api/v1/worker/attempts/{attempt}/artifacts/{name:path}")
    def artifact(request: Request) -> dict[str, object]:
        return {"bytes": sum(map(len, chunks_of(request)))}

    app.add_middleware(StrictBodies, limits=limits)
    return app


@pytest.fixture
def client():
    return TestClient(make_app())


def check_refused(answer, status, code, field="body"):
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["errors"][0]["field"] == field


def test_a_good_body_reaches_the_route_byte_for_byte(client):
    sent = '{ "a" : [1, 2.50, "é"],\n "b":null }'

    answer = client.post("/api/v1/echo", content=sent.encode(), headers=JSON)

    assert answer.json()["sent"].encode("latin-1").decode() == sent


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_an_empty_body_is_left_to_the_route(client, method):
    assert client.request(method, "/api/v1/echo").json() == {"sent": ""}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "not_json"),
        (b"{}x", 400, "not_json"),
        (b"{}{}", 400, "not_json"),
        (b'{"a": "\xff"}', 400, "not_utf8"),
        ('{"a": 1}'.encode("utf-16"), 400, "not_utf8"),
        (b'\xef\xbb\xbf{"a": 1}', 400, "not_utf8"),
        (b'{"a": NaN}', 422, "not_finite"),
        (b'{"a": -Infinity}', 422, "not_finite"),
        (b'{"a": 1e999}', 422, "not_finite"),
        (b'{"a": 1, "a": 2}', 422, "duplicate_key"),
        (b'{"a": 9223372036854775808}', 422, "number_too_large"),
        (b'{"a": ' + b"9" * 1500 + b"}", 422, "number_too_large"),
        (b"[" * 65 + b"]" * 65, 400, "too_deep"),
        (b"[" * 900 + b"]" * 900, 400, "too_deep"),
        (b'{"a": "\\ud800"}', 422, "bad_character"),
        (b'{"a": "\\u0000"}', 422, "bad_character"),
        (b" ", 422, "empty_body"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_text_with_no_or_two_readings_is_refused(client, method, body, status, code):
    check_refused(client.request(method, "/api/v1/echo", content=body, headers=JSON), status, code)


def test_a_million_keys_are_refused_before_the_full_parse():
    client = TestClient(make_app(BodyLimits(json_bytes=50 * MIB)))
    body = json.dumps({str(n): n for n in range(1_000_000)}).encode()
    began = time.perf_counter()

    answer = client.post("/api/v1/echo", content=body, headers=JSON)

    assert answer.status_code == 413
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    "media_type",
    [
        None,
        "",
        "text/plain",
        "application/jsonp",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/json; boundary=x",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/json",
    ],
)
def test_only_json_is_json(client, media_type):
    headers = {} if media_type is None else {"content-type": media_type}

    answer = client.post("/api/v1/echo", content=b"{}", headers=headers)

    check_refused(answer, 415, "unsupported_media_type", "content-type")


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "Application/JSON",
        "application/json;charset=UTF-8",
        'application/json; charset="utf-8"',
    ],
)
def test_json_may_name_its_character_set(client, media_type):
    assert client.post("/api/v1/echo", content=b"{}", headers={"content-type": media_type}).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/echo", f"{ATTEMPT}/journal", f"{ATTEMPT}/artifacts/outputs/a.csv"])
def test_packed_bodies_are_refused_before_a_byte_is_unpacked(client, path):
    answer = client.request(
        "POST" if path.endswith("echo") else "PUT",
        path,
        content=gzip.compress(b"0" * 100_000),
        headers={**JSON, "content-encoding": "gzip"},
    )

    check_refused(answer, 415, "content_encoding", "content-encoding")


@pytest.mark.parametrize(
    ("method", "path", "cap"),
    [
        ("POST", "/api/v1/echo", LIMITS.json_bytes),
        ("POST", "/api/v1/notebooks", LIMITS.upload_bytes),
        ("POST", "/api/v1/notebooks/compare", LIMITS.upload_bytes),
        ("PUT", f"{ATTEMPT}/journal", LIMITS.journal_bytes),
        ("PUT", f"{ATTEMPT}/artifacts/outputs/deep/a.csv", LIMITS.artifact_bytes),
    ],
)
class TestEachRouteHasItsCap:
    def test_up_to_the_cap_it_passes(self, client, method, path, cap):
        assert (
            client.request(method, path, content=b'"' + b"x" * (cap - 2) + b'"', headers=JSON).status_code
            == 200
        )

    def test_a_declared_length_beyond_it_is_refused(self, client, method, path, cap):
        answer = client.request(method, path, content=b"x" * (cap + 1), headers=JSON)

        check_refused(answer, 413, "too_large")

    def test_chunks_beyond_it_are_cut_off(self, client, method, path, cap):
        pieces = (b" " * 100 for _ in range(cap // 100 + 1))

        check_refused(client.request(method, path, content=pieces, headers=JSON), 413, "too_large")


def test_raw_bytes_reach_the_workers_routes_unparsed(client):
    for path in (f"{ATTEMPT}/journal", f"{ATTEMPT}/artifacts/notebook.ipynb"):
        answer = client.put(path, content=iter([b"\xff\x00", b"{", b""]))

        assert answer.json() == {"bytes": 3}


def test_no_other_route_takes_raw_bytes(client):
    for path in (f"{ATTEMPT}/journal/x", "/api/v1/worker/attempts/a/b/journal", f"{ATTEMPT}/artifacts/"):
        assert client.put(path, content=b"\xff").status_code == 415


def test_a_body_with_get_is_not_read(client):
    assert client.request("GET", "/api/v1/echo", content=b"{").status_code == 200


# ---------------------------------------------------------------- slow senders, at the ASGI level


class Wire:
    """One request as the server hands it over: messages in with pauses, messages out."""

    def __init__(self, path="/api/v1/echo", method="POST", headers=()):
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked"), *headers],
            "scheme": "http",
            "server": ("127.0.0.1", 8600),
            "client": ("127.0.0.1", 1),
        }
        self.sent = []
        self.given = 0

    async def receive_from(self, source):
        self.given += 1
        return await anext(source)

    async def send(self, message):
        self.sent.append(message)

    def run(self, source, app=None):
        iterator = source()

        async def receive():
            return await self.receive_from(iterator)

        asyncio.run((app or make_app())(self.scope, receive, self.send))
        start = self.sent[0]
        body = b"".join(message.get("body", b"") for message in self.sent[1:])
        return start["status"], dict(start["headers"]), json.loads(body)


def piece(body, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


async def stalls():
    yield piece(b'{"a":')
    await asyncio.Event().wait()


async def drips():
    while True:
        await asyncio.sleep(0.01)
        yield piece(b" ")


async def never_ends():
    while True:
        yield piece(b" " * 500)


@pytest.mark.parametrize("source", [stalls, drips])
@pytest.mark.parametrize(
    ("path", "method"), [("/api/v1/echo", "POST"), (f"{ATTEMPT}/artifacts/notebook.ipynb", "PUT")]
)
def test_a_body_that_stalls_or_drips_is_408_and_the_connection_closes(source, path, method):
    limits = BodyLimits(silence_seconds=0.05, bytes_per_second=10_000)

    status, headers, problem = Wire(path, method).run(source, make_app(limits))

    assert (status, problem["code"]) == (408, "too_slow")
    assert headers[b"connection"] == b"close"


def test_endless_chunks_are_cut_at_the_cap():
    wire = Wire()

    status, headers, problem = wire.run(lambda: _then_stop(never_ends(), LIMITS.json_bytes // 500 + 10))

    assert (status, problem["code"]) == (413, "too_large")
    assert headers[b"connection"] == b"close"


async def _then_stop(source, count):
    for _ in range(count):
        yield await anext(source)
    yield piece(b"", more=False)


def test_a_long_declared_body_is_refused_before_it_is_read():
    wire = Wire(headers=[(b"content-length", b"2147483648"), (b"expect", b"100-continue")])

    status, _, problem = wire.run(never_ends)

    assert (status, problem["code"], wire.given) == (413, "too_large", 0)


def test_the_whole_answer_is_sent_before_the_rest_of_a_refused_body_is_read():
    wire = Wire(headers=[(b"content-length", b"999999")])

    async def watched():
        assert len(wire.sent) == 2
        yield piece(b"x" * 999)
        yield piece(b"", more=False)

    wire.run(watched)

    assert wire.given == 2
    assert len(dict(wire.sent[0]["headers"])[b"content-length"]) > 0
    assert wire.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


@pytest.mark.parametrize("length", [b"-1", b"x", b"1e3", b"9" * 40, b""])
def test_a_length_that_is_no_number_is_refused(length):
    status, _, problem = Wire(headers=[(b"content-length", length)]).run(lambda: _then_stop(drips(), 0))

    assert (status, problem["code"]) == (400, "bad_length")


def test_a_slow_route_does_not_make_a_client_slow():
    app = make_app(BodyLimits(silence_seconds=0.05))

    async def slowly(request: Request) -> dict[str, int]:
        total = 0
        async for chunk in request.stream():
            await asyncio.sleep(0.1)
            total += len(chunk)
        return {"bytes": total}

    app.router.routes.clear()
    app.put("/api/v1/worker/attempts/{attempt}/journal")(slowly)

    async def source():
        yield piece(b"a")
        yield piece(b"b", more=False)

    status, _, body = Wire(f"{ATTEMPT}/journal", "PUT").run(source, app)

    assert (status, body) == (200, {"bytes": 2})
