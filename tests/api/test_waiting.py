"""Who waits hears of a change as it commits; workers' requests never wait for people's."""

import base64
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from anyio import to_thread
from bad_world import VALID, check_refused

from nightbook.adapters.notices import Board, Listener
from nightbook.api import live, worker
from nightbook.api.lanes import THREADS
from nightbook.core.clock import new_id
from nightbook.core.journal import LONGEST

WORKER = VALID["/worker/register"]["id"]


@pytest.fixture
def only_notices(monkeypatch):
    """Nobody looks again by himself while these tests run."""
    monkeypatch.setattr(live, "LOOK_SECONDS", 60.0)
    monkeypatch.setattr(worker, "_CANCELS_LOOK_SECONDS", 60.0)


@pytest.fixture
def taken(world):
    """A run that the worker has claimed and begun, as its order."""
    world.post("/runs", {"notebook": world.version["sha256"]})
    order = world.post("/worker/claim", {"worker_id": WORKER}, token=world.worker).json()["order"]
    _put_journal(world, order, 0, b'{"k":"begin","n":0}\n')
    return order


def _put_journal(world, order, offset, lines):
    path = f"/worker/attempts/{order['attempt_id']}/journal?fence={order['fence']}&offset={offset}"
    answer = world.ask("PUT", path, content=lines, token=world.worker)
    assert answer.status_code == 200, answer.text


def test_a_line_of_a_journal_may_be_as_long_as_a_worker_makes_one(world, taken):
    begin = len(b'{"k":"begin","n":0}\n')
    line = b'{"k":"out","n":1,"i":0,"o":{"x":"%b"}}\n'

    _put_journal(world, taken, begin, line % (b"x" * (LONGEST - len(line))))


def _left(name, role, body, *, content=True):
    sent = {"content": base64.b64encode(body).decode()} if content else {}
    kept = {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body), "media_type": "text/plain"}
    return {"name": name, "role": role, **kept, **sent}


def _finish(world, order, artifacts, **fields):
    draft = {"fence": order["fence"], "state": "succeeded", "artifacts": artifacts, **fields}
    path = f"/worker/attempts/{order['attempt_id']}/finish"
    return world.ask("POST", path, json=draft, token=world.worker)


def _both():
    return [_left("notebook.ipynb", "notebook", b"{}"), _left("manifest.json", "manifest", b"[]")]


def test_the_end_of_a_run_is_told_when_it_commits(world, taken, only_notices):
    with ThreadPoolExecutor(1) as waiting:
        told = waiting.submit(world.ask, "GET", f"/runs/{taken['run_id']}/end?wait_seconds=30")
        assert _finish(world, taken, _both()).status_code == 200
        assert told.result(timeout=20).json()["state"] == "succeeded"


def test_a_wait_for_the_end_of_a_run_has_an_end(world, taken):
    assert world.ask("GET", f"/runs/{taken['run_id']}/end?wait_seconds=0.1").json()["state"] == "running"
    check_refused(world.ask("GET", f"/runs/{taken['run_id']}/end?wait_seconds=1e9"), 422)
    check_refused(world.ask("GET", f"/runs/{new_id()}/end"), 404)
    assert _finish(world, taken, _both()).status_code == 200


def test_a_worker_hears_of_a_cancel_when_it_commits(world, taken, only_notices):
    with ThreadPoolExecutor(1) as waiting:
        path = f"/worker/cancels?worker_id={WORKER}&wait_seconds=20"
        told = waiting.submit(world.ask, "GET", path, token=world.worker)
        world.post(f"/runs/{taken['run_id']}/cancel", {})
        items = told.result(timeout=15).json()["items"]
    assert [item["attempt_id"] for item in items] == [taken["attempt_id"]]
    known = f"/worker/cancels?worker_id={WORKER}&known={taken['attempt_id']}&wait_seconds=0.2"
    assert world.ask("GET", known, token=world.worker).json() == {"items": []}
    assert _finish(world, taken, _both(), state="cancelled").status_code == 200


def test_a_worker_that_nobody_asks_to_cancel_is_told_so_in_time(world):
    path = f"/worker/cancels?worker_id={WORKER}&wait_seconds=0.2"
    assert world.ask("GET", path, token=world.worker).json() == {"items": []}


def test_a_heartbeat_is_answered_while_people_use_every_thread(world):
    someone = [object() for _ in range(THREADS)]

    async def take_all():
        for one in someone:
            to_thread.current_default_thread_limiter().acquire_on_behalf_of_nowait(one)

    async def give_back():
        for one in someone:
            to_thread.current_default_thread_limiter().release_on_behalf_of(one)

    world.client.portal.call(take_all)
    try:
        with ThreadPoolExecutor(1) as waiting:
            list_of_runs = waiting.submit(world.ask, "GET", "/runs")
            beat = {"worker_id": WORKER, "attempts": []}
            assert world.ask("POST", "/worker/heartbeat", json=beat, token=world.worker).status_code == 200
            assert not list_of_runs.done()
            world.client.portal.call(give_back)
            assert list_of_runs.result(timeout=20).status_code == 200
    except BaseException:
        world.client.portal.call(give_back)
        raise


# ---------------------------------------------------------------- what goes along with the end


def test_the_journal_is_kept_from_what_was_uploaded_and_its_tail(world, taken):
    head, tail = b'{"k":"begin","n":0}\n', b'{"k":"end","n":1,"state":"succeeded"}\n'
    journal = _left("journal.jsonl", "journal", head + tail, content=False)
    sent = {"offset": len(head), "content": base64.b64encode(tail).decode()}

    answer = _finish(world, taken, [*_both(), journal], journal=sent)

    assert answer.status_code == 200, answer.text
    kept = world.ask("GET", f"/runs/{taken['run_id']}/artifacts/journal.jsonl")
    assert kept.content == head + tail
    again = _finish(world, taken, [*_both(), journal], journal=sent)
    assert again.json()["state"] == "succeeded"  # a repeat after a lost answer


def test_a_journal_that_is_not_the_servers_must_be_uploaded(world, taken):
    journal = _left("journal.jsonl", "journal", b'{"k":"other"}\n', content=False)
    check_refused(_finish(world, taken, [*_both(), journal]), 422, "not_uploaded", "artifacts.2.sha256")
    assert _finish(world, taken, _both()).status_code == 200


@pytest.mark.parametrize(
    ("spoilt", "code"),
    [
        ({"content": "%%%"}, "bad_base64"),
        ({"content": base64.b64encode(b"else").decode()}, "wrong_hash"),
        ({"size": 3}, "wrong_hash"),
        ({"name": "../etc/passwd"}, "bad_name"),
        ({"content": None}, "not_uploaded"),
    ],
)
def test_bytes_that_are_not_what_they_claim_end_nothing(world, taken, spoilt, code):
    artifacts = _both()
    body = f"{taken['run_id']}{code}".encode()  # never seen by the store
    spoilt = {**_left("outputs/x.txt", "output", body), **spoilt}
    check_refused(_finish(world, taken, [*artifacts, spoilt]), 422, code)
    assert world.ask("GET", f"/runs/{taken['run_id']}").json()["state"] == "running"
    assert _finish(world, taken, artifacts).status_code == 200


def test_a_torn_tail_is_refused(world, taken):
    torn = {"offset": 0, "content": base64.b64encode(b'{"k":').decode()}
    check_refused(_finish(world, taken, _both(), journal=torn), 422, "torn_line")
    assert _finish(world, taken, _both()).status_code == 200


def test_a_small_source_comes_with_the_order(world, taken):
    path = f"/worker/attempts/{taken['attempt_id']}/source?fence={taken['fence']}"
    assert taken["source"] == world.ask("GET", path, token=world.worker).text
    assert _finish(world, taken, _both()).status_code == 200


# ---------------------------------------------------------------- between servers


def test_servers_of_one_postgresql_hear_of_each_others_commits(world):
    url = world.settings.database
    if not url.startswith("postgresql"):
        pytest.skip("SQLite serves one server")
    heard = []

    class Noting(Board):
        def post(self, topics):
            heard.extend(topics)

    listener = Listener(url, Noting())
    listener.start()
    try:
        assert listener.is_listening.wait(10)
        run = world.post("/runs", {"notebook": world.version["sha256"]}).json()
        until = time.monotonic() + 10
        while f"run:{run['id']}" not in heard:
            assert time.monotonic() < until, heard
            time.sleep(0.02)
    finally:
        listener.close()
    world.post(f"/runs/{run['id']}/cancel", {})
