"""The environment record: what a kernel's environment held, read from the names of its folders.

No process is started and no metadata is parsed, so it costs about as much as listing a folder: the name
`numpy-2.1.0.dist-info` says it all. Only what is installed in place has a file that is read, too.
"""

import functools
import json
import os
import platform
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from nightbook.schemas.manifests import EnvironmentRecord
from nightbook_executor.kernels import environments
from nightbook_executor.parts import versions

_DIST_INFO = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*?)-(?P<version>[^-]+)\.dist-info")
_PYTHON = re.compile(r"python(\d(\.\d+)?)?(\.exe)?")
_VERSION = re.compile(r"^version(?:_info)?\s*=\s*(\d+\.\d+(?:\.\d+)?)", re.MULTILINE)
_MAX_URL_BYTES = 64 * 1024


def record_of(kernel: str | None) -> EnvironmentRecord:
    """The environment of a kernel by its name; of one that is no Python, only what the host tells."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        argv = KernelSpecManager().get_kernel_spec(kernel).argv if kernel else []
    except NoSuchKernel:
        argv = []
    return record(argv)


def record(argv: Sequence[str]) -> EnvironmentRecord:
    """The environment that a kernelspec's *argv* starts."""
    python = _python_of(argv)
    folders = environments.site_folders(python) if python else []
    fingerprint = environments.fingerprint(folders) if folders else None
    packages, editable = _listed(fingerprint, tuple(folders))
    return EnvironmentRecord(
        fingerprint=fingerprint,
        python=_version_of(python, folders) if python else None,
        executable=python,
        argv=list(argv),
        packages=packages,
        editable=editable,
        versions=versions(),
        kernel_release=platform.release(),
        platform=platform.platform(),
    )


def _python_of(argv: Sequence[str]) -> str | None:
    if not argv or not _PYTHON.fullmatch(Path(argv[0]).name):
        return None
    # As jupyter_client does it: a bare name of ours is the interpreter that runs us.
    return argv[0] if Path(argv[0]).is_absolute() else sys.executable


@functools.lru_cache(maxsize=32)
def _listed(_fingerprint: str | None, folders: tuple[Path, ...]) -> tuple[dict[str, str], dict[str, str]]:
    return listed(folders)


def listed(folders: Sequence[Path]) -> tuple[dict[str, str], dict[str, str]]:
    """Versions by normalised name, and the places of what is installed in place, in the order of names.

    Where two folders have a package, the first one counts, as it does for the import.
    """
    packages: dict[str, str] = {}
    editable: dict[str, str] = {}
    for folder in folders:
        for entry in os.scandir(folder):
            found = _DIST_INFO.fullmatch(entry.name)
            if found is None or (name := _normalised(found["name"])) in packages:
                continue
            packages[name] = found["version"]
            if place := _editable_place(Path(entry.path)):
                editable[name] = place
    return dict(sorted(packages.items())), dict(sorted(editable.items()))


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _editable_place(folder: Path) -> str | None:
    try:
        with (folder / "direct_url.json").open("rb") as opened:
            told = json.loads(opened.read(_MAX_URL_BYTES))
        return str(told["url"]) if told["dir_info"]["editable"] is True else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _version_of(python: str, folders: Sequence[Path]) -> str | None:
    if Path(python) == Path(sys.executable):
        return platform.python_version()
    try:
        told = _VERSION.search((Path(python).parent.parent / "pyvenv.cfg").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        told = None
    if told is not None:
        return told[1]
    names = (re.fullmatch(r"python(3\.\d+)", folder.parent.name) for folder in folders)
    return next((name[1] for name in names if name is not None), None)
