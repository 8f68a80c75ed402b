"""A pool's limits: checked where they are set, shown with the pool, and given along with each of its runs."""

import pytest
from bad_world import RUN, VALID, check_refused

from nightbook.schemas import Limits

MIB = 1024 * 1024


def pool_of(world, name):
    found = world.ask("GET", "/pools", token=world.viewer).json()["items"]
    return next(pool for pool in found if pool["name"] == name)


def test_a_pool_that_sets_nothing_has_the_defaults(world):
    assert Limits.model_validate(pool_of(world, "default")["limits"]) == Limits()


def test_what_a_pool_sets_is_kept_and_the_rest_has_the_defaults(world):
    body = {"name": "small", "limits": {"memory_bytes": 512 * MIB, "processes": None}}

    world.post("/pools", body, token=world.admin)

    wanted = Limits(memory_bytes=512 * MIB, processes=None)
    assert Limits.model_validate(pool_of(world, "small")["limits"]) == wanted


def test_an_edit_changes_what_it_sends_and_leaves_the_rest(world):
    body = {"name": "grown", "concurrency": 3, "limits": {"open_files": 512}}
    made = world.post("/pools", body, token=world.admin)
    read = world.ask("GET", "/pools/grown", token=world.viewer)

    changed = world.ask(
        "PATCH",
        "/pools/grown",
        json={"concurrency": None, "limits": {"memory_bytes": 512 * MIB}},
        headers={"If-Match": read.headers["etag"]},
        token=world.admin,
    )

    assert changed.status_code == 200
    wanted = Limits(memory_bytes=512 * MIB, open_files=512)
    assert Limits.model_validate(changed.json()["limits"]) == wanted
    assert changed.json()["concurrency"] is None
    assert changed.json()["lease_seconds"] == made.json()["lease_seconds"]
    assert changed.headers["etag"] != read.headers["etag"]


@pytest.mark.parametrize(
    ("path", "body", "if_match", "status", "code"),
    [
        ("/pools/default", {"description": "x"}, '"77"', 412, "stale"),
        ("/pools/default", {"lease_seconds": None}, None, 422, "null_not_allowed"),
        ("/pools/default", {"limits": None}, None, 422, "null_not_allowed"),
        ("/pools/none", {"description": "x"}, None, 404, "pool_not_found"),
    ],
)
def test_an_edit_that_cannot_be_is_refused(world, path, body, if_match, status, code):
    headers = {"If-Match": if_match} if if_match else {}

    answer = world.ask("PATCH", path, json=body, headers=headers, token=world.admin)

    check_refused(answer, status)
    assert code in answer.text


def test_only_an_administrator_edits_a_pool(world):
    answer = world.ask("PATCH", "/pools/default", json={"description": "x"}, token=world.viewer)

    check_refused(answer, 403)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("memory_bytes", 1),
        ("memory_bytes", "4 GB"),
        ("processes", 0),
        ("open_files", None),
        ("file_bytes", MIB),
        ("cell_output_bytes", -1),
        ("run_output_bytes", 10**12),
        ("messages_per_minute", 0),
        ("artifacts", 1001),
        ("memory", 5),
    ],
)
def test_a_wrong_limit_is_refused_by_its_name(world, name, value):
    answer = world.ask("POST", "/pools", json={"name": "wrong", "limits": {name: value}}, token=world.admin)

    check_refused(answer, 422)
    assert [error["field"] for error in answer.json()["errors"]] == [f"limits.{name}"]


def test_an_order_carries_the_limits_of_its_pool(world):
    world.post("/worker/register", VALID["/worker/register"], token=world.worker)
    world.post("/runs", {**RUN, "priority": 100})

    claimed = world.post("/worker/claim", {"worker_id": VALID["/worker/register"]["id"]}, token=world.worker)

    assert Limits.model_validate(claimed.json()["order"]["limits"]) == Limits()
