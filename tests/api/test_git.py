"""The repository that an upload names: checked, kept with the version, told again."""

import pytest

COMMIT = "a" * 40
PATH = "/versions"


def uploaded(world, git, source="1"):
    cell = {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    return world.ask("POST", "/notebooks", json={"path": "of_git.ipynb", "content": content, "git": git})


def test_a_version_tells_the_repository_that_its_upload_named(world):
    git = {"commit": COMMIT, "remote": "https://ana:secret@example.org/a.git", "is_dirty": True}

    version = uploaded(world, git).json()

    told = world.ask("GET", f"{PATH}/{version['sha256']}").json()["git"]
    assert told == {"commit": COMMIT, "remote": "https://example.org/a.git", "is_dirty": True}


def test_the_newest_upload_that_names_a_repository_counts(world):
    sha256 = uploaded(world, {"commit": COMMIT}, "2").json()["sha256"]

    uploaded(world, {"commit": "b" * 64}, "2")
    uploaded(world, None, "2")

    assert world.ask("GET", f"{PATH}/{sha256}").json()["git"]["commit"] == "b" * 64


@pytest.mark.parametrize(
    "git",
    [
        {"commit": "HEAD"},
        {"commit": "a" * 41},
        {"commit": "A" * 40},
        {"commit": COMMIT, "remote": "x" * 1001},
        {"commit": COMMIT, "is_dirty": "yes"},
        {"commit": COMMIT, "branch": "main"},
        {},
        "main",
    ],
)
def test_a_repository_of_another_shape_is_refused(world, nothing_changes, git):
    answer = uploaded(world, git, "3")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith("git")


def test_late_evidence_of_an_unknown_attempt_is_not_found(world, nothing_changes):
    nobody = "0193a0b0-0000-7000-8000-000000000000"
    query = f"fence=1&offset=0&worker_id={nobody}"

    answer = world.ask(
        "PUT",
        f"/worker/attempts/{nobody}/evidence?{query}",
        token=world.worker,
        content=b"{}\n",
        headers={"content-type": "application/jsonl"},
    )

    assert (answer.status_code, answer.json()["code"]) == (404, "attempt_not_found")
