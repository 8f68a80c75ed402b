"""The parts that run a notebook, and their versions."""

import functools
import importlib.metadata
import platform

_PARTS = ("nightbook", "papermill", "nbclient", "jupyter_client", "ipykernel")


@functools.cache
def versions() -> dict[str, str]:
    """What made the attempt: the versions of the engine's own parts."""
    found = {"python": platform.python_version()}
    for name in _PARTS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
