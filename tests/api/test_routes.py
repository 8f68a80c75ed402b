"""Every route asks for a caller; what a caller lacks is refused; a repeat changes nothing."""

import json
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from bad_world import RUN, UNKNOWN, UPLOAD, V1
from fastapi import APIRouter, FastAPI

from nightbook.api.app import PUBLIC, UnguardedRoute, all_routes, guards, require_guards, routes_only

ROUTES = [route for route in all_routes(routes_only().routes) if route.endpoint not in PUBLIC]  # type: ignore[attr-defined]
VALUES = {
    "run_id": UNKNOWN,
    "schedule_id": UNKNOWN,
    "group_id": UNKNOWN,
    "attempt_id": UNKNOWN,
    "token_id": "x",
    "sha256": "a" * 64,
    "which": "latest",
    "format": "pdf",
    "name:path": "x",
    "path:path": "x",
}


def calls():
    """(method, address, scope) of every guarded route."""
    found = []
    for route in ROUTES:
        path = route.path.removeprefix(V1)  # type: ignore[attr-defined]
        for name, value in VALUES.items():
            path = path.replace(f"{{{name}}}", value)
        scopes = [guard.scope for guard in guards(route.dependant)]  # type: ignore[attr-defined]
        for method in sorted(route.methods):  # type: ignore[attr-defined]
            found.append(pytest.param(method, f"{V1}{path}", scopes[0], id=f"{method} {route.path}"))  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize(("method", "address", "scope"), calls())
def test_no_route_answers_a_stranger(world, method, address, scope):
    answer = world.client.request(method, address)

    assert answer.status_code == 401, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "address", "scope"), [call for call in calls() if call.values[2] is not None]
)
def test_a_token_without_the_routes_scope_is_refused(world, method, address, scope):
    other = world.viewer if scope == "worker" or "read" not in scope else world.worker
    if scope == "audit:read":
        other = world.viewer
    headers = {"authorization": f"Bearer {other}", "content-type": "application/json"}

    answer = world.client.request(method, address, content=b"{}", headers=headers)

    # What is not there, or not a valid body, is told to those alone who may ask.
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_a_route_without_a_guard_stops_the_start():
    inner, app = APIRouter(), FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @inner.get("/open")
    def unguarded() -> None: ...

    outer = APIRouter(prefix="/deep")
    outer.include_router(inner)
    app.include_router(outer)

    with pytest.raises(UnguardedRoute, match="open"):
        require_guards(app)


def test_one_key_sent_many_times_at_once_makes_one_run(world):
    headers = {"authorization": f"Bearer {world.admin}", "idempotency-key": str(uuid4())}

    with ThreadPoolExecutor(10) as many:
        answers = list(
            many.map(lambda _: world.client.post(f"{V1}/runs", json=RUN, headers=headers), range(50))
        )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = world.client.post(f"{V1}/runs", json={**RUN, "note": "x"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


def attempt(world, lines):
    """A run that a worker has claimed and written *lines* about, and the worker's order."""
    run = world.post("/runs", {**RUN, "priority": 100}).json()
    order = world.post("/worker/claim", {"worker_id": world_worker(world)}, token=world.worker).json()[
        "order"
    ]
    assert order["run_id"] == run["id"]
    body = "".join(json.dumps(line) + "\n" for line in lines).encode()
    address = f"{V1}/worker/attempts/{order['attempt_id']}/journal?fence={order['fence']}&offset=0"
    sent = world.client.put(address, content=body, headers={"authorization": f"Bearer {world.worker}"})
    assert sent.json() == {"next_offset": len(body)}
    return run, order


def world_worker(world):
    headers = {"authorization": f"Bearer {world.admin}"}
    return world.client.get(f"{V1}/workers", headers=headers).json()["items"][0]["id"]


def end(world, order, bodies):
    """Upload *bodies* by name and end the attempt."""
    bearer = {"authorization": f"Bearer {world.worker}"}
    base = f"{V1}/worker/attempts/{order['attempt_id']}"
    left = [
        world.client.put(
            f"{base}/artifacts/{name}?fence={order['fence']}",
            content=body,
            headers={**bearer, "content-type": "text/plain"},
        ).json()
        for name, body in bodies.items()
    ]
    draft = {"fence": order["fence"], "state": "succeeded", "artifacts": left}
    return world.client.post(f"{base}/finish", json=draft, headers=bearer)


LINES = [
    {"n": 0, "t": 0, "k": "begin", "at": "2026-11-23T12:00:00Z", "ids": ["params", "work"], "injected": None},
    {"n": 1, "t": 5, "k": "cell", "i": 0},
    {"n": 2, "t": 9, "k": "text", "i": 0, "name": "stdout", "s": "hello\n"},
]
BODIES = {"notebook.ipynb": b'{"cells": []}', "manifest.json": b"{}", "outputs/table.csv": b"0123456789"}


@pytest.mark.usefixtures("untidy")
def test_a_late_reader_of_the_live_feed_gets_what_came_before(world):
    run, order = attempt(world, LINES)
    assert end(world, order, BODIES).status_code == 200
    bearer = {"authorization": f"Bearer {world.admin}"}

    whole = world.client.get(f"{V1}/runs/{run['id']}/live", headers=bearer).text
    positions = [line.removeprefix("id: ") for line in whole.splitlines() if line.startswith("id: ")]
    rest = world.client.get(
        f"{V1}/runs/{run['id']}/live", headers={**bearer, "last-event-id": positions[1]}
    ).text

    assert whole.count("event: record") == 3
    assert '"s": "hello\\n"' in whole
    assert rest.count("event: record") == 1
    assert whole.rstrip().endswith('data: {"state": "succeeded"}')


@pytest.mark.usefixtures("untidy")
def test_an_artifact_is_served_in_ranges_and_never_once_its_bytes_have_changed(world):
    run, order = attempt(world, LINES)
    end(world, order, BODIES)
    bearer = {"authorization": f"Bearer {world.admin}"}
    address = f"{V1}/runs/{run['id']}/artifacts/outputs/table.csv"
    sha256 = world.client.get(address, headers=bearer).headers["etag"].strip('"')

    part = world.client.get(address, headers={**bearer, "range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    stored = world.settings.home / "artifacts" / "sha256" / sha256[:2] / sha256[2:4] / sha256
    stored.chmod(0o600)
    stored.write_bytes(b"0123456780")

    damaged = world.client.get(address, headers=bearer)
    assert (damaged.status_code, damaged.json()["code"]) == (502, "integrity_error")
    assert b"012345678" not in damaged.content


@pytest.mark.usefixtures("untidy")
def test_a_rerun_keeps_its_parents_pins_unless_told_otherwise(world):
    run, order = attempt(world, LINES)
    end(world, order, BODIES)
    newer = json.loads(json.dumps(UPLOAD))
    newer["content"]["cells"][1]["source"] = "2 + 2"
    latest = world.post("/notebooks", newer).json()["sha256"]

    original = world.post(f"/runs/{run['id']}/rerun", {"parameters": {"region": "south"}}).json()
    moved = world.post(f"/runs/{run['id']}/rerun", {"use": "latest"}).json()

    assert (original["rerun_of"], original["notebook"]["sha256"]) == (run["id"], run["notebook"]["sha256"])
    assert original["parameters"] == {"region": "south"}
    assert moved["notebook"]["sha256"] == latest != run["notebook"]["sha256"]
