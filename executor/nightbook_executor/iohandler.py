"""papermill's way to files, made whole: what it writes to an absolute path appears at once or not at all.

Registered with papermill as the handler of `/`, hence also for those who use papermill without our engine.
For them it does what papermill's own handler does, but that nobody ever reads half a notebook, that a
power cut leaves the old one, and that a lone surrogate costs one character and not the file. Devices,
pipes, files of somebody else or with a second name, and files in a folder where nothing can be made are
written to directly, as before.
"""

import contextlib
import os
import re
import stat
import tempfile
from pathlib import Path

from papermill.iorw import LocalHandler

_SURROGATE = re.compile("[\ud800-\udfff]")


class WholeFileHandler(LocalHandler):  # type: ignore[misc]
    """Reads and lists as papermill does; writes beside the target, syncs, and renames."""

    def write(self, buf: str, path: str) -> None:
        """Write the text *buf* to the absolute *path*. Raises OSError, as papermill's own does."""
        content = _SURROGATE.sub("\ufffd", buf).encode("utf-8")
        target = Path(os.path.realpath(path))  # a link stays a link
        if not _can_be_replaced(target):
            target.write_bytes(content)
            return
        try:
            descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".nightbook-")
        except PermissionError:
            target.write_bytes(content)
            return
        aside = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(content)
                opened.flush()
                os.fchmod(opened.fileno(), _mode_of(target))
                os.fsync(opened.fileno())
            aside.rename(target)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        _sync(target.parent)


def _can_be_replaced(target: Path) -> bool:
    """Whether *target* is none yet, or an ordinary file of ours with one name."""
    try:
        found = target.stat()
    except FileNotFoundError:
        return True
    is_ours = (found.st_uid, found.st_gid) == (os.geteuid(), _group_of_new_files(target.parent))
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and is_ours and os.access(target, os.W_OK)


def _group_of_new_files(folder: Path) -> int:
    found = folder.stat()
    return found.st_gid if found.st_mode & stat.S_ISGID else os.getegid()


def _mode_of(target: Path) -> int:
    """The rights of the file that is replaced; else those that `open` would have given."""
    with contextlib.suppress(FileNotFoundError):
        return stat.S_IMODE(target.stat().st_mode)
    umask = os.umask(0o077)
    os.umask(umask)
    return 0o666 & ~umask


def _sync(folder: Path) -> None:
    """A rename without this can vanish; some file systems cannot be asked."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


#: papermill registers what an entry point names as it is, so it has to be an instance.
HANDLER = WholeFileHandler()
