"""A real jupyter-server with our extension, in front of a Nightbook whose answers each test chooses.

It runs in a process of its own (`pytest tests/extension`), for its event loop shares with none.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from pytest_jupyter.jupyter_server import *  # noqa: F403 (not as a plug-in: it would reach all tests)

from nightbook_lab.handlers import UPSTREAM
from nightbook_lab.upstream import TokenFile, Upstream

# `make install` keeps it apart from our environment, where its pages would stand beside ours.
sys.path.append(str(Path(__file__).parents[2] / ".stamps" / "jupyter-scheduler"))

TOKEN = "nb_pat_abc_secret"
PROBLEM = "application/problem+json"


@pytest.fixture
def jp_server_config():
    return {
        "ServerApp": {"jpserver_extensions": {"nightbook_lab": True}, "allow_unauthenticated_access": False}
    }


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "private" / "token"
    path.parent.mkdir()
    path.write_text(TOKEN + "\n")
    return path


def _problem(status, code, detail):
    body = {
        "type": f"/problems/{code}",
        "title": "T",
        "status": status,
        "detail": detail,
        "code": code,
        "errors": [],
    }
    return json.dumps(body).encode()


def _nothing(_request):
    return httpx.Response(404, content=_problem(404, "not_found", "No."), headers={"Content-Type": PROBLEM})


class Nightbook:
    """The far side: remembers each request and answers as told, by path."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answers: dict[str, Callable[[httpx.Request], httpx.Response]] = {}

    def answer(self, path, *args, **kwargs):
        """Answer *path* (below /api/v1/) with this response, or with what a function makes of the request."""
        made = args[0] if args and callable(args[0]) else lambda _request: httpx.Response(*args, **kwargs)
        self.answers[f"/prefix/api/v1/{path}"] = made

    def refuse(self, path, status, code, detail="No."):
        """Answer *path* with a problem document."""
        self.answer(path, status, content=_problem(status, code, detail), headers={"Content-Type": PROBLEM})

    async def __call__(self, request):
        self.requests.append(request)
        raw = request.url.raw_path.decode().partition("?")[0]
        told = self.answers.get(raw, _nothing)(request)
        if told.is_closed:  # made of bytes; a client may want to stream them
            return httpx.Response(
                told.status_code, headers=told.headers, stream=httpx.ByteStream(told.content)
            )
        return told

    @property
    def last(self):
        return self.requests[-1]


@pytest.fixture
def nightbook(jp_serverapp, jp_asyncio_loop, token_file):
    """Nightbook behind a root path of its own, reached through the very client that the extension uses."""
    far_side = Nightbook()
    upstream = Upstream("http://far:8600/prefix", TokenFile(token_file), httpx.MockTransport(far_side))
    jp_serverapp.web_app.settings[UPSTREAM] = upstream
    yield far_side
    jp_asyncio_loop.run_until_complete(upstream.close())


class Browser:
    """Asks the jupyter-server, with a token unless told otherwise."""

    def __init__(self, port, headers) -> None:
        self.port = port
        self.headers = headers

    async def fetch(self, path, method="GET", *, headers=None, auth=True, **kwargs):
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.request(
                method,
                f"http://127.0.0.1:{self.port}/a%40b/{path}",
                headers={**(self.headers if auth else {}), **(headers or {})},
                **kwargs,
            )

    async def fetch_raw(self, path):
        """The status of a GET whose path is sent to the letter; clients like to tidy it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = [f"GET /a%40b/{path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        answer = await reader.read()
        writer.close()
        return int(answer.split(b" ", 2)[1])

    async def open_stream(self, path, **headers):
        """A connection on which a GET was sent; the caller reads and closes it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        sent = {**self.headers, **headers}
        lines = [f"GET /a%40b/{path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        writer.write("\r\n".join([*lines, *(f"{n}: {v}" for n, v in sent.items()), "", ""]).encode())
        return reader, writer


@pytest.fixture
def browser(http_server, jp_http_port, jp_auth_header, nightbook):
    return Browser(jp_http_port, jp_auth_header)
