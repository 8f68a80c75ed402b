"""What people see of the workers."""

import pytest
from bad_world import VALID, WORKER, check_refused


def sandbox_of(world):
    found = world.ask("GET", "/workers", token=world.viewer).json()["items"]
    return next(worker for worker in found if worker["id"] == WORKER)["sandbox"]


@pytest.mark.parametrize("level", ["none", "process", "bubblewrap", "container"])
def test_a_workers_sandbox_level_is_shown(world, level):
    world.post("/worker/register", {**VALID["/worker/register"], "sandbox": level}, token=world.worker)

    assert sandbox_of(world) == level


def test_an_older_worker_that_names_no_level_registers_all_the_same(world):
    world.post("/worker/register", VALID["/worker/register"], token=world.worker)

    assert sandbox_of(world) is None


def test_a_level_that_does_not_exist_is_refused(world):
    body = {**VALID["/worker/register"], "sandbox": "jail"}

    check_refused(world.ask("POST", "/worker/register", json=body, token=world.worker), 422)
