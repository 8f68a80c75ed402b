"""The live feed: events from bytes, and a line that breaks."""

import httpx
import pytest

from nightbook.client import Missing, Record, Unintelligible, Unreachable
from nightbook.client.live import Event, events

RUN_ID = "01930000-0000-7000-8000-000000000000"


def feed(*events):
    text = "".join(f"event: {kind}\nid: {at}\ndata: {data}\n\n" for kind, at, data in events)
    return httpx.Response(200, text=text, headers={"content-type": "text/event-stream"})


def text(n, s):
    return f'{{"n": {n}, "k": "text", "s": "{s}"}}'


def heard(followed):
    return [event.fields["s"] for event in followed if isinstance(event, Record)]


def test_an_event_may_come_in_pieces_and_between_comments():
    chunks = [b": hello\n\nev", b"ent: record\r\nid: 7\nda", b"ta: one\ndata: two\n", b"\n: still here\n\n"]

    assert [*events(chunks)] == [Event("record", "one\ntwo", "7")]


def test_only_a_line_feed_ends_a_line():
    data = "a\u2028b\x0bc\x85d"

    assert [event.data for event in events([f"data: {data}\n\n".encode()])] == [data]


def test_an_event_that_was_cut_off_is_not_told():
    assert [*events([b"event: record\ndata: half"])] == []


def test_the_feed_ends_with_the_run(script):
    server = script(feed(("record", 10, text(0, "a")), ("end", 10, "{}"), ("record", 20, text(1, "never"))))

    assert heard(server.client().runs.follow(RUN_ID)) == ["a"]


def test_a_broken_line_is_taken_up_where_it_broke(script):
    server = script(
        feed(("record", 10, text(0, "a"))),
        httpx.ConnectError("refused"),
        feed(("record", 20, text(1, "b")), ("end", 20, "{}")),
    )

    assert heard(server.client().runs.follow(RUN_ID)) == ["a", "b"]

    assert [request.headers.get("last-event-id") for request in server.requests] == [None, "10", "10"]


def test_a_server_that_stays_away_is_given_up(script):
    server = script(*[httpx.ConnectError("refused")] * 20)

    with pytest.raises(Unreachable):
        [*server.client().runs.follow(RUN_ID)]

    assert len(server.requests) == 9


def test_a_proxy_that_closes_every_feed_is_given_up(script):
    server = script(*[feed() for _ in range(20)])

    with pytest.raises(Unreachable, match="proxy"):
        [*server.client().runs.follow(RUN_ID)]


def test_a_run_that_does_not_exist_is_not_asked_for_again(script):
    server = script(httpx.Response(404, text=""))

    with pytest.raises(Missing):
        [*server.client().runs.follow(RUN_ID)]

    assert len(server.requests) == 1


@pytest.mark.parametrize("data", ["no json", "[]", "{}", "3"])
def test_an_event_that_cannot_be_read_is_named(script, data):
    with pytest.raises(Unintelligible):
        [*script(feed(("record", 1, data))).client().runs.follow(RUN_ID)]


def test_events_of_a_kind_that_we_do_not_know_are_passed_over(script):
    server = script(feed(("weather", 1, "rain"), ("end", 1, "{}")))

    assert [*server.client().runs.follow(RUN_ID)] == []
