"""An attempt's folders: all of them are made, or nothing of them is left."""

import errno
import os
import uuid
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from nightbook.schemas import RunOrder
from nightbook_executor import leftovers, places
from nightbook_executor.folders import Folders
from nightbook_executor.order import Order

SHORT_FOLDERS = 2


@pytest.fixture
def host(tmp_path, monkeypatch):
    (tmp_path / "s").mkdir()
    (tmp_path / "t").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))
    parts = dict.fromkeys(("cgroups", "zygotes", "bubblewrap"))
    return SimpleNamespace(state=tmp_path / "s", sandbox="process", threads=1, **parts)


def an_order():
    return RunOrder.model_validate(
        {
            "run_id": uuid.uuid4(),
            "attempt_id": uuid.uuid4(),
            "attempt": 1,
            "fence": 1,
            "lease_seconds": 60,
            "notebook": {"path": "report.ipynb", "sha256": "a" * 64},
            "parameters": {},
            "kernel": None,
            "timeout_seconds": 60,
            "cell_timeout_seconds": None,
            "pool": "default",
            "trigger": "manual",
            "triggered_by": "ana",
            "created_at": datetime(2026, 11, 23, tzinfo=UTC),
            "limits": {},
        }
    )


def files_of(host):
    attempts = [*(host.state / "attempts").rglob("*")]
    return [*attempts, *(host.state / "places").rglob("*"), *Path(host.state.parent, "t").rglob("*")]


def full(*_words, **_named):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_all_are_there_and_all_are_removed(host):
    made = Folders.make(host, an_order())
    assert (made.order.folder / "work").is_dir()
    assert len([*made.order.short.iterdir()]) == SHORT_FOLDERS

    made.remove(host)

    assert files_of(host) == []


@pytest.mark.parametrize("number", range(1, 9))
def test_a_folder_that_cannot_be_made_leaves_none(host, monkeypatch, number):
    mkdir, made = os.mkdir, []

    def fail_at_one(*words, **named):
        made.append(words)
        return full() if len(made) == number else mkdir(*words, **named)

    (host.state / "attempts").mkdir()
    monkeypatch.setattr("os.mkdir", fail_at_one)
    with pytest.raises(OSError, match="No space"):
        Folders.make(host, an_order())

    assert files_of(host) == []


@pytest.mark.parametrize(
    ("owner", "name"), [(Order, "write"), (leftovers.Owner, "write"), (Path, "write_text")]
)
def test_a_note_that_cannot_be_written_leaves_no_folder(host, monkeypatch, owner, name):
    monkeypatch.setattr(owner, name, full)
    with pytest.raises(OSError, match="No space"):
        Folders.make(host, an_order())

    assert files_of(host) == []


def test_a_note_that_was_cut_off_is_removed_at_the_next_start(host):
    (host.state / "places").mkdir()
    (host.state / "places" / "nb-0a1b2c3d").write_text("")

    assert places.sweep(host.state) == 0
    assert files_of(host) == []
