"""Artifacts by the SHA-256 of their bytes, in a folder or in any fsspec store (S3, GCS, Azure …).

Bytes are written aside and become visible whole or not at all; what is there is never changed. Names
of users never reach the store. What does not match its hash is never handed out as if it did.
"""

import hashlib
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Final, Protocol, cast
from uuid import uuid4

import fsspec
from fsspec.implementations.local import LocalFileSystem

from nightbook.core.errors import Fault, NotFound, TooLarge, Unavailable

log = logging.getLogger("nightbook.storage")

_CHUNK: Final = 1024 * 1024
_SPOOL: Final = 8 * 1024 * 1024
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_RETRY_SECONDS: Final = 30
_LEFTOVER_SECONDS: Final = 24 * 3600


class IntegrityError(Fault):
    """What is stored under a hash is missing, cut or changed."""

    status = 502
    title = "The stored bytes are damaged"


@dataclass(frozen=True)
class Stored:
    """What `put` kept."""

    sha256: str
    size: int


class ArtifactStore:
    """The store behind an fsspec URL. Safe to share between threads; nothing is opened before first use."""

    def __init__(self, url: str) -> None:
        """Raise ValueError where no file system serves the URL's scheme."""
        scheme = url.partition("://")[0] if "://" in url else "file"
        try:
            files, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise ValueError(
                f"NIGHTBOOK_ARTIFACTS_URL: no file system for {scheme!r} is installed"
            ) from error
        is_local = isinstance(files, LocalFileSystem)
        self._place: _Place = _Folder(Path(root)) if is_local else _Remote(files, root)

    def put(self, chunks: Iterable[bytes], *, limit: int) -> Stored:
        """Keep the bytes and say under which hash. Raises TooLarge past *limit* bytes, Unavailable."""
        try:
            with _outages():
                return self._place.put(_given(chunks), limit)
        except _SourceError as failure:
            raise failure.reason from None

    def open(self, sha256: str) -> BinaryIO:
        """The bytes as a seekable stream, not verified. Raises IntegrityError where they are missing."""
        key = _key(sha256)
        with _outages():
            try:
                return self._place.open(key)
            except FileNotFoundError as error:
                raise _damaged("missing", sha256) from error

    def open_at(self, sha256: str, offset: int) -> BinaryIO:
        """The bytes from *offset* on, as `ranged` wants them."""
        stream = self.open(sha256)
        stream.seek(offset)
        return stream

    def read(self, sha256: str) -> bytes:
        """The bytes, verified. Raises IntegrityError."""
        with _outages(), self.open(sha256) as stream:
            content = stream.read()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise _damaged("changed", sha256)
        return content

    def verified(self, sha256: str) -> int:
        """Read the bytes through and return how many they are. Raises IntegrityError unless they match."""
        with _outages(), self.open(sha256) as stream:
            digest, size = _digest(stream)
        if digest != sha256:
            raise _damaged("changed", sha256)
        return size

    def exists(self, sha256: str) -> bool:
        key = _key(sha256)
        with _outages():
            return self._place.exists(key)

    def delete(self, sha256: str) -> None:
        """Forget the bytes; it is no error if they are gone."""
        key = _key(sha256)
        with _outages(), suppress(FileNotFoundError):
            self._place.delete(key)

    def check(self) -> bool:
        """Say whether the store takes and gives back bytes now."""
        try:
            with _outages():
                self._place.probe()
        except Unavailable:
            return False
        return True


def _key(sha256: str) -> str:
    if not _HEX.fullmatch(sha256):
        raise NotFound("artifact_not_found", "An artifact is named by 64 lower-case hexadecimal digits.")
    return f"sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def _damaged(how: str, sha256: str) -> IntegrityError:
    log.error("artifact.damaged sha256=%s how=%s", sha256, how)
    return IntegrityError(
        "integrity_error",
        "The stored bytes no longer match their SHA-256, so they are not served; tell an operator.",
    )


@contextmanager
def _outages() -> Iterator[None]:
    """Turn whatever a file system raises into Unavailable."""
    try:
        yield
    except (Fault, _SourceError):
        raise
    except Exception as error:
        # Remote file systems raise classes of their own, which only their extras could name.
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "no answer"
        log.error("storage.unavailable error=%s reason=%s", type(error).__name__, reason)
        raise Unavailable(
            "storage_unavailable",
            f"The artifact store cannot be used now ({reason}).",
            retry_after_seconds=_RETRY_SECONDS,
        ) from error


# ---------------------------------------------------------------- two kinds of places


class _Place(Protocol):
    def put(self, chunks: Iterable[bytes], limit: int) -> Stored: ...
    def open(self, key: str) -> BinaryIO: ...
    def exists(self, key: str) -> bool: ...
    def delete(self, key: str) -> None: ...
    def probe(self) -> None: ...


class _Folder:
    """A folder of this host: written aside, synced, linked to its name without replacing, 0444."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._aside = root / "incoming"
        self._is_swept = False

    def put(self, chunks: Iterable[bytes], limit: int) -> Stored:
        self._make_folder(self._aside)
        self._sweep_once()
        aside = self._aside / uuid4().hex
        try:
            with _create(aside) as sink:
                stored = _copy(chunks, sink, limit)
                sink.flush()
                os.fchmod(sink.fileno(), 0o444)
                os.fsync(sink.fileno())
            self._publish(aside, stored)
        finally:
            aside.unlink(missing_ok=True)
        return stored

    def _publish(self, aside: Path, stored: Stored) -> None:
        final = self._root / _key(stored.sha256)
        self._make_folder(final.parent)
        try:
            os.link(aside, final)
        except FileExistsError:
            self._mend(aside, final, stored)
        except OSError:
            # Some network and FUSE file systems have no hard links; the rename is as atomic.
            aside.rename(final)
        _sync_folder(final.parent)

    def _mend(self, aside: Path, final: Path, stored: Stored) -> None:
        """The same bytes are there already; if something has damaged them, these take their place."""
        with final.open("rb") as there:
            if _digest(there) == (stored.sha256, stored.size):
                return
        log.error("artifact.mended sha256=%s", stored.sha256)
        aside.rename(final)

    def open(self, key: str) -> BinaryIO:
        descriptor = os.open(self._root / key, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        return os.fdopen(descriptor, "rb")

    def exists(self, key: str) -> bool:
        return (self._root / key).is_file()

    def delete(self, key: str) -> None:
        (self._root / key).unlink()
        _sync_folder((self._root / key).parent)

    def probe(self) -> None:
        self._make_folder(self._aside)
        aside = self._aside / uuid4().hex
        try:
            with _create(aside) as sink:
                sink.write(b"probe")
        finally:
            aside.unlink(missing_ok=True)

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        if folder != self._root:
            self._make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True, parents=folder == self._root)
        _sync_folder(folder.parent)

    def _sweep_once(self) -> None:
        """Drop what uploads of a killed process left here long ago."""
        if self._is_swept:
            return
        for leftover in self._aside.iterdir():
            with suppress(FileNotFoundError):
                if time.time() - leftover.stat().st_mtime > _LEFTOVER_SECONDS:
                    leftover.unlink()
        self._is_swept = True


class _Remote:
    """Any other fsspec file system. The bytes wait in a spool here until their hash, their key, is known."""

    def __init__(self, files: fsspec.AbstractFileSystem, root: str) -> None:
        self._files = files
        self._root = root.rstrip("/")

    def put(self, chunks: Iterable[bytes], limit: int) -> Stored:
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
            stored = _copy(chunks, spool, limit)
            path = self._path(_key(stored.sha256))
            if self._size(path) != stored.size:
                spool.seek(0)
                self._upload(cast(BinaryIO, spool), path, stored)
        return stored

    def _upload(self, spool: BinaryIO, path: str, stored: Stored) -> None:
        """Object stores show an object only when it is whole; for the others the size tells."""
        try:
            with self._open_new(path) as sink:
                while chunk := spool.read(_CHUNK):
                    sink.write(chunk)
        except BaseException:
            with suppress(Exception):
                self._files.rm_file(path)
            raise
        if self._size(path) != stored.size:
            raise OSError("the store kept another number of bytes than it was given")

    def _open_new(self, path: str) -> BinaryIO:
        try:
            return cast(BinaryIO, self._files.open(path, "wb"))
        except FileNotFoundError:
            # Object stores have no folders, and making one may need rights that a key's writer lacks.
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            return cast(BinaryIO, self._files.open(path, "wb"))

    def _size(self, path: str) -> int | None:
        self._files.invalidate_cache()
        try:
            return int(self._files.info(path)["size"])
        except FileNotFoundError:
            return None

    def open(self, key: str) -> BinaryIO:
        return cast(BinaryIO, self._files.open(self._path(key), "rb"))

    def exists(self, key: str) -> bool:
        return self._size(self._path(key)) is not None

    def delete(self, key: str) -> None:
        self._files.rm_file(self._path(key))

    def probe(self) -> None:
        path = self._path(f"incoming/{uuid4().hex}")
        with self._open_new(path) as sink:
            sink.write(b"probe")
        self._files.rm_file(path)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"


# ---------------------------------------------------------------- bytes


class _SourceError(Exception):
    """Reading what is to be kept failed, which says nothing about the store."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _given(chunks: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from chunks
    except Exception as error:
        raise _SourceError(error) from error


def _copy(chunks: Iterable[bytes], sink: IO[bytes], limit: int) -> Stored:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise TooLarge("too_large", f"Send at most {limit:,} bytes.", field="body")
        digest.update(chunk)
        sink.write(chunk)
    return Stored(digest.hexdigest(), size)


def _digest(source: IO[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def _create(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
