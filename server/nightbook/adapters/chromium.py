"""Chromium as a printer: where it is, the walls around it, and its start under limits.

It gets no argument, variable or file of ours: the page goes in and the PDF comes out through two pipes
(`--remote-debugging-pipe`), and it ends when they close. `python -m nightbook.adapters.chromium` takes the
limits for itself, then becomes the browser.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from nightbook.adapters.limited import end_group

_NAMES: Final = (
    *("chrome-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
#: Nothing of the network is used, and nothing but the page is loaded, with these flags or without: they
#: keep the browser from trying.
_FLAGS: Final = (
    *("--headless", "--remote-debugging-pipe", "--disable-gpu", "--hide-scrollbars", "--mute-audio"),
    *("--no-first-run", "--no-default-browser-check", "--disable-extensions", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-crash-reporter"),
    *("--disable-breakpad", "--disable-dev-shm-usage", "--disable-remote-fonts", "--disable-plugins"),
    *("--proxy-server=127.0.0.1:9", "--proxy-bypass-list=<-loopback>"),
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
_BUBBLEWRAP: Final = (
    *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
    *("--unshare-cgroup-try", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"),
    *("--uid", "65534", "--gid", "65534", "--hostname", "nightbook"),
)
_SHOWN_ETC: Final = ("fonts", "ld.so.cache", "alternatives", "chromium.d")
_TEMPORARY_BYTES: Final = 256 << 20

Sandbox = Literal["auto", "none"]


class CannotPrintError(Exception):
    """This machine cannot make a PDF: why, and the next step."""

    def __init__(self, why: str, next_step: str) -> None:
        super().__init__(f"{why}. {next_step}")
        self.why = why
        self.next_step = next_step


@dataclass(frozen=True)
class PrintLimits:
    """What one print may take.

    Memory, CPU time and bytes of one file are those of each process; the rest is of the whole print.
    """

    memory_bytes: int = 2 << 30
    file_bytes: int = 256 << 20
    pdf_bytes: int = 64 << 20
    cpu_seconds: int = 60
    seconds: float = 60.0


@dataclass(frozen=True)
class Wall:
    """One way to shut the browser in: what a person calls it, and the command line that does it."""

    name: str
    argv: tuple[str, ...]


def found(wanted: str | None) -> str:
    """The browser's program: what is *wanted*, else what is installed. Raises CannotPrintError."""
    if sys.platform == "win32":
        raise CannotPrintError("PDF needs a server on Linux or macOS", "Take the HTML and print it.")
    if wanted == "off":
        raise CannotPrintError(
            "PDF is switched off on this server", "Take the HTML, or remove NIGHTBOOK_CHROMIUM=off."
        )
    program = next(filter(None, map(shutil.which, [wanted] if wanted else _NAMES)), None)
    if program is None:
        why = "there is no such program as NIGHTBOOK_CHROMIUM says" if wanted else "there is no Chromium"
        step = "Install chromium and bubblewrap beside the server, or name a program in NIGHTBOOK_CHROMIUM."
        raise CannotPrintError(why, step)
    return program


def walls(program: str, sandbox: Sandbox) -> Iterator[Wall]:
    """The ways to shut *program* in, the best one first. With `none` only those of the browser's flags."""
    flags = ("--user-data-dir=profile", *_FLAGS)
    if sandbox == "none":
        yield Wall("no sandbox", (program, "--no-sandbox", *flags))
        return
    bubblewrap = shutil.which("bwrap")
    if bubblewrap and sys.platform.startswith("linux"):
        room = (bubblewrap, *_BUBBLEWRAP, *_places(program))
        yield Wall("bubblewrap and the browser's own sandbox", (*room, program, *flags))
        # Where namespaces cannot be nested, the browser has none of its own, and needs none to be there.
        closed = (*room, "--disable-userns", program, "--no-sandbox", *flags)
        yield Wall("bubblewrap", closed)
    if os.geteuid() != 0:
        yield Wall("the browser's own sandbox", (program, *flags))


def _places(program: str) -> Iterator[str]:
    """What a browser in namespaces of its own sees: programs, libraries, fonts, and an empty folder."""
    yield from ("--ro-bind", "/usr", "/usr")
    for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64"):
        path = Path(name)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), name)
        elif path.is_dir():
            yield from ("--ro-bind", name, name)
    for name in _SHOWN_ETC:
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
    for folder in _folders_elsewhere(program):
        yield from ("--ro-bind", folder, folder)
    yield from ("--proc", "/proc", "--dev", "/dev", "--size", str(_TEMPORARY_BYTES), "--tmpfs", "/tmp")  # noqa: S108
    yield from ("--setenv", "HOME", "/tmp", "--setenv", "PATH", os.defpath)  # noqa: S108
    yield from ("--setenv", "LANG", "C.UTF-8", "--chdir", "/tmp", "--remount-ro", "/")  # noqa: S108


def _folders_elsewhere(program: str) -> list[str]:
    """The folders of a browser outside /usr. Raises CannotPrintError for one that holds much else."""
    real = Path(program).resolve()
    folders = {path.parent for path in (Path(program), real) if not path.is_relative_to("/usr")}
    home = Path.home()
    for folder in folders:
        if home.is_relative_to(folder):
            raise CannotPrintError(
                f"the browser in {folder} has no folder of its own", "Install it into one, or into /usr."
            )
    return sorted(map(str, folders))


# ---------------------------------------------------------------- start


class Browser:
    """One browser, for one page. Leave it, and it is gone with all that it started."""

    def __init__(self, wall: Wall, folder: Path, limits: PrintLimits) -> None:
        from_us, to_us = os.pipe(), os.pipe()
        self.reading, self.writing = to_us[0], from_us[1]
        # A browser that does not read must not hold up who writes.
        os.set_blocking(self.writing, False)
        theirs = (from_us[0], to_us[1])
        taken = map(str, (limits.memory_bytes, limits.file_bytes, limits.cpu_seconds, *theirs))
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, *taken, *wall.argv],
                cwd=folder,
                env={"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(folder), "TMPDIR": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=theirs,
                start_new_session=True,
            )
        except BaseException:
            self._close()
            raise
        finally:
            for fd in theirs:
                os.close(fd)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_error: object) -> None:
        self._close()
        end_group(self._process)

    def read(self, most: int) -> bytes:
        """What it has said, at least one byte; nothing when it has ended. Waits."""
        return os.read(self.reading, most)

    def write(self, message: memoryview) -> int:
        """Hand over as much as the pipe takes, and return how much that was."""
        return os.write(self.writing, message)

    def _close(self) -> None:
        os.close(self.reading)
        os.close(self.writing)


def main(arguments: Sequence[str]) -> None:
    """Take limits, put the two pipes where Chromium looks for them (3 and 4), and become it."""
    import fcntl
    import resource

    memory_bytes, file_bytes, cpu_seconds, reading, writing = (int(one) for one in arguments[:5])
    # Not the address space: Chromium reserves far more of it than it uses.
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    aside = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (reading, writing)]
    os.close(reading)
    os.close(writing)
    for fd, place in zip(aside, (3, 4), strict=True):
        os.dup2(fd, place, inheritable=True)
    os.execvp(arguments[5], list(arguments[5:]))  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
