"""What a child is told: one attempt's ids, parameters, limits and folders, as a JSON file.

It holds no token, no address and no secret. Folders are absolute and private to the attempt.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Caps:
    """How much output a run may leave; beyond it, output is cut with a note."""

    cell_bytes: int = 10 * 1024 * 1024
    run_bytes: int = 100 * 1024 * 1024
    cell_outputs: int = 5_000
    messages_per_minute: int = 50_000
    spill_bytes: int = 200 * 1024 * 1024
    file_bytes: int = 200 * 1024 * 1024
    files: int = 1_000

    @property
    def journal_bytes(self) -> int:
        """The journal holds what was shown and then cleared as well, hence a tenth more than the copy."""
        return self.run_bytes + max(self.run_bytes // 10, 1024 * 1024)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the processes of a run may take; None is without limit. See `nightbook.schemas.Limits`."""

    memory_bytes: int | None = None
    processes: int | None = None
    open_files: int = 4096
    file_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Order:
    """One attempt. `short` is a folder with a path short enough for sockets."""

    run_id: str
    attempt_id: str
    attempt: int
    fence: int
    path: str
    sha256: str
    parameters: dict[str, Any]
    kernel: str | None
    timeout_seconds: float
    cell_timeout_seconds: float | None
    start_timeout_seconds: float
    silence_seconds: float
    sandbox: str
    parent: int
    folder: Path
    short: Path
    fork_kernel: bool = True  # as the run wants it
    zygotes: Path | None = None  # where ready kernels may be had, see kernels/forking.py
    threads: int = 1
    cgroup: Path | None = None  # see cgroups.py; none where nothing was delegated
    caps: Caps
    limits: Limits = field(default_factory=Limits)

    @property
    def source(self) -> Path:
        """The server's answer as it came: content and sibling files. Only the child parses it."""
        return self.folder / "source.json"

    @property
    def journal(self) -> Path:
        return self.folder / "journal.jsonl"

    @property
    def made(self) -> Path:
        """Where the child writes besides the journal; the worker's own files are not in it."""
        return self.folder / "made"

    @property
    def copy(self) -> Path:
        return self.made / "notebook.ipynb"

    @property
    def spill(self) -> Path:
        """Text beyond the caps."""
        return self.made / "spill.txt"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        return self.short / "t"

    @property
    def sockets(self) -> Path:
        return self.short / "k"

    @property
    def work(self) -> Path:
        """The kernel's working directory."""
        return self.folder / "work"

    @property
    def outputs(self) -> Path:
        return self.work / "outputs"

    @property
    def log(self) -> Path:
        """Raw standard output and error of child and kernel."""
        return self.folder / "child.log"

    @property
    def file(self) -> Path:
        return self.folder / "order.json"

    def write(self) -> None:
        self.file.write_text(json.dumps(asdict(self), default=str), encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> "Order":
        fields = json.loads(file.read_text(encoding="utf-8"))
        places = ("folder", "short", "zygotes", "cgroup")
        folders = {name: Path(fields[name]) for name in places if fields[name] is not None}
        return cls(
            **{**fields, **folders, "caps": Caps(**fields["caps"]), "limits": Limits(**fields["limits"])}
        )
