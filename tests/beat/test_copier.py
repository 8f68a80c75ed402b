"""Copies that the server makes: from whole journals, from cut and from hostile ones, and again."""

import hashlib
import json
from datetime import timedelta

import nbformat
import pytest
import world
from sqlmodel import select
from world import NOON

from nightbook.adapters import database, rebuilding
from nightbook.adapters.limited import Limits, OverLimitError
from nightbook.adapters.storage import ArtifactStore
from nightbook.beat import copier, reaper
from nightbook.core.strict_json import dumps_canonical
from nightbook.records import artifacts, events, evidence, runs
from nightbook.records.notebooks import Version
from nightbook.records.runs import Attempt

JUDGED = NOON + timedelta(seconds=71)
CELLS = [
    {"cell_type": "code", "id": one, "metadata": {}, "source": "1", "outputs": [], "execution_count": None}
    for one in ("a", "b")
]
SOURCE = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": CELLS}
KERNEL = {
    "name": "python3",
    "kernel_start": "forked",
    "fingerprint": "f1",
    "language_info": {"version": "3.11.7"},
}
RECORDS = [
    {"k": "begin", "at": "2026-11-23T12:00:00Z", "ids": ["a", "b"]},
    {"k": "kernel", **KERNEL},
    {"k": "cell", "i": 0},
    {"k": "text", "i": 0, "name": "stdout", "s": "one\n"},
    {"k": "done", "i": 0, "status": "completed", "started": 1, "ended": 2},
    {"k": "cell", "i": 1},
    {"k": "text", "i": 1, "name": "stdout", "s": "two\n"},
]
LINES = [json.dumps({"n": n, "t": n, **record}).encode() + b"\n" for n, record in enumerate(RECORDS)]
SMALL = Limits(memory_bytes=400 << 20, file_bytes=1 << 26, cpu_seconds=10, seconds=20.0)


class House:
    """The databases and the store that a beat has."""

    def __init__(self, engine, folder):
        self.sessions, self.reading = database.sessions(engine), database.reading_sessions(engine)
        self.store = ArtifactStore(str(folder))

    def tick(self):
        return copier.tick(self.sessions, self.reading, self.store, JUDGED)

    def copy(self, run_id):
        return json.loads(self.bytes_of(run_id, "notebook.ipynb"))

    def bytes_of(self, run_id, name):
        with self.reading() as session:
            return self.store.read(artifacts.require(session, run_id, name).sha256)

    def events(self, run_id):
        with self.reading() as session:
            about = events.Event.object_id == str(run_id)
            return {event.kind: event.facts for event in session.exec(select(events.Event).where(about))}


@pytest.fixture
def house(engine, session, tmp_path):
    session.commit()
    return House(engine, tmp_path)


def lost(house, uploaded):
    """A run that was lost when the server had these bytes of its journal."""
    content = house.store.put([dumps_canonical(SOURCE)], limit=10**6).sha256
    with house.sessions.begin() as session:
        world.version(session)
        session.get_one(Version, "a" * 64).content_sha256 = content
        world.run(session)
        who = world.worker(session)
        run, attempt = world.claim(session, who)
        world.begin(session, attempt, who, uploaded)
        reaper.tick(session, JUDGED, NOON - timedelta(days=1))
        return run.id, attempt.id, who[0].id, who[1]


def printed(copy):
    outputs = [output for cell in copy["cells"] for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def test_a_lost_attempt_gets_a_copy_of_what_the_server_has(house):
    run_id, *_ = lost(house, b"".join(LINES[:4]))

    assert house.tick() == 1

    copy = house.copy(run_id)
    nbformat.validate(nbformat.from_dict(copy))
    assert printed(copy) == "one\n"
    assert house.tick() == 0
    assert "run.copy_remade" not in house.events(run_id)


def test_the_manifest_of_the_server_names_the_bytes_and_the_kernel(house):
    run_id, *_ = lost(house, b"".join(LINES))
    house.tick()

    manifest = json.loads(house.bytes_of(run_id, "manifest.json"))

    names = ("notebook.ipynb", "journal.jsonl")
    hashes = {name: hashlib.sha256(house.bytes_of(run_id, name)).hexdigest() for name in names}
    assert {one["name"]: one["sha256"] for one in manifest["outputs"]} == hashes
    assert (manifest["made_by"], manifest["state"], manifest["class"]) == ("server", "lost", "worker_lost")
    assert manifest["kernel"] == {
        "name": "python3",
        "start": "forked",
        "fingerprint": "f1",
        "version": "3.11.7",
    }


def test_late_evidence_makes_the_copy_again_and_says_so(house):
    run_id, attempt_id, worker_id, caller = lost(house, b"".join(LINES[:4]))
    house.tick()
    before = hashlib.sha256(house.bytes_of(run_id, "notebook.ipynb")).hexdigest()

    with house.sessions.begin() as session:
        evidence.append(
            session,
            attempt_id,
            1,
            worker_id=worker_id,
            offset=0,
            body=b"".join(LINES),
            caller=caller,
            now=JUDGED,
        )
    assert house.tick() == 1

    assert printed(house.copy(run_id)) == "one\ntwo\n"
    after = hashlib.sha256(house.bytes_of(run_id, "notebook.ipynb")).hexdigest()
    told = house.events(run_id)["run.copy_remade"]
    assert (told["was"], told["sha256"]) == (before, after)
    assert json.loads(house.bytes_of(run_id, "manifest.json"))["outputs"][0]["sha256"] == after
    with house.reading() as session:
        assert runs.require(session, run_id).state == "lost"
        names = [one.name for one in artifacts.of_run(session, run_id)]
    assert names == ["journal.jsonl", "manifest.json", "notebook.ipynb"]


def test_a_damaged_source_is_given_up_with_an_event(house):
    run_id, attempt_id, *_ = lost(house, LINES[0])
    with house.sessions.begin() as session:
        session.get_one(Version, "a" * 64).content_sha256 = "0" * 64

    assert house.tick() == 0

    assert "run.copy_failed" in house.events(run_id)
    with house.reading() as session:
        assert not session.get_one(Attempt, attempt_id).needs_copy


# ---------------------------------------------------------------- hostile journals


def flood(millions):
    """A line that is short to send and takes gigabytes to hold."""
    return b'{"n":1,"t":1,"k":"widgets","state":{"x":[' + b"[]," * (millions * 10**6) + b"[]]}}\n"


def test_of_a_journal_that_takes_too_much_memory_a_part_is_taken():
    raw = LINES[0] + flood(10)

    made = rebuilding.rebuilt(dumps_canonical(SOURCE), raw, limits=SMALL)

    assert made.read_bytes < len(raw)
    assert [cell["id"] for cell in json.loads(made.copy)["cells"]] == ["a", "b"]


def test_a_source_that_cannot_be_read_is_said_to_be_one():
    with pytest.raises(OverLimitError):
        rebuilding.rebuilt(b"{", LINES[0], limits=SMALL)


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000 + b"\n",
        b'{"n":1,"t":1,"k":"kernel","name":{"x":1},"language_info":7}\n',
        b"\x00\xff\n",
        b'{"n":1,"t":1,"k":"out","i":0,"o":{"output_type":"display_data","data":{"image/png":[1]}}}\n',
    ],
)
def test_a_line_that_means_nothing_breaks_no_copy(line):
    made = rebuilding.rebuilt(dumps_canonical(SOURCE), LINES[0] + line, limits=SMALL)

    nbformat.validate(nbformat.from_dict(json.loads(made.copy)))
