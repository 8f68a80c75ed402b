"""A backup is taken while rows are written, is read through, and goes back into either database."""

import hashlib
import json
import threading
from uuid import uuid4

import psycopg
import pytest
import world
from sqlalchemy import select
from sqlmodel import SQLModel

from nightbook import backups
from nightbook.adapters import database
from nightbook.adapters.storage import ArtifactStore
from nightbook.backups import BackupError
from nightbook.records import events
from nightbook.records.artifacts import Artifact
from nightbook.records.events import Event

LEFT = b'{"cells": []}'


def silent(_line):
    pass


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(f"file://{tmp_path / 'store'}")


@pytest.fixture
def filled(session, store):
    """A house with a finished run, its artifacts, a schedule and their events."""
    sha256 = store.put([LEFT], limit=100).sha256
    world.schedule(session)
    run = world.run(session)
    who = world.worker(session)
    _, attempt = world.claim(session, who)
    world.begin(session, attempt, who, b'{"n":0}\n\xff\n')
    world.finish(session, attempt, who)
    for artifact in session.exec(select(Artifact)).scalars():
        artifact.sha256 = sha256
    version = world.version(session)
    version.content_sha256 = sha256
    version.files = {"data/prices.csv": sha256}
    for row in session.exec(select(type(version))).scalars():
        row.content_sha256 = sha256
    session.commit()
    return run


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, tmp_path, postgresql):
    """A database that nobody has touched."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'restored.db'}"
        return
    name = f"nightbook_restored_{uuid4().hex[:12]}"
    base = postgresql.rpartition("/")[0]
    with psycopg.connect(f"{base}/postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield f"{base}/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def rows(engine):
    with engine.connect() as connection:
        return {
            table.name: connection.execute(select(table).order_by(*table.primary_key)).all()
            for table in SQLModel.metadata.sorted_tables
        }


def test_what_is_restored_equals_what_was_backed_up(engine, filled, store, empty_url, tmp_path):
    taken = backups.backup(engine, store, tmp_path / "kept", tell=silent)
    other = ArtifactStore(f"file://{tmp_path / 'other'}")
    back = backups.restore(empty_url, other, tmp_path / "kept", tell=silent)

    restored = database.open_engine(empty_url)
    assert rows(restored) == rows(engine)
    restored.dispose()
    assert taken == back
    assert taken.rows > 5
    assert taken.artifacts == 1
    assert other.read(hashlib.sha256(LEFT).hexdigest()) == LEFT


def test_numbers_go_on_behind_the_restored_ones(engine, filled, store, empty_url, tmp_path):
    backups.backup(engine, store, tmp_path / "kept", tell=silent)
    backups.restore(empty_url, store, tmp_path / "kept", tell=silent)

    restored = database.open_engine(empty_url)
    with database.sessions(restored)() as session:
        highest = max(session.exec(select(Event.seq)).scalars())  # type: ignore[attr-defined]
        events.record(session, "test", caller="ana", about=("run", "x"), now=world.NOON)
        session.commit()
        assert max(session.exec(select(Event.seq)).scalars()) == highest + 1  # type: ignore[attr-defined]
    restored.dispose()


def test_a_backup_is_one_moment_however_much_is_written_meanwhile(engine, filled, store, tmp_path):
    """A schedule and its event are one transaction: a torn backup would hold one of them alone."""
    stop = threading.Event()

    def write():
        while not stop.is_set():
            with database.sessions(engine)() as session:
                made = world.schedule(session, name=uuid4().hex)
                events.record(session, "made", caller="ana", about=("schedule", made.id), now=world.NOON)
                session.commit()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            folder = tmp_path / f"kept-{number}"
            backups.backup(engine, store, folder, tell=silent)
            lines = (folder / "tables" / "schedules.jsonl").read_text().splitlines()
            ids = {json.loads(line)[0] for line in lines[1:]}
            told = (folder / "tables" / "events.jsonl").read_text()
            assert told.count('"made"') == len(ids) - 1  # all but the one of `filled`
        assert len(ids) > 2
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize("what", ["table", "artifact", "listing"])
def test_a_damaged_backup_is_refused_by_name(engine, filled, store, tmp_path, what):
    kept = tmp_path / "kept"
    backups.backup(engine, store, kept, tell=silent)
    sha256 = hashlib.sha256(LEFT).hexdigest()
    file = {
        "table": kept / "tables" / "runs.jsonl",
        "artifact": kept / "artifacts" / sha256[:2] / sha256[2:4] / sha256,
        "listing": kept / "backup.json",
    }[what]
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(content)
    with pytest.raises(BackupError, match=file.name):
        backups.verify(kept)


def test_a_backup_without_its_listing_is_unfinished(engine, filled, store, tmp_path):
    backups.backup(engine, store, tmp_path / "kept", tell=silent)
    (tmp_path / "kept" / "backup.json").unlink()
    with pytest.raises(BackupError, match="unfinished"):
        backups.verify(tmp_path / "kept")


def test_nothing_is_restored_over_somebodys_work(engine, filled, store, tmp_path):
    backups.backup(engine, store, tmp_path / "kept", tell=silent)
    before = rows(engine)
    with pytest.raises(BackupError, match="already"):
        backups.restore(
            engine.url.render_as_string(hide_password=False), store, tmp_path / "kept", tell=silent
        )
    assert rows(engine) == before


def test_a_backup_of_a_later_release_is_refused(engine, filled, store, empty_url, tmp_path):
    kept = tmp_path / "kept"
    backups.backup(engine, store, kept, tell=silent)
    listing = json.loads((kept / "backup.json").read_text())
    (kept / "backup.json").write_text(json.dumps({**listing, "revision": "ffff"}))
    with pytest.raises(BackupError, match="later release"):
        backups.restore(empty_url, store, kept, tell=silent)


def test_an_artifact_that_the_store_lost_is_listed_and_not_invented(engine, filled, store, tmp_path):
    sha256 = hashlib.sha256(LEFT).hexdigest()
    store.delete(sha256)
    summary = backups.backup(engine, store, tmp_path / "kept", tell=silent)
    assert summary.missing == (sha256,)
    assert backups.verify(tmp_path / "kept").artifacts == 0


def test_artifacts_may_be_kept_elsewhere(engine, filled, store, tmp_path):
    summary = backups.backup(engine, store, tmp_path / "kept", with_artifacts=False, tell=silent)
    assert summary.artifacts == 1
    assert not (tmp_path / "kept" / "artifacts").exists()
    assert backups.verify(tmp_path / "kept") == summary


def test_what_was_cut_short_leaves_nothing_under_the_name(engine, filled, store, tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nightbook.backups.taking.os.fsync", full)
    with pytest.raises(BackupError, match="No space left"):
        backups.backup(engine, store, tmp_path / "kept", tell=silent)
    assert list(tmp_path.glob("*kept*")) == []


def test_an_existing_folder_is_left_alone(engine, filled, store, tmp_path):
    with pytest.raises(BackupError, match="exists"):
        backups.backup(engine, store, tmp_path, tell=silent)
