"""Python environments of kernels: which one a kernelspec starts, what is in it, and whether it may be forked.

An environment is known by the place of its interpreter; its fingerprint changes with every package that is
installed, upgraded or removed. Files that somebody edits in place are not noticed.
"""

import hashlib
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Set in the zygote when it starts, and too late to change afterwards.
_TOO_LATE = re.compile(r"(PYTHON|LD_|OMP_|MKL_|OPENBLAS_|NUMBA_|MPLCONFIGDIR$|MPLBACKEND$|LANG$|LC_)")
_PYTHON = re.compile(r"python(\d(\.\d+)?)?(\.exe)?")
_OPTIONS = frozenset({"-Xfrozen_modules=off"})
_LAUNCHED = ("-m", "ipykernel_launcher", "-f")
_ENTRIES = (".dist-info", ".pth", ".egg-link")


@dataclass(frozen=True)
class Environment:
    """An interpreter as it is started, with its options (such as `-Xfrozen_modules=off`)."""

    python: str
    options: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Short name of this environment on this host, for this user."""
        folder, name = os.path.split(self.python)
        place = [os.path.realpath(folder), name, *self.options, str(os.getuid())]
        return hashlib.sha256("\0".join(place).encode()).hexdigest()[:8]

    @property
    def fingerprint(self) -> str:
        return fingerprint(site_folders(self.python))


def environment_of(argv: Sequence[str], language: str = "python") -> Environment | str:
    """The environment that a kernelspec's *argv* starts, or why it is none that can be forked."""
    if not sys.platform.startswith("linux"):
        return "only Linux kernels are forked"
    name = Path(argv[0]).name if argv else ""
    if language != "python" or not _PYTHON.fullmatch(name):
        return "not Python"
    options = tuple(argv[1 : max(1, len(argv) - 4)])
    if tuple(argv[-4:-1]) != _LAUNCHED or not set(options) <= _OPTIONS:
        return "the kernelspec starts something else than ipykernel's launcher"
    # As jupyter_client does it: a bare name of ours is the interpreter that runs us.
    python = argv[0] if Path(argv[0]).is_absolute() else sys.executable
    return Environment(python, options)


def changed_too_late(wanted: Mapping[str, str], zygote: Mapping[str, str]) -> str | None:
    """Why a kernel that wants *wanted* cannot come from a zygote that was started with *zygote*."""
    names = {name for name in {*wanted, *zygote} if _TOO_LATE.match(name)}
    differing = sorted(name for name in names if wanted.get(name) != zygote.get(name))
    return f"{', '.join(differing)} must be set before Python starts" if differing else None


def site_folders(python: str) -> list[Path]:
    """Where the packages of an interpreter are, found by the layout of its prefix and not by running it."""
    prefix = Path(python).parent.parent
    prefixes = [prefix]
    try:
        lines = (prefix / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    said = {name.strip().lower(): value.strip() for name, _, value in (line.partition("=") for line in lines)}
    if said.get("include-system-site-packages", "").lower() == "true" and "home" in said:
        prefixes.append(Path(said["home"]).parent)
    found: list[Path] = []
    for one in prefixes:
        for pattern in (
            "lib/python3*/site-packages",
            "lib/python3*/dist-packages",
            "lib/python3/dist-packages",
        ):
            found += sorted(one.glob(pattern))
    return found


def fingerprint(folders: Sequence[Path]) -> str:
    """Changes with every package in *folders*: their metadata folders and path files, by name and time."""
    digest = hashlib.sha256()
    for folder in folders:
        digest.update(f"{folder}\n".encode())
        entries = [entry for entry in os.scandir(folder) if entry.name.endswith(_ENTRIES)]
        for entry in sorted(entries, key=lambda one: one.name):
            digest.update(f"{entry.name}\t{entry.stat().st_mtime_ns}\n".encode())
    return digest.hexdigest()[:32]
