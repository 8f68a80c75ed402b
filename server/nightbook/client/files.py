"""From a notebook on this disk to what is uploaded: its content and the files declared beside it."""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from nightbook.client.errors import InvalidRequest, UnreadableNotebook
from nightbook.client.git import git_of
from nightbook.client.wire import draft_of
from nightbook.schemas import NotebookUpload, ProblemError

#: Named by their paths (relative to the notebook), or given with their bytes.
Files = Iterable[str] | Mapping[str, bytes]


def upload_of(
    source: str | Path | Mapping[str, Any], *, path: str | None = None, files: Files | None = None
) -> NotebookUpload:
    """The upload of a notebook file, or of a notebook's content (then *path* is needed).

    Without *files*, those that the notebook declares in `metadata.nightbook.files` go along.
    Raises UnreadableNotebook and InvalidRequest.
    """
    if isinstance(source, Mapping):
        return _upload(_given(path), dict(source), _beside(None, files or {}))
    notebook = Path(source)
    content = read_notebook(notebook)
    chosen = declared_files(content) if files is None else files
    upload = _upload(path or label(notebook), content, _beside(notebook.parent, chosen))
    upload.git = git_of(notebook.absolute().parent)
    return upload


def read_notebook(notebook: Path) -> dict[str, Any]:
    """The notebook's JSON. Raises UnreadableNotebook."""
    try:
        content = json.loads(notebook.read_bytes())
    except OSError as error:
        raise UnreadableNotebook(f"{notebook}: cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableNotebook(f"{notebook}: is not a notebook, for it holds no JSON.") from error
    if not isinstance(content, dict) or not isinstance(content.get("cells", content.get("worksheets")), list):
        raise UnreadableNotebook(f"{notebook}: is not a notebook, for it has no cells.")
    return content


def declared_files(content: Mapping[str, Any]) -> list[str]:
    """What `metadata.nightbook.files` names. Raises UnreadableNotebook where it is no list of paths."""
    metadata = content.get("metadata")
    ours = metadata.get("nightbook") if isinstance(metadata, dict) else None
    files = ours.get("files", []) if isinstance(ours, dict) else []
    if not isinstance(files, list) or not all(isinstance(name, str) for name in files):
        raise UnreadableNotebook("The notebook's metadata nightbook.files must be a list of relative paths.")
    return files


def label(notebook: Path) -> str:
    """The path that people know the notebook by: relative to this folder, else its name alone."""
    place, here = notebook.absolute(), Path.cwd()
    return place.relative_to(here).as_posix() if place.is_relative_to(here) else place.name


def _given(path: str | None) -> str:
    if path is None:
        raise _wrong(
            "path", "required", "Say under which path the notebook is known, e.g. path='reports/daily.ipynb'."
        )
    return path


def _beside(folder: Path | None, files: Files) -> list[dict[str, str]]:
    if isinstance(files, Mapping):
        return [{"path": name, "base64": b64encode(held).decode()} for name, held in files.items()]
    if folder is None:
        raise _wrong(
            "files", "bytes_needed", "Give the files with their bytes, for the notebook has no folder."
        )
    return [{"path": name, "base64": b64encode(_read(folder, name)).decode()} for name in files]


def _read(folder: Path, name: str) -> bytes:
    plain = PurePosixPath(name)
    if plain.is_absolute() or ".." in plain.parts:
        raise _wrong("files", "not_a_path", f"{name}: must lie beside the notebook or in a folder below it.")
    try:
        return (folder / plain).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a file name"
        raise UnreadableNotebook(
            f"{name}: the notebook declares this file, and it cannot be read ({reason})."
        ) from error


def _upload(path: str, content: dict[str, Any], files: list[dict[str, str]]) -> NotebookUpload:
    return draft_of(NotebookUpload, {"path": path, "content": content, "files": files})


def _wrong(field: str, code: str, message: str) -> InvalidRequest:
    errors = [ProblemError(field=field, code=code, message=message)]
    return InvalidRequest(message, status=422, code=code, errors=errors)
