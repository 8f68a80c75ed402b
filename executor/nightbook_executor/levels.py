"""Which sandbox level a worker gives its attempts: the one that was asked for, or it does not start.

`none` and `process` need nothing. `container` means that the platform around the worker isolates, so
that here it is what `process` is. `bubblewrap` is proven by a trial before the first attempt.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from nightbook.settings import Settings
from nightbook_executor.bubblewrap import Bubblewrap, CannotSandboxError, Room

__all__ = ["CannotSandboxError", "made_ready", "proven"]


def made_ready(settings: Settings, host: Mapping[str, str] = os.environ) -> Bubblewrap | None:
    """What the level needs, proven on this host; None where it needs nothing. Raises CannotSandboxError."""
    return _tried(settings, host)[0]


def proven(settings: Settings, host: Mapping[str, str] = os.environ) -> str:
    """One sentence on what the level does here, after a trial. Raises CannotSandboxError."""
    bubblewrap, version = _tried(settings, host)
    if bubblewrap is None:
        return settings.sandbox
    return f"bubblewrap {version} works, network {bubblewrap.network}"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without one has nothing to hide in it
        return Path(os.devnull)


def _tried(settings: Settings, host: Mapping[str, str]) -> tuple[Bubblewrap | None, str]:
    if settings.sandbox != "bubblewrap":
        return None, ""
    bubblewrap = Bubblewrap.found(
        network=settings.notebooks_network,
        host=host,
        home=_home(),
        wanted=settings.sandbox_readable,
        hidden=settings.private_paths,
    )
    with tempfile.TemporaryDirectory(prefix="nb-") as folder:
        inside = Path(folder, "inside")
        inside.mkdir()
        version = bubblewrap.prove(Room(folder=inside, writable=(), temporary=Path(folder)))
    return bubblewrap, version
