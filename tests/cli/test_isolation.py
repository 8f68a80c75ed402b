"""The check-up of the sandbox level, and a worker that does not start below the level it was told."""

import os
import shutil
import subprocess
import sys

import pytest


def sandbox_of(said):
    items = said.json if isinstance(said.json, list) else said.json["items"]
    return next(check for check in items if check["name"] == "sandbox")


def test_a_level_that_needs_nothing_is_well(bare):
    assert sandbox_of(bare("doctor", "--output", "json"))["verdict"] == "ok"


def test_what_only_the_platform_can_do_is_named_as_its_part(bare, monkeypatch):
    monkeypatch.setenv("NIGHTBOOK_SANDBOX", "container")

    check = sandbox_of(bare("doctor", "--output", "json"))

    assert (check["verdict"], "platform" in check["message"]) == ("warning", True)


def test_bubblewrap_is_tried_and_its_version_told(bare, monkeypatch):
    if shutil.which("bwrap") is None and os.environ.get("CI", "").lower() not in {"1", "true"}:
        pytest.skip("there is no 'bwrap'; install the package bubblewrap")
    monkeypatch.setenv("NIGHTBOOK_SANDBOX", "bubblewrap")

    check = sandbox_of(bare("doctor", "--output", "json"))

    assert check["message"].startswith("bubblewrap ") and "network none" in check["message"]
    assert check["verdict"] == ("warning" if os.getuid() == 0 else "ok")


def test_a_host_without_bubblewrap_is_told_what_to_install(bare, monkeypatch, tmp_path):
    monkeypatch.setenv("NIGHTBOOK_SANDBOX", "bubblewrap")
    monkeypatch.setenv("PATH", str(tmp_path))

    said = bare("doctor", "--output", "json")

    check = sandbox_of(said)
    assert (said.code, check["verdict"]) == (1, "error")
    assert "bwrap" in check["message"] and "bubblewrap" in check["next_step"]


def test_a_cgroup_that_does_not_do_is_an_error_with_a_next_step(bare, monkeypatch, tmp_path):
    monkeypatch.setenv("NIGHTBOOK_CGROUP", str(tmp_path))

    checks = bare("doctor", "--output", "json").json
    items = checks if isinstance(checks, list) else checks["items"]

    check = next(check for check in items if check["name"] == "memory limits")
    assert (check["verdict"], check["message"]) == ("error", f"{tmp_path} is no cgroup (v2)")
    assert "NIGHTBOOK_CGROUP" in check["next_step"]


def test_a_worker_does_not_start_below_the_level_that_was_asked_for(bare, monkeypatch, tmp_path):
    monkeypatch.setenv("NIGHTBOOK_SANDBOX", "bubblewrap")
    monkeypatch.setenv("PATH", str(tmp_path))

    # A process of its own: a worker adopts orphans and hides itself.
    done = subprocess.run(
        [sys.executable, "-m", "nightbook", "worker"], capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "worker.refused NIGHTBOOK_SANDBOX=bubblewrap does not work here" in done.stderr
    assert "install" in done.stderr
