"""The manifest: the list, with hashes, of what an attempt was and left; written last, as canonical JSON."""

import json
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field, field_serializer

from nightbook.schemas.words import SCHEMA_VERSION, View


class EnvironmentRecord(View):
    """What the kernel's environment held: read from its folders, not asked of its programs.

    `packages` are versions by normalised name and `editable` the places of those installed in place;
    both in the order of their names, so that two runs can be compared line by line. `fingerprint`
    changes with every package. `versions` are those of the parts that ran the notebook.
    """

    fingerprint: str | None = None
    python: str | None = None
    executable: str | None = None
    argv: list[str] = []
    packages: dict[str, str] = {}
    editable: dict[str, str] = {}
    versions: dict[str, str] = {}
    kernel_release: str
    platform: str


class GitRecord(View):
    """Where the notebook lay in a repository when it was uploaded; null where nobody could say."""

    commit: str | None = None
    remote: str | None = None
    is_dirty: bool | None = None


class ManifestOutput(View):
    name: str
    sha256: str
    size: int


class Manifest(View):
    """One document for every ending, whoever made it: the worker, or the server for a lost attempt.

    `packages` repeats those of the environment, and is null where nobody could look into it.
    """

    schema_version: int = SCHEMA_VERSION
    made_by: Literal["worker", "server"]
    run_id: UUID
    attempt_id: UUID
    attempt: int
    fence: int
    notebook: dict[str, str | None]
    parameters: dict[str, Any]
    kernel: dict[str, str | None]
    environment: EnvironmentRecord | None = None
    packages: dict[str, str] | None = None
    git: GitRecord | None = None
    created_at: datetime
    started_at: datetime
    finished_at: datetime | None
    triggered_by: str
    trigger: str
    schedule_id: UUID | None
    fire_at: datetime | None
    rerun_of: UUID | None
    pool: str
    worker: str
    state: str
    class_: str | None = Field(serialization_alias="class")
    reason: str | None
    outputs: list[ManifestOutput]

    @field_serializer("created_at", "started_at", "finished_at", "fire_at")
    def _instant(self, moment: datetime | None) -> str | None:
        if moment is None:
            return None
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def canonical(self) -> bytes:
        """The bytes that are hashed: sorted keys, no spaces."""
        facts = self.model_dump(mode="json", by_alias=True)
        return json.dumps(
            facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
        ).encode()
