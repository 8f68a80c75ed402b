"""Snapshots: upload a notebook as it was saved, with the files it declares beside it.

The text of the file goes on unread, so that the hash is that of the file. The editor sends what it shows,
because a shared document may be saved a moment later than its save was reported.
"""

import asyncio
import base64
import json
import posixpath
from pathlib import Path, PurePosixPath
from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import authorized
from pydantic import Field, ValidationError
from tornado import web

from nightbook import schemas
from nightbook.client.git import git_of
from nightbook_lab import problems
from nightbook_lab.handlers import NightbookHandler

MAX_FILES = 200
MAX_FILE_BYTES = 20 * 1024 * 1024
#: Pauses between two looks at a file that is not yet what the editor shows; three seconds in all.
PAUSES_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.5)


class SnapshotDraft(schemas.Draft):
    """Which notebook; the sources of the editor's cells; files that the notebook does not name itself."""

    path: str = Field(min_length=1, max_length=1024)
    cells: list[str] | None = Field(default=None, max_length=10_000)
    files: list[schemas.NotebookPath] = Field(default=[], max_length=MAX_FILES)


class SnapshotHandler(NightbookHandler):
    place = "snapshot"
    draft_type: type[SnapshotDraft] = SnapshotDraft

    @web.authenticated
    @authorized
    @authorized("read", resource="contents")  # type: ignore[untyped-decorator]
    async def post(self) -> None:
        draft = self._draft()
        told: dict[str, Any] = {"git": git} if (git := await self._git(draft.path)) else {}
        await self._pass_on("notebooks", draft, told)

    async def _pass_on(self, route: str, draft: SnapshotDraft, told: dict[str, Any]) -> None:
        """Send the notebook and its files to *route*, with the facts *told*, and answer what it answers."""
        text, content = await self._saved(draft)
        files = await self._files(draft.path, [*_declared(content), *draft.files])
        answer = await self.upstream.ask(
            "POST",
            route,
            headers={"Content-Type": "application/json"},
            content=_body({"path": draft.path, "files": files, **told}, text),
        )
        if answer.headers.get("Content-Type", "").split(";")[0] not in {"application/json", problems.PROBLEM}:
            raise problems.not_json(answer)
        self.set_status(answer.status_code)
        self.finish(answer.content, set_content_type=answer.headers["Content-Type"])

    def _draft(self) -> SnapshotDraft:
        try:
            return self.draft_type.model_validate_json(self.request.body)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "body"
            raise problems.Refusal(
                422, str(first["type"]), f"{field}: {first['msg']}", field=field
            ) from error

    async def _saved(self, draft: SnapshotDraft) -> tuple[str, dict[str, Any]]:
        """The file's text and what it says, once it says what the editor shows."""
        for pause in (*PAUSES_SECONDS, None):
            text = await self._text(draft.path)
            content = _parsed(text)
            if draft.cells is None or _sources(content) == draft.cells:
                return text, content
            if pause is not None:
                await asyncio.sleep(pause)
        words = "The saved notebook is not yet what the editor shows. Save it again, then repeat."
        raise problems.Refusal(409, "snapshot_behind_editor", words)

    async def _text(self, path: str) -> str:
        # Asked for as a notebook, each cell would gain `trusted` and the hash would be another one.
        try:
            model = await self._contents(path, type="file", format="text")
            return str(model["content"])
        except web.HTTPError as error:
            if error.status_code != 400:
                raise _missing(path, "path", error) from error
        try:
            model = await self._contents(path, type="notebook")
        except web.HTTPError as error:
            raise _missing(path, "path", error) from error
        for cell in model["content"].get("cells", []):
            cell.get("metadata", {}).pop("trusted", None)
        return json.dumps(model["content"])

    async def _git(self, path: str) -> dict[str, Any] | None:
        """Where the notebook lies in a repository; nothing where its contents are no files of this host."""
        root = getattr(self.contents_manager, "root_dir", None)
        folder = Path(root, *PurePosixPath(path.strip("/")).parts[:-1]) if root else None
        if folder is None or not folder.is_dir():
            return None
        found = await asyncio.to_thread(git_of, folder)
        return found.model_dump() if found else None

    async def _files(self, notebook_path: str, names: list[str]) -> list[dict[str, str]]:
        names = list(dict.fromkeys(names))
        if len(names) > MAX_FILES:
            words = f"A notebook may declare at most {MAX_FILES} files."
            raise problems.Refusal(422, "too_many_files", words, field="files")
        return [await self._file(posixpath.dirname(notebook_path), name) for name in names]

    async def _file(self, folder: str, name: str) -> dict[str, str]:
        path = posixpath.join(folder, name)
        try:
            entry = await self._contents(path, type="file", content=False)
            if (entry.get("size") or 0) > MAX_FILE_BYTES:
                words = f"{name} is larger than {MAX_FILE_BYTES // 1024**2} MiB; read it from where it lives."
                raise problems.Refusal(413, "file_too_large", words, field="files")
            model = await self._contents(path, type="file", format="base64")
        except problems.Refusal:
            raise
        except web.HTTPError as error:
            raise _missing(name, "files", error) from error
        content = str(model["content"])
        if model.get("format") != "base64":
            content = base64.b64encode(content.encode()).decode("ascii")
        return {"path": name, "base64": "".join(content.split())}

    async def _contents(self, path: str, **wanted: Any) -> dict[str, Any]:
        model: dict[str, Any] = await ensure_async(
            self.contents_manager.get(path, **wanted)  # type: ignore[no-untyped-call]
        )
        return model


def _missing(name: str, field: str, error: web.HTTPError) -> problems.Refusal:
    if field == "files":
        words = f"The notebook declares the file {name}, which cannot be read. Put it beside the notebook."
        return problems.Refusal(422, "file_missing", words, field=field)
    if error.status_code == 404:
        return problems.Refusal(
            404, "notebook_not_saved", f"{name} is not there. Save it first.", field=field
        )
    return problems.Refusal(422, "not_a_notebook", f"{name} cannot be read as a notebook.", field=field)


def _parsed(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        words = "The saved file is not a notebook: it does not hold a JSON object."
        raise problems.Refusal(422, "not_a_notebook", words, field="path")
    return content


def _sources(content: dict[str, Any]) -> list[str]:
    cells = content.get("cells")
    return (
        [_joined(cell.get("source")) for cell in cells if isinstance(cell, dict)]
        if isinstance(cells, list)
        else []
    )


def _joined(source: object) -> str:
    return "".join(str(line) for line in source) if isinstance(source, list) else str(source or "")


def _declared(content: dict[str, Any]) -> list[str]:
    """The files that the notebook's own metadata names, relative to the notebook."""
    metadata = content.get("metadata")
    ours = metadata.get("nightbook") if isinstance(metadata, dict) else None
    names = ours.get("files", []) if isinstance(ours, dict) else []
    draft = {"path": "notebook", "files": names}
    try:
        return SnapshotDraft.model_validate(draft).files
    except ValidationError as error:
        words = "The notebook's metadata nightbook.files must be a list of paths below the notebook's folder."
        raise problems.Refusal(422, "files_not_paths", words, field="files") from error


def _body(told: dict[str, Any], text: str) -> bytes:
    # The text is one whole JSON value, as the parse has shown, so it can stand here as it is;
    # duplicate keys and NaN in it reach the server's strict reading.
    return json.dumps(told)[:-1].encode() + b',"content":' + text.encode() + b"}"
