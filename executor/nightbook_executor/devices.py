"""Device files as a worker that is root lends them to its sandboxes: no one inside can change them.

bubblewrap binds the host's own /dev/null and its like, writable. Inside, root's uid owns them and could
take their modes away for the whole machine. So such a worker makes them read-only mounts, in a mount
namespace of its own that its sandboxes come from; a device still takes what is written to it.
"""

import ctypes
import os
from pathlib import Path
from typing import Final

_DEVICES: Final = ("null", "zero", "full", "random", "urandom", "tty")
_CLONE_NEWNS: Final = 0x00020000
_MS_RDONLY, _MS_NOSUID, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_SLAVE = 1, 2, 32, 4096, 16384, 1 << 19
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def make_read_only() -> None:
    """Do it for this process and all that it starts from now on. Raises OSError where root may not."""
    _checked(_LIBC.unshare(_CLONE_NEWNS))
    # What the machine mounts later is still to be seen here, and nothing of here is seen there.
    _mount(None, "/", _MS_REC | _MS_SLAVE)
    for name in _DEVICES:
        path = f"/dev/{name}"
        if Path(path).exists():
            _mount(path, path, _MS_BIND)
            _mount(None, path, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID)


def _mount(source: str | None, target: str, flags: int) -> None:
    encoded = source.encode() if source is not None else None
    _checked(_LIBC.mount(encoded, target.encode(), None, ctypes.c_ulong(flags), None))


def _checked(answer: int) -> None:
    if answer != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
