"""Security headers and range answers: what a stranger's bytes may do in a browser, and how they are cut."""

import hashlib
import io
import re
from urllib.parse import unquote

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.testclient import TestClient

from nightbook.api.headers import SecurityHeaders, artifact_headers, content_disposition, safe_view_headers
from nightbook.api.ranges import ranged

BYTES = bytes(range(256)) * 4
SHA256 = hashlib.sha256(BYTES).hexdigest()


def open_at(offset):
    stream = io.BytesIO(BYTES)
    stream.seek(offset)
    return stream


@pytest.fixture
def client():
    app = FastAPI()

    @app.get("/page")
    def page() -> HTMLResponse:
        return HTMLResponse("<p>ours</p>")

    @app.get("/json")
    def json() -> dict[str, int]:
        return {"a": 1}

    @app.get("/own")
    def own() -> Response:
        return Response("<p>", headers=safe_view_headers("sandbox; default-src 'none'"))

    @app.api_route("/artifact", methods=["GET", "HEAD"])
    def artifact(request: Request) -> Response:
        return ranged(request, len(BYTES), open_at, artifact_headers("image/png", "outputs/plot.png", SHA256))

    app.add_middleware(SecurityHeaders)
    return TestClient(app)


def test_our_pages_run_our_scripts_only_and_are_framed_by_nobody(client):
    headers = client.get("/page").headers

    policy = headers["content-security-policy"].split("; ")
    assert {"default-src 'self'", "script-src 'self'", "frame-src 'self'", "frame-ancestors 'none'"} <= set(
        policy
    )
    assert {"object-src 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"} <= set(policy)
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]


def test_json_is_never_a_page_nor_another_sites_nor_kept(client):
    headers = client.get("/json").headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]


def test_a_policy_that_a_route_has_set_is_kept_alone(client):
    headers = client.get("/own").headers

    assert headers.get_list("content-security-policy") == ["sandbox; default-src 'none'"]
    assert headers["content-type"] == "text/html; charset=utf-8"


def test_an_artifact_is_a_download_in_an_opaque_origin(client):
    answer = client.get("/artifact")

    assert answer.content == BYTES
    assert answer.headers["content-disposition"] == 'attachment; filename="plot.png"'
    assert answer.headers.get_list("content-security-policy") == ["sandbox; default-src 'none'"]
    assert answer.headers["etag"] == f'"{SHA256}"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-length"] == str(len(BYTES))


@pytest.mark.parametrize(
    "media_type", ["", "html", "text/html\r\nx: y", 'text/html"><script>', "a/b; charset=x", "ä/b"]
)
def test_a_strange_media_type_is_plain_bytes(media_type):
    assert artifact_headers(media_type, "a", SHA256)["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("filename", "seen"),
    [
        ("report.csv", "report.csv"),
        ("outputs/deep/report.csv", "report.csv"),
        ("..\\..\\boot.ini", "boot.ini"),
        ('a"b.csv', 'a"b.csv'),
        ("a;b=c.csv", "a;b=c.csv"),
        ("a\r\nSet-Cookie: x=1.csv", "aSet-Cookie: x=1.csv"),
        ("résumé 🌙.ipynb", "résumé 🌙.ipynb"),
        ("日報.csv", "日報.csv"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("a%20b.csv", "a%20b.csv"),
        ("%n%s.csv", "%n%s.csv"),
        ("\ud800.csv", "csv"),
        ("..", "file"),
        ("", "file"),
        ("outputs/", "file"),
        ("x" * 500, "x" * 200),
    ],
)
def test_a_download_is_named_by_the_last_part_in_one_ascii_header(filename, seen):
    header = content_disposition(filename)

    plain, _, exact = header.removeprefix('attachment; filename="').partition('"')
    assert unquote(exact.removeprefix("; filename*=UTF-8''")) == ("" if plain == seen else seen)
    assert re.fullmatch(r"[A-Za-z0-9 ._-]+", plain)
    assert re.fullmatch(r"[\x20-\x7e]+", header)


# ---------------------------------------------------------------- ranges


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=1000-", 1000, 1024),
        ("bytes=-24", 1000, 1024),
        ("bytes=-99999", 0, 1024),
        ("bytes=1000-99999", 1000, 1024),
        ("bytes=0-9, 5-14", 0, 15),
        ("bytes=2000-, 0-4", 0, 5),
    ],
)
def test_one_range_is_cut_out(client, wanted, start, end):
    answer = client.get("/artifact", headers={"range": wanted})

    assert answer.status_code == 206
    assert answer.content == BYTES[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/1024"
    assert answer.headers["content-length"] == str(end - start)
    assert answer.headers["content-disposition"]


def test_several_ranges_come_in_parts(client):
    answer = client.get("/artifact", headers={"range": "bytes=0-3,100-103,-4"})

    assert answer.status_code == 206
    kind, _, boundary = answer.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/byteranges"
    assert int(answer.headers["content-length"]) == len(answer.content)
    parts = answer.content.split(f"\r\n--{boundary}".encode())[1:]
    assert [part.partition(b"\r\n\r\n")[2] for part in parts[:-1]] == [BYTES[:4], BYTES[100:104], BYTES[-4:]]
    assert b"Content-Range: bytes 100-103/1024" in parts[1]
    assert parts[-1] == b"--\r\n"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ("bytes=1024-", "range_not_satisfiable"),
        ("bytes=5000-6000", "range_not_satisfiable"),
        ("bytes=-0", "range_not_satisfiable"),
        ("bytes=0-1,4-5,8-9,12-13,16-17,20-21", "too_many_ranges"),
        ("bytes=" + ",".join(["0-1"] * 1000), "too_many_ranges"),
    ],
)
def test_ranges_beyond_the_end_or_too_many_are_416(client, wanted, code):
    answer = client.get("/artifact", headers={"range": wanted})

    assert (answer.status_code, answer.json()["code"]) == (416, code)
    assert answer.headers["content-range"] == "bytes */1024"


@pytest.mark.parametrize(
    "wanted",
    [
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=9-1",
        "items=0-1",
        "bytes=0-1;2-3",
        "bytes=" + "9" * 5000 + "-",
        "x",
    ],
)
def test_a_range_that_cannot_be_read_is_ignored(client, wanted):
    answer = client.get("/artifact", headers={"range": wanted})

    assert (answer.status_code, answer.content) == (200, BYTES)


def test_a_range_of_another_version_is_ignored(client):
    old = client.get("/artifact", headers={"range": "bytes=0-1", "if-range": '"other"'})
    same = client.get("/artifact", headers={"range": "bytes=0-1", "if-range": f'"{SHA256}"'})

    assert (old.status_code, same.status_code) == (200, 206)


@pytest.mark.parametrize(
    ("known", "status"), [(f'"{SHA256}"', 304), (f'"x", W/"{SHA256}"', 304), ("*", 304), ('"x"', 200)]
)
def test_what_the_reader_has_is_not_sent_again(client, known, status):
    answer = client.get("/artifact", headers={"if-none-match": known})

    assert answer.status_code == status
    assert answer.headers["etag"] == f'"{SHA256}"'


def test_a_head_request_gets_the_headers_without_reading_the_bytes(client):
    answer = client.head("/artifact", headers={"range": "bytes=0-9"})

    assert (answer.status_code, answer.content) == (206, b"")
    assert answer.headers["content-length"] == "10"
