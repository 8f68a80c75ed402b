"""What of the host's files a sandbox shows, read-only: programs, libraries, and the environments of kernels.

Everything else does not exist inside. Of what is shown, the places that hold tokens, settings and other
runs are hidden again. A folder that holds somebody's home is never shown for the sake of a program in it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

#: Programs and libraries of the system; where these are links into /usr, the links are made anew.
SYSTEM: Final = tuple(Path(name) for name in ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"))

#: Of /etc only what programs need to start, to tell the time and to trust: no key, no password, no address.
CONFIGURATION: Final = tuple(
    Path("/etc") / name
    for name in (
        "ld.so.cache",
        "ld.so.conf",
        "ld.so.conf.d",
        "alternatives",
        "localtime",
        "timezone",
        "fonts",
        "mime.types",
        "nsswitch.conf",
        "protocols",
        "services",
        "ca-certificates.conf",
        "ssl/certs",
        "ssl/openssl.cnf",
        "pki/ca-trust",
        "pki/tls/certs",
        "pki/tls/cert.pem",
        "pki/tls/openssl.cnf",
        "crypto-policies",
    )
)
#: And to find others, where the network is open.
NAMES: Final = (Path("/etc/hosts"), Path("/etc/resolv.conf"), Path("/etc/gai.conf"))

_TOO_BROAD: Final = frozenset(
    Path("/", name)
    for name in "boot dev etc home media mnt opt proc root run srv sys tmp var".split()  # noqa: SIM905
) | {Path("/")}


#: jupyter_client takes these words of a kernel's command for its own interpreter.
_OUR_PYTHON: Final = {"python", *(f"python{'.'.join(map(str, sys.version_info[:n]))}" for n in (1, 2))}


class TooBroadError(Exception):
    """A folder would have to be shown that holds more than programs; the message says which."""


@dataclass(frozen=True)
class Place:
    """One path of the host: shown as it is, or hidden within a shown one."""

    path: Path
    is_shown: bool


def places(
    *, home: Path, host: Mapping[str, str], wanted: Iterable[Path], hidden: Iterable[Path]
) -> list[Place]:
    """What to mount, in this order: a path comes after those that hold it.

    *home* is the person's home folder, *host* the worker's environment, *wanted* what the operator shows
    besides, *hidden* what no notebook may read wherever it lies. Raises TooBroadError.
    """
    shown = [*_own_environment(home), *wanted]
    for executable, folder in _kernels(host):
        shown += [folder, *environment_of(executable, home)]
    shown += _named_in(host, home)
    return _layered(shown, hidden)


def _layered(shown: Iterable[Path], hidden: Iterable[Path]) -> list[Place]:
    """Keep of both what differs from the nearest path around it; outside of all of them all is hidden."""
    kinds = dict.fromkeys(_with_targets(shown), True) | dict.fromkeys(_with_targets(hidden), False)
    kept = dict.fromkeys(SYSTEM, True)
    for path in sorted(kinds, key=lambda path: len(path.parts)):
        around = next((kept[parent] for parent in path.parents if parent in kept), False)
        if kinds[path] != around:
            kept[path] = kinds[path]
    return [Place(path, is_shown) for path, is_shown in kept.items() if path not in SYSTEM]


def _with_targets(paths: Iterable[Path]) -> Iterator[Path]:
    """Each existing path under its own name and under the one that its links lead to."""
    for path in paths:
        if path.exists():
            yield path.absolute()
            yield path.resolve()


def _own_environment(home: Path) -> Iterator[Path]:
    """Where this interpreter and all that it imports come from; the child runs on it too."""
    for prefix in {Path(prefix) for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix)}:
        if _is_too_broad(prefix, home):
            raise TooBroadError(
                f"the worker's Python environment is {prefix}, which holds more than programs"
            )
        yield prefix
    for path in _import_paths():
        if not _is_too_broad(path, home):
            yield path


def _import_paths() -> list[Path]:
    """Where a child finds its modules. Ours may hold more, such as the folder that somebody stood in."""
    told = subprocess.run(
        [sys.executable, "-P", "-c", "import json, sys; print(json.dumps(sys.path))"],
        env={"HOME": os.devnull},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    return [Path(entry) for entry in json.loads(told.stdout) if Path(entry).is_absolute()]


def _kernels(host: Mapping[str, str]) -> Iterator[tuple[Path | None, Path]]:
    """The program and the folder of each kernel that this worker knows."""
    from jupyter_client.kernelspec import KernelSpecManager

    specs: dict[str, dict[str, Any]] = KernelSpecManager().get_all_specs()
    for found in specs.values():
        program = (found["spec"].get("argv") or [""])[0]
        if program in _OUR_PYTHON:
            program = sys.executable
        where = shutil.which(program, path=host.get("PATH", os.defpath)) if program else None
        yield Path(where) if where else None, Path(found["resource_dir"])


def environment_of(executable: Path | None, home: Path) -> list[Path]:
    """The folders that a program needs: the environment it lies in, and the one that this is made from."""
    found: list[Path] = []
    for step in _links_of(executable) if executable is not None else ():
        prefix = step.parent.parent if step.parent.name == "bin" else step.parent
        if _is_too_broad(prefix, home):
            found.append(step)
        elif prefix == home / ".local":  # it holds a person's files too
            found += [prefix / "bin", prefix / "lib"]
        else:
            found += [prefix, *_base_of(prefix, home)]
    return found


def _links_of(path: Path) -> Iterator[Path]:
    """*path* and, link by link, what it leads to."""
    for _ in range(40):  # as far as the kernel follows them
        yield path
        if not path.is_symlink():
            return
        path = Path(os.path.normpath(path.parent / path.readlink()))


def _base_of(prefix: Path, home: Path) -> list[Path]:
    """A virtual environment names the folder of the interpreter that it is made from."""
    try:
        lines = (prefix / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    named = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    base = Path(named["home"]).parent if named.get("home") else None
    return [base] if base is not None and not _is_too_broad(base, home) else []


def _named_in(host: Mapping[str, str], home: Path) -> Iterator[Path]:
    """Libraries and certificates that the environment names; it is passed on."""
    libraries = host.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    for name in (*libraries, host.get("SSL_CERT_FILE", "")):
        path = Path(name)
        if path.is_absolute() and not _is_too_broad(path, home):
            yield path


def _is_too_broad(path: Path, home: Path) -> bool:
    real = path.resolve()
    return real in _TOO_BROAD or real == home.resolve() or real in home.resolve().parents
