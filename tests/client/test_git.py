"""What an upload says of the repository that the notebook lies in, and what it must not say or do."""

import os
import subprocess

import pytest

from nightbook.client.files import upload_of
from nightbook.client.git import git_of
from nightbook.core.remotes import without_credentials

AUTHOR = ("-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "init.defaultBranch=main")


def git(folder, *words):
    done = subprocess.run(["git", *AUTHOR, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "daily.ipynb").write_text('{"cells": [], "nbformat": 4}')
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    git(tmp_path, "remote", "add", "origin", "https://ana:secret@example.org/team/reports.git?token=abc")
    return tmp_path


def test_an_upload_names_commit_and_remote_without_credentials(repository):
    found = upload_of(repository / "reports" / "daily.ipynb").git

    assert found.commit == git(repository, "rev-parse", "HEAD")
    assert (found.remote, found.is_dirty) == ("https://example.org/team/reports.git", False)


def test_a_change_in_the_notebooks_folder_is_told_and_one_elsewhere_is_not(repository):
    (repository / "other.txt").write_text("new")
    assert git_of(repository / "reports").is_dirty is False

    (repository / "reports" / "new.csv").write_text("new")
    assert git_of(repository / "reports").is_dirty is True


def test_without_a_repository_or_a_commit_nothing_is_told(tmp_path):
    assert git_of(tmp_path) is None
    git(tmp_path, "init")
    assert git_of(tmp_path) is None


def test_without_git_the_upload_goes_on(repository, monkeypatch):
    monkeypatch.setenv("PATH", str(repository))

    assert upload_of(repository / "reports" / "daily.ipynb").git is None


def test_a_git_that_hangs_delays_an_upload_for_a_second_at_most(repository, monkeypatch, tmp_path):
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}{os.pathsep}{os.environ['PATH']}")

    assert git_of(repository) is None


def test_no_program_that_the_repository_names_is_run(repository):
    trap = repository / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {repository}/ran\n")
    trap.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(trap))

    assert git_of(repository / "reports") is not None

    assert not (repository / "ran").exists()


@pytest.mark.parametrize(
    ("remote", "kept"),
    [
        ("https://token@example.org/a.git", "https://example.org/a.git"),
        ("ssh://git@example.org:22/a.git", "ssh://example.org:22/a.git"),
        ("git@example.org:team/a.git", "git@example.org:team/a.git"),
        ("https://[::1]:8443/a.git", "https://[::1]:8443/a.git"),
        ("https://example.org:port/a.git", None),
        ("https://example.org/a\nb", None),
        ("", None),
    ],
)
def test_a_remote_is_kept_without_what_is_secret(remote, kept):
    assert without_credentials(remote) == kept
