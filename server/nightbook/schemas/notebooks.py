"""Notebooks: uploads, versions, their parameters, and what the pre-flight check noticed."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from nightbook.core.remotes import without_credentials
from nightbook.schemas.manifests import GitRecord
from nightbook.schemas.words import SCHEMA_VERSION, Draft, NotebookPath, View


class SiblingFile(Draft):
    """A file that the notebook needs beside it, by its path relative to the notebook."""

    path: NotebookPath
    base64: Annotated[str, Field(max_length=30_000_000)]


class GitDraft(Draft):
    """Where the notebook lay in a repository when it was uploaded. `is_dirty` is about its folder."""

    commit: Annotated[str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]
    remote: Annotated[str, Field(max_length=1000)] | None = None
    is_dirty: bool | None = None

    @field_validator("remote")
    @classmethod
    def _without_credentials(cls, remote: str | None) -> str | None:
        return without_credentials(remote) if remote else None


class NotebookUpload(Draft):
    """A notebook as saved. The same content gives the same version again."""

    path: NotebookPath
    content: dict[str, Any]
    files: Annotated[list[SiblingFile], Field(max_length=200)] = []
    git: GitDraft | None = None


class NotebookComparison(Draft):
    """A notebook as saved, and the version it is held against: by its SHA-256, or the newest of its path."""

    path: NotebookPath
    content: dict[str, Any]
    files: Annotated[list[SiblingFile], Field(max_length=200)] = []
    against: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


class Finding(View):
    """What the pre-flight check noticed: `cell` counts from 0; null is the whole notebook."""

    rule: str
    severity: Literal["error", "warning", "note"]
    cell: int | None = None
    message: str


class Parameter(View):
    """One parameter that the notebook declares.

    `type` is one of `bool int float str date datetime list dict any`, with `choices` where the
    notebook lists them. `default` is null where `editable` is false: the notebook computes it.
    """

    name: str
    type: str
    default: Any = None
    help: str = ""
    required: bool = False
    nullable: bool = False
    choices: list[Any] | None = None
    editable: bool = True
    expression: str | None = None
    item_type: str | None = None


class ParameterList(View):
    schema_version: int = SCHEMA_VERSION
    items: list[Parameter]
    has_parameters_cell: bool = True


class VersionView(View):
    """An immutable snapshot of a notebook, named by its SHA-256."""

    schema_version: int = SCHEMA_VERSION
    path: str
    sha256: str
    created_at: datetime
    size: int = 0
    kernel: str | None = None
    language: str | None = None
    files: list[str] = []
    git: GitRecord | None = None
    findings: list[Finding] = []


class NotebookView(View):
    path: str
    sha256: str
    updated_at: datetime
    versions: int


class FindingList(View):
    items: list[Finding]
