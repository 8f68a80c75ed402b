"""Runs as read-only contents: `<run id>/<notebook name>.ipynb` and the files the run left.

JupyterLab opens them through a drive of its own. There is no way to write, and nothing is trusted.
"""

import base64
import json
import re
from typing import Any
from urllib.parse import quote, unquote

from jupyter_server.auth.decorator import authorized
from tornado import web

from nightbook_lab import problems
from nightbook_lab.handlers import NightbookHandler
from nightbook_lab.inert import untrusted

Model = dict[str, Any]

MAX_SHOWN_BYTES = 50 * 1024 * 1024
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TEXT = re.compile(r"^(text/|application/(json|xml|javascript|x-ndjson|yaml)\b|.*\+(json|xml)\b)")
_NEVER = "1970-01-01T00:00:00Z"


class RunContentsHandler(NightbookHandler):
    place = "contents"

    @web.authenticated
    @authorized
    async def get(self, _path: str) -> None:
        path = unquote(self.rest).strip("/")
        run_id, _, name = path.partition("/")
        if not run_id:
            # The drive in the browser makes the folders above the runs, in its reader's own time.
            model = _folder("", "", _NEVER, [])
        elif not _RUN_ID.fullmatch(run_id):
            raise _nothing()
        else:
            model = await self._model(run_id, name.strip("/"))
        self.finish(json.dumps(model, allow_nan=False))

    @web.authenticated
    @authorized
    async def put(self, _path: str) -> None:
        raise _read_only()

    @web.authenticated
    @authorized
    async def post(self, _path: str) -> None:
        raise _read_only()

    @web.authenticated
    @authorized
    async def patch(self, _path: str) -> None:
        raise _read_only()

    @web.authenticated
    @authorized
    async def delete(self, _path: str) -> None:
        raise _read_only()

    def document(self, error: BaseException | None, status: int) -> dict[str, Any]:
        # JupyterLab's own client of contents shows `message`.
        told = super().document(error, status)
        return {**told, "message": told["detail"]}

    @property
    def _wants_content(self) -> bool:
        return bool(self.get_query_argument("content", "1") != "0")

    async def _model(self, run_id: str, name: str) -> Model:
        run = await self._read_json(f"runs/{run_id}")
        notebook_name = str(run["notebook"]["path"]).rsplit("/", 1)[-1]
        if name == notebook_name:
            return await self._notebook(run, name)
        artifacts = (await self._read_json(f"runs/{run_id}/artifacts"))["items"]
        for artifact in artifacts:
            if artifact["name"] == name and artifact["role"] != "notebook":
                return await self._file(run_id, artifact)
        return self._listing(run, name, notebook_name, artifacts)

    async def _notebook(self, run: Model, name: str) -> Model:
        model = _notebook_entry(run, name)
        if self._wants_content:
            content = await self._read_json(f"runs/{run['id']}/notebook")
            model |= {"content": untrusted(content), "format": "json"}
        return model

    async def _file(self, run_id: str, artifact: Model) -> Model:
        model = _file_entry(run_id, artifact)
        if not self._wants_content:
            return model
        if artifact["size"] > MAX_SHOWN_BYTES:
            raise problems.Refusal(413, "too_large_to_show", "This file is too large to show; download it.")
        content = await self._read(f"runs/{run_id}/artifacts/{quote(artifact['name'])}")
        return model | _as_text_or_base64(content, model["mimetype"], self.get_query_argument("format", None))

    def _listing(self, run: Model, folder: str, notebook_name: str, artifacts: list[Model]) -> Model:
        """One folder of a run: its files, and the folders right below."""
        prefix = f"{folder}/" if folder else ""
        inside = [a for a in artifacts if a["role"] != "notebook" and a["name"].startswith(prefix)]
        if folder and not inside:
            raise _nothing()
        entries = [] if folder else [_notebook_entry(run, notebook_name)]
        entries += [_file_entry(run["id"], a) for a in inside if "/" not in a["name"][len(prefix) :]]
        below = {a["name"][len(prefix) :].split("/")[0] for a in inside if "/" in a["name"][len(prefix) :]}
        moment = run.get("finished_at") or run["created_at"]
        place = f"{run['id']}/{folder}".rstrip("/")
        entries += [_folder(name, f"{place}/{name}", moment, None) for name in sorted(below)]
        return _folder(place.rsplit("/", 1)[-1], place, moment, entries if self._wants_content else None)

    async def _read(self, path: str) -> bytes:
        answer = await self.upstream.ask("GET", path)
        if answer.status_code != 200:
            raise problems.of_answer(answer)
        return answer.content

    async def _read_json(self, path: str) -> Model:
        content = await self._read(path)
        try:
            value = json.loads(content)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise problems.Refusal(
                502, "not_json", "Nightbook's answer cannot be read. Check NIGHTBOOK_API_URL."
            )
        return value


def _read_only() -> problems.Refusal:
    words = "Runs are kept as they were: nothing can be changed, added or removed here."
    return problems.Refusal(405, "read_only", words)


def _nothing() -> problems.Refusal:
    return problems.Refusal(404, "not_found", "There is no such run, or it left no such file.")


def _entry(kind: str, name: str, path: str, moment: str) -> Model:
    return {
        "name": name,
        "path": path,
        "type": kind,
        "created": moment,
        "last_modified": moment,
        "mimetype": None,
        "size": None,
        "writable": False,
        "content": None,
        "format": None,
    }


def _folder(name: str, path: str, moment: str, content: list[Model] | None) -> Model:
    entry = _entry("directory", name, path, moment)
    return entry if content is None else entry | {"content": content, "format": "json"}


def _notebook_entry(run: Model, name: str) -> Model:
    moment = run.get("finished_at") or run["created_at"]
    return _entry("notebook", name, f"{run['id']}/{name}", moment)


def _file_entry(run_id: str, artifact: Model) -> Model:
    name = artifact["name"]
    entry = _entry("file", name.rsplit("/", 1)[-1], f"{run_id}/{name}", artifact["created_at"])
    return entry | {"mimetype": artifact["media_type"], "size": artifact["size"]}


def _as_text_or_base64(content: bytes, media_type: str, wanted: str | None) -> Model:
    if wanted == "text" or (wanted is None and _TEXT.match(media_type)):
        try:
            return {"content": content.decode("utf-8"), "format": "text"}
        except UnicodeDecodeError as error:
            if wanted == "text":
                raise problems.Refusal(400, "not_text", "This file is not text; download it.") from error
    return {"content": base64.b64encode(content).decode("ascii"), "format": "base64"}
