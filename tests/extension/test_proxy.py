import asyncio
import json

import httpx
import pytest

RUN = "0192f0c1-2345-7abc-8def-0123456789ab"
JSON = {"Content-Type": "application/json"}


async def test_a_request_goes_on_with_the_persons_token_and_comes_back_unread(browser, nightbook):
    nightbook.answer("runs", 200, content=b'{"items": [],  "next_cursor":null}', headers=JSON)

    answer = await browser.fetch("nightbook/api/v1/runs?limit=5&q=a%20b")

    assert answer.content == b'{"items": [],  "next_cursor":null}'
    assert nightbook.last.headers["Authorization"] == "Bearer nb_pat_abc_secret"
    assert nightbook.last.url.query == b"limit=5&q=a%20b"


async def test_the_body_is_relayed_byte_for_byte(browser, nightbook):
    nightbook.answer("schedules", 201, json={"id": "1"})
    body = b'{"a": NaN, "a": 1 }'

    answer = await browser.fetch("nightbook/api/v1/schedules", "POST", content=body, headers=JSON)

    assert answer.status_code == 201
    assert nightbook.last.content == body


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
async def test_edits_go_on_with_their_conditions(browser, nightbook, method):
    nightbook.answer("schedules/1", 200, json={}, headers={"ETag": '"8"'})

    answer = await browser.fetch("nightbook/api/v1/schedules/1", method, headers={"If-Match": '"7"'})

    assert (nightbook.last.method, nightbook.last.headers["If-Match"]) == (method, '"7"')
    assert answer.headers["ETag"] == '"8"'


async def test_an_answer_without_a_body_stays_without_one(browser, nightbook):
    nightbook.answer("schedules/1", 204)

    answer = await browser.fetch("nightbook/api/v1/schedules/1", "DELETE")

    assert (answer.status_code, answer.content) == (204, b"")


async def test_cookies_and_jupyters_own_token_stay_behind(browser, nightbook):
    nightbook.answer("me", 200, json={}, headers={"Set-Cookie": "theirs=1; Path=/"})
    await browser.fetch("nightbook/api/v1/me", headers={"Cookie": "mine=2"})

    answer = await browser.fetch("nightbook/api/v1/me", headers={"Cookie": "mine=2"})

    assert "Cookie" not in nightbook.last.headers
    assert "theirs" not in answer.headers.get("Set-Cookie", "")
    assert browser.headers["Authorization"] not in nightbook.last.headers.values()


async def test_no_tag_is_invented_where_the_server_sent_none(browser, nightbook):
    nightbook.answer("runs", 200, json={})

    answer = await browser.fetch("nightbook/api/v1/runs")

    assert "ETag" not in answer.headers


async def test_a_path_keeps_the_slashes_that_are_part_of_a_name(browser, nightbook):
    nightbook.answer("notebooks/a%2Fb%20c/versions", 200, json={"items": []})

    answer = await browser.fetch("nightbook/api/v1/notebooks/a%2Fb%20c/versions")

    assert answer.status_code == 200


async def test_the_place_of_a_new_thing_is_told_below_jupyters_base(browser, nightbook):
    nightbook.answer("runs", 201, json={}, headers={"Location": f"/prefix/api/v1/runs/{RUN}"})

    answer = await browser.fetch("nightbook/api/v1/runs", "POST", content=b"{}")

    assert answer.headers["Location"] == f"/a%40b/nightbook/api/v1/runs/{RUN}"


@pytest.mark.parametrize(
    "path",
    [
        "runs/../../secret",
        "runs/%2e%2e/%2E%2E/secret",
        "runs/.%2e/x",
        "runs/a%2F..%2Fb",
        "runs/..%5C..%5Csecret",
        "runs/./x",
    ],
)
async def test_a_path_that_climbs_out_is_refused(browser, nightbook, path):
    status = await browser.fetch_raw(f"nightbook/api/v1/{path}")

    assert status == 400
    assert nightbook.requests == []


@pytest.mark.parametrize(
    "path", ["worker/claim", "hooks/1", "sessions", "tokens", "", "%72uns", "openapi.json", "/runs"]
)
async def test_only_the_listed_routes_are_forwarded(browser, nightbook, path):
    status = await browser.fetch_raw(f"nightbook/api/v1/{path}")

    assert status == 404
    assert nightbook.requests == []


async def test_a_problem_document_passes_with_its_status(browser, nightbook):
    nightbook.refuse("schedules", 422, "unknown_zone", "There is no such zone.")

    answer = await browser.fetch("nightbook/api/v1/schedules", "POST", content=b"{}")

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "unknown_zone"


async def test_a_refused_token_is_no_failing_of_the_browsers(browser, nightbook):
    nightbook.refuse("me", 401, "unauthenticated")

    answer = await browser.fetch("nightbook/api/v1/me")

    assert (answer.status_code, answer.json()["code"]) == (502, "token_refused")
    assert "NIGHTBOOK_TOKEN_FILE" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (httpx.ConnectError("refused"), 502, "unreachable"),
        (httpx.RemoteProtocolError("cut"), 502, "unreachable"),
        (httpx.ReadTimeout("slow"), 504, "timed_out"),
    ],
)
async def test_silence_is_told_as_a_problem(browser, nightbook, error, status, code):
    def fail(_request):
        raise error

    nightbook.answer("runs", fail)

    answer = await browser.fetch("nightbook/api/v1/runs")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("status", [200, 404, 500, 302])
async def test_html_is_never_relayed(browser, nightbook, status):
    page = {"Content-Type": "text/html", "Location": "http://elsewhere/"}
    nightbook.answer("runs", status, content=b"<script>steal()</script>", headers=page)

    answer = await browser.fetch("nightbook/api/v1/runs")

    assert (answer.status_code, answer.json()["code"]) == (502, "not_json")
    assert b"steal" not in answer.content


async def test_text_is_relayed_for_logs(browser, nightbook):
    nightbook.answer(f"runs/{RUN}/log", 200, text="line <b>\n")

    answer = await browser.fetch(f"nightbook/api/v1/runs/{RUN}/log")

    assert answer.text == "line <b>\n"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


# ---------------------------------------------------------------- the token


async def test_a_new_token_is_used_at_once(browser, nightbook, token_file):
    nightbook.answer("me", 200, json={})
    await browser.fetch("nightbook/api/v1/me")
    token_file.write_text("nb_pat_def_another")

    await browser.fetch("nightbook/api/v1/me")

    assert nightbook.last.headers["Authorization"] == "Bearer nb_pat_def_another"


@pytest.mark.parametrize("content", [None, "", "two\nlines", "nb_\u00e9"])
async def test_without_a_token_the_answer_says_what_to_do(browser, nightbook, token_file, content):
    token_file.unlink()
    if content is not None:
        token_file.write_text(content)

    answer = await browser.fetch("nightbook/api/v1/me")

    assert (answer.status_code, answer.json()["code"]) == (503, "not_connected")
    assert "nightbook up" in answer.json()["detail"]
    assert nightbook.requests == []


# ---------------------------------------------------------------- streams


class Endless(httpx.AsyncByteStream):
    """Events that come when the test says so; remembers whether it was closed."""

    def __init__(self) -> None:
        self.chunks = asyncio.Queue()
        self.closed = asyncio.Event()

    async def __aiter__(self):
        while (chunk := await self.chunks.get()) is not None:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    async def aclose(self):
        self.closed.set()


def events_of(stream):
    return lambda _request: httpx.Response(200, stream=stream, headers={"Content-Type": "text/event-stream"})


async def read_until(reader, words):
    return await asyncio.wait_for(reader.readuntil(words), timeout=5)


@pytest.mark.parametrize("path", [f"runs/{RUN}/live", "events/stream"])
async def test_each_event_arrives_as_it_is_sent(browser, nightbook, path):
    stream = Endless()
    nightbook.answer(path, events_of(stream))

    reader, writer = await browser.open_stream(f"nightbook/api/v1/{path}", **{"Last-Event-ID": "42"})
    head = await read_until(reader, b"\r\n\r\n")
    await stream.chunks.put(b"id: 43\ndata: {}\n\n")
    event = await read_until(reader, b"\n\n")

    assert b"text/event-stream" in head
    assert b"X-Accel-Buffering: no" in head
    assert b"data: {}" in event
    assert nightbook.last.headers["Last-Event-ID"] == "42"
    assert nightbook.last.headers["Accept-Encoding"] == "identity"
    writer.close()
    await asyncio.wait_for(stream.closed.wait(), timeout=5)


async def test_leaving_the_page_closes_the_stream_at_its_source(browser, nightbook):
    stream = Endless()
    nightbook.answer("events/stream", events_of(stream))
    reader, writer = await browser.open_stream("nightbook/api/v1/events/stream")
    await read_until(reader, b"\r\n\r\n")

    writer.close()

    await asyncio.wait_for(stream.closed.wait(), timeout=5)


async def test_a_stream_ends_when_its_source_ends_or_breaks(browser, nightbook):
    for ending in (None, httpx.ReadError("gone")):
        stream = Endless()
        nightbook.answer("events/stream", events_of(stream))
        reader, writer = await browser.open_stream("nightbook/api/v1/events/stream")
        await stream.chunks.put(b"data: 1\n\n")
        await stream.chunks.put(ending)

        rest = await read_until(reader, b"0\r\n\r\n")

        assert b"data: 1" in rest
        writer.close()


async def test_a_refusal_instead_of_a_stream_is_told(browser, nightbook):
    nightbook.refuse(f"runs/{RUN}/live", 404, "not_found")

    answer = await browser.fetch(f"nightbook/api/v1/runs/{RUN}/live")

    assert (answer.status_code, json.loads(answer.content)["code"]) == (404, "not_found")


async def test_polls_and_streams_do_not_keep_an_idle_server_alive(browser, nightbook, jp_serverapp):
    nightbook.answer("runs", 200, json={})
    jp_serverapp.web_app.settings.pop("api_last_activity", None)

    await browser.fetch("nightbook/api/v1/runs")
    after_a_poll = jp_serverapp.web_app.settings.get("api_last_activity")
    await browser.fetch("nightbook/api/v1/runs", "POST", content=b"{}")

    assert after_a_poll is None
    assert jp_serverapp.web_app.settings.get("api_last_activity") is not None
