"""The built web pages, served at /. Every address of the page's own router gives the same document."""

import html
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from nightbook.core.errors import NotFound

router = APIRouter(include_in_schema=False)

WEB = Path(__file__).parent.parent / "web"
_PAGES = ("", "login", "schedules", "runs", "calendar", "notebooks")
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Nightbook</title>
<h1>The web page is not built</h1>
<p>The API works. To build it run <code>make lab-build</code>, or install a released wheel.</p></html>"""


@router.get("/{path:path}")
def page(path: str, request: Request) -> Response:
    """A built file, or the page itself for the addresses that its router knows."""
    if "/" not in path and Path(path).suffix in _TYPES:
        return _file(path)
    if path.split("/", 1)[0] not in _PAGES:
        raise NotFound("page_not_found", "There is no such page.")
    index = WEB / "index.html"
    if not index.is_file():
        return HTMLResponse(_NOT_BUILT, status_code=503)
    root = html.escape(str(request.scope.get("root_path", "")).rstrip("/"), quote=True)
    return HTMLResponse(
        index.read_text(encoding="utf-8").replace("__ROOT__", root), headers={"Cache-Control": "no-cache"}
    )


def _file(name: str) -> Response:
    # Compared with what is there, so that no name can lead outside the folder.
    if name not in {entry.name for entry in WEB.glob("*") if entry.is_file()}:
        raise NotFound("page_not_found", "There is no such file.")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return FileResponse(WEB / name, media_type=_TYPES[Path(name).suffix], headers=headers)
