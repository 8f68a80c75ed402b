"""The artifact store: bytes under their own hash, whole or not at all, in a folder or in any fsspec store."""

import errno
import hashlib
import os
import stat
import threading
from uuid import uuid4

import pytest

from nightbook.adapters.storage import ArtifactStore, IntegrityError
from nightbook.core.errors import NotFound, TooLarge, Unavailable

HELLO = b"hello, night"
HASH = hashlib.sha256(HELLO).hexdigest()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "artifacts"


@pytest.fixture(params=["folder", "memory"])
def store(request, folder):
    return ArtifactStore(f"file://{folder}" if request.param == "folder" else f"memory://{uuid4()}")


def place_of(folder, sha256=HASH):
    return folder / "sha256" / sha256[:2] / sha256[2:4] / sha256


def test_bytes_come_back_under_the_hash_of_all_chunks(store):
    stored = store.put([b"hello", b"", b", night"], limit=100)

    assert (stored.sha256, stored.size) == (HASH, len(HELLO))
    assert store.exists(HASH)
    assert store.read(HASH) == HELLO
    assert store.verified(HASH) == len(HELLO)
    with store.open(HASH) as stream:
        assert stream.read(5) == b"hello"


def test_the_same_bytes_twice_are_one_artifact(store):
    assert store.put([HELLO], limit=100) == store.put([HELLO], limit=100)
    assert store.read(HASH) == HELLO


def test_an_empty_file_is_an_artifact(store):
    stored = store.put([], limit=100)

    assert store.verified(stored.sha256) == 0


def test_reading_can_begin_at_an_offset(store):
    store.put([HELLO], limit=100)

    with store.open_at(HASH, 7) as stream:
        assert stream.read() == b"night"


def test_more_bytes_than_the_limit_are_refused_and_leave_nothing(store):
    with pytest.raises(TooLarge) as refused:
        store.put([HELLO, HELLO], limit=len(HELLO))

    assert refused.value.code == "too_large"
    assert not store.exists(hashlib.sha256(HELLO + HELLO).hexdigest())


def test_exactly_the_limit_is_accepted(store):
    assert store.put([HELLO], limit=len(HELLO)).size == len(HELLO)


def test_a_failing_sender_is_not_taken_for_a_failing_store(store):
    def cut():
        yield b"half"
        raise ConnectionResetError("the sender left")

    with pytest.raises(ConnectionResetError):
        store.put(cut(), limit=100)

    assert not store.exists(hashlib.sha256(b"half").hexdigest())


def test_a_deleted_artifact_is_gone_and_may_be_deleted_again(store):
    store.put([HELLO], limit=100)

    store.delete(HASH)
    store.delete(HASH)

    assert not store.exists(HASH)


@pytest.mark.parametrize("act", ["open", "read", "verified"])
def test_missing_bytes_are_an_integrity_error(store, act):
    with pytest.raises(IntegrityError) as fault:
        getattr(store, act)(HASH)

    assert (fault.value.status, fault.value.code) == (502, "integrity_error")


@pytest.mark.parametrize(
    "name",
    ["", "abc", HASH.upper(), HASH + "0", HASH[:-1] + "g", "../" + HASH[3:], HASH + "\n", "\uff10" * 64],
)
@pytest.mark.parametrize("act", ["open", "read", "verified", "exists", "delete"])
def test_a_name_that_is_no_hash_never_reaches_the_store(store, act, name):
    with pytest.raises(NotFound):
        getattr(store, act)(name)


def test_a_working_store_says_so_and_leaves_no_probe(store, folder):
    assert store.check()

    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_a_scheme_without_a_file_system_is_named_at_once_and_its_secrets_are_not():
    with pytest.raises(ValueError, match="NIGHTBOOK_ARTIFACTS_URL: no file system for 'nosuch'") as refused:
        ArtifactStore("nosuch://key:secret@bucket/x")

    assert "secret" not in str(refused.value)


# ---------------------------------------------------------------- a folder of this host


@pytest.fixture
def local(folder):
    return ArtifactStore(f"file://{folder}")


def test_artifacts_lie_by_hash_readable_by_the_server_alone_and_unwritable(local, folder):
    old = os.umask(0)
    try:
        local.put([HELLO], limit=100)
    finally:
        os.umask(old)

    assert stat.S_IMODE(place_of(folder).stat().st_mode) == 0o444
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    assert list((folder / "incoming").iterdir()) == []


def test_a_failed_upload_leaves_nothing_aside(local, folder):
    with pytest.raises(TooLarge):
        local.put([HELLO], limit=3)

    assert [path for path in folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("damage", [b"hello, light", b"hello", b""])
def test_changed_or_cut_bytes_are_never_read_as_if_whole(local, folder, damage):
    local.put([HELLO], limit=100)
    place_of(folder).chmod(0o600)
    place_of(folder).write_bytes(damage)

    for act in (local.read, local.verified):
        with pytest.raises(IntegrityError):
            act(HASH)


def test_uploading_the_bytes_again_mends_a_damaged_artifact(local, folder):
    local.put([HELLO], limit=100)
    place_of(folder).chmod(0o600)
    place_of(folder).write_bytes(b"rotten")

    local.put([HELLO], limit=100)

    assert local.read(HASH) == HELLO


def test_many_threads_may_keep_the_same_bytes_at_once(local):
    kept = []
    threads = [threading.Thread(target=lambda: kept.append(local.put([HELLO], limit=100))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(kept) == 8
    assert local.read(HASH) == HELLO


def test_a_link_in_the_place_of_an_artifact_is_not_followed(local, folder, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(HELLO)
    place_of(folder).parent.mkdir(parents=True)
    place_of(folder).symlink_to(secret)

    with pytest.raises(Unavailable):
        local.open(HASH)


def test_uploads_that_a_killed_process_left_are_dropped_after_a_day(local, folder):
    old, fresh = folder / "incoming" / "old", folder / "incoming" / "fresh"
    old.parent.mkdir(parents=True)
    for path in (old, fresh):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))

    local.put([HELLO], limit=100)

    assert not old.exists()
    assert fresh.exists()


def test_the_folder_may_vanish_between_two_uploads(local, folder):
    local.put([b"first"], limit=100)
    folder.rename(folder.with_name("moved"))

    local.put([HELLO], limit=100)

    assert local.read(HASH) == HELLO


def test_a_place_that_cannot_hold_files_is_unavailable_and_not_ready(tmp_path):
    (tmp_path / "file").write_text("in the way")
    store = ArtifactStore(f"file://{tmp_path}/file/artifacts")

    with pytest.raises(Unavailable) as fault:
        store.put([HELLO], limit=100)

    assert fault.value.code == "storage_unavailable"
    assert fault.value.retry_after_seconds
    assert not store.check()


def test_a_full_disk_is_unavailable_and_leaves_nothing(local, folder, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    local.put([b"before"], limit=100)
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(Unavailable) as fault:
        local.put([HELLO], limit=100)

    assert "No space left" in fault.value.message
    assert not place_of(folder).exists()
    assert list((folder / "incoming").iterdir()) == []


def test_a_folder_system_without_hard_links_is_served_by_renaming(local, monkeypatch):
    def unsupported(*_paths):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", unsupported)

    local.put([HELLO], limit=100)

    assert local.read(HASH) == HELLO
