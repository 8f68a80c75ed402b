"""Files that a notebook left in `./outputs/`: found, checked and opened without trusting any of them.

Everything is opened part by part and no link is followed, so a name cannot lead out of the folder.
Only regular files are results; a link, a FIFO or a device makes the results bad.
"""

import hashlib
import mimetypes
import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 1024 * 1024
_MAX_DEPTH = 32
_MAX_NAME = 500
_TYPES = {
    ".ipynb": "application/x-ipynb+json",
    ".parquet": "application/vnd.apache.parquet",
    ".jsonl": "application/jsonl",
}


class BadResultError(Exception):
    """What is in `./outputs/` cannot be taken; the message says why, by name."""


@dataclass(frozen=True)
class Found:
    """A regular file below the folder."""

    name: str
    size: int


def collect(folder: Path, *, file_bytes: int, files: int) -> list[Found]:
    """The files below *folder* in the order of their names. Raises BadResultError."""
    try:
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadResultError("./outputs/ is not a folder") from error
    found: list[Found] = []
    try:
        for one in _walk(root, "", _MAX_DEPTH):
            if one.size > file_bytes:
                raise BadResultError(f"outputs/{one.name} has {one.size:,} bytes, more than {file_bytes:,}")
            found.append(one)
            if len(found) > files:
                raise BadResultError(f"./outputs/ holds more than {files:,} files")
    finally:
        os.close(root)
    return sorted(found, key=lambda one: one.name)


def _walk(folder: int, prefix: str, depth: int) -> Iterator[Found]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = _checked_name(prefix + entry.name)
            status = os.stat(entry.name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                yield Found(name, status.st_size)
            elif stat.S_ISDIR(status.st_mode) and depth > 0:
                yield from _walk_into(folder, entry.name, name + "/", depth - 1)
            else:
                raise BadResultError(
                    f"outputs/{name} is {_kind(status.st_mode)}; only regular files are taken"
                )


def _walk_into(folder: int, part: str, prefix: str, depth: int) -> Iterator[Found]:
    below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        yield from _walk(below, prefix, depth)
    finally:
        os.close(below)


def _checked_name(name: str) -> str:
    try:
        size = len(name.encode())
    except UnicodeEncodeError as error:
        raise BadResultError("./outputs/ holds a file whose name is not valid UTF-8") from error
    if size > _MAX_NAME or "\\" in name or any(unicodedata.category(c)[0] == "C" for c in name):
        shown = ascii(name[:80])
        raise BadResultError(f"./outputs/ holds a name that is too long or has odd characters: {shown}")
    return name


def _kind(mode: int) -> str:
    for is_kind, words in ((stat.S_ISLNK, "a link"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket")):
        if is_kind(mode):
            return words
    return "nested too deeply" if stat.S_ISDIR(mode) else "a device"


@contextmanager
def opened(folder: Path, name: str) -> Iterator[int]:
    """A file descriptor of a collected file, reached without following a link."""
    *parents, last = name.split("/")
    descriptors = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)]
    try:
        for part in parents:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            descriptors.append(os.open(part, flags, dir_fd=descriptors[-1]))
        # NONBLOCK: a FIFO put there meanwhile must not hold us.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptors.append(os.open(last, flags, dir_fd=descriptors[-1]))
        if not stat.S_ISREG(os.fstat(descriptors[-1]).st_mode):
            raise BadResultError(f"outputs/{name} is no regular file any more")
        yield descriptors[-1]
    finally:
        for descriptor in reversed(descriptors):
            os.close(descriptor)


def chunks(descriptor: int, limit: int) -> Iterator[bytes]:
    """The first *limit* bytes of a file."""
    position = 0
    while position < limit and (piece := os.pread(descriptor, min(_CHUNK, limit - position), position)):
        position += len(piece)
        yield piece


def digest(descriptor: int, limit: int) -> str:
    summed = hashlib.sha256()
    for piece in chunks(descriptor, limit):
        summed.update(piece)
    return summed.hexdigest()


def media_type(name: str) -> str:
    suffix = Path(name).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(name, strict=False)[0] or "application/octet-stream"
