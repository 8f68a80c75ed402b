"""What one cell of a run showed, for a look at the cell that failed."""

import json
from types import SimpleNamespace

import pytest
import world as rows

from nightbook.adapters.storage import ArtifactStore
from nightbook.api import runs as routes
from nightbook.core.errors import NotFound
from nightbook.records import leases

NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
    "cells": [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "source": "x", "outputs": []} for i in range(3)
    ],
}
ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["line 1", "line 2"]}


@pytest.fixture
def house(tmp_path):
    return SimpleNamespace(store=ArtifactStore(f"file://{tmp_path}"))


@pytest.fixture
def run(session, house):
    """A run whose second cell has printed and failed, while it still goes on."""
    content = house.store.put([json.dumps(NOTEBOOK).encode()], limit=10**6)
    version = rows.version(session, sha256="d" * 64)
    version.content_sha256 = content.sha256
    who = rows.worker(session)
    run = rows.run(session)
    _, attempt = rows.claim(session, who)
    records = [
        {"k": "begin", "at": "2026-11-23T12:00:00Z", "ids": ["c0", "c1", "c2"]},
        {"k": "cell", "i": 0},
        {"k": "done", "i": 0, "status": "ok", "started": 0, "ended": 5},
        {"k": "cell", "i": 1},
        {"k": "text", "i": 1, "name": "stdout", "s": "so far"},
        {"k": "out", "i": 1, "o": ERROR},
        {"k": "done", "i": 1, "status": "failed", "started": 5, "ended": 9},
    ]
    body = b"".join(json.dumps({"n": n, "t": n, **one}).encode() + b"\n" for n, one in enumerate(records))
    leases.append_journal(
        session, attempt.id, attempt.fence, offset=0, body=body, caller=who[1], now=rows.NOON
    )
    session.flush()
    return run


def outputs(session, house, run, index):
    return routes.cell_outputs(run.id, index, session, rows.ANA, house).outputs


def test_a_failed_cell_shows_what_it_printed_and_its_traceback(session, house, run):
    printed, error = outputs(session, house, run, 1)

    assert printed == {"output_type": "stream", "name": "stdout", "text": "so far"}
    assert error["traceback"] == ["line 1", "line 2"]


def test_cells_are_counted_as_in_the_timeline_though_the_copy_marks_the_failed_one(session, house, run):
    timeline = routes.cells(run.id, session, rows.ANA, house).items

    assert [cell.state for cell in timeline] == ["succeeded", "failed", "pending"]
    assert [len(outputs(session, house, run, cell.index)) for cell in timeline] == [0, 2, 0]


def test_a_cell_that_is_not_there_is_not_found(session, house, run):
    with pytest.raises(NotFound, match="3 cells"):
        outputs(session, house, run, 3)
