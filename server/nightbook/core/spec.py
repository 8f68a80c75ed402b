"""The spec: which notebook to run, with what, under which limits; a value, frozen into each run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Spec:
    """`notebook_sha256` null means: the latest version of `notebook_path` when the run is made.

    Of the runs that share a `concurrency_key`, `concurrency_per_key` may run at once.
    """

    notebook_path: str
    notebook_sha256: str | None
    parameters: Mapping[str, Any]
    kernel: str | None
    pool: str
    priority: int
    timeout_seconds: int
    cell_timeout_seconds: int | None
    retries: int
    retry_on: Sequence[str]
    retry_delay_seconds: int
    retry_on_worker_loss: bool
    expire_after_seconds: int | None
    concurrency_key: str | None
    concurrency_per_key: int
    fork_kernel: bool

    @classmethod
    def of(cls, row: object) -> "Spec":
        """The spec that a schedule or a run keeps in columns of these names."""
        return cls(**{field.name: getattr(row, field.name) for field in fields(cls)})

    def columns(self) -> dict[str, Any]:
        """The columns in which a schedule or a run keeps this spec."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**found, "parameters": dict(self.parameters), "retry_on": list(self.retry_on)}

    @property
    def follows_latest(self) -> bool:
        return self.notebook_sha256 is None

    def pinned(self, sha256: str | None, kernel: str | None, parameters: Mapping[str, Any]) -> "Spec":
        """The spec of one run: a version, a kernel and checked parameters."""
        return replace(self, notebook_sha256=sha256, kernel=kernel, parameters=dict(parameters))

    def at_priority(self, priority: int) -> "Spec":
        return replace(self, priority=priority)
