"""A server that speaks the worker protocol from memory: real HTTP, real leases, no rows."""

import base64
import hashlib
import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from nightbook.core import journal
from nightbook.core.clock import new_id, utc_now
from nightbook.schemas import ClaimDraft, FinishDraft, Heartbeat, LeftArtifact, RunOrder, WorkerRegistration

TOKEN = "nb_wrk_only-for-tests"
PREFIX = "/api/v1/worker"


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


@dataclass
class FakeRun:
    """A run as the server would know it."""

    order: RunOrder
    source: dict[str, Any]
    files: list[dict[str, str]]
    state: str = "queued"
    worker: str | None = None
    cancel: bool = False
    is_lost: bool = False
    refuse_begin: bool = False
    refuse_evidence: bool = False
    hold: str | None = None  # a route that is not answered for now
    journal: bytes = b""
    artifacts: dict[str, bytes] = field(default_factory=dict)
    finish: FinishDraft | None = None
    seen: list[str] = field(default_factory=list)

    @property
    def records(self) -> list[dict[str, Any]]:
        return journal.parse(self.journal)

    @property
    def copy(self) -> dict[str, Any]:
        return json.loads(self.artifacts["notebook.ipynb"])

    @property
    def manifest(self) -> dict[str, Any]:
        return json.loads(self.artifacts["manifest.json"])

    @property
    def printed(self) -> str:
        return "".join(record["s"] for record in self.records if record["k"] == "text")

    def statuses(self) -> list[str]:
        cells = self.copy["cells"]
        return [cell["metadata"]["papermill"]["status"] for cell in cells if "papermill" in cell["metadata"]]


class FakeServer:
    """Start it, queue runs, look at what became of them."""

    def __init__(self, lease_seconds: float = 60.0, heartbeat_seconds: float = 10.0) -> None:
        self.lease_seconds = lease_seconds
        self.heartbeat_seconds = heartbeat_seconds
        self.runs: dict[uuid.UUID, FakeRun] = {}
        self.queue: list[FakeRun] = []
        self.claims: dict[str, uuid.UUID | None] = {}
        self.workers: dict[uuid.UUID, WorkerRegistration] = {}
        self.beats: list[Heartbeat] = []
        self.tokens: set[str] = set()
        self.is_away = False
        self.refused = 0
        self.poll_seconds = 0.2
        self.changed = threading.Condition()
        server = self

        class Handler(_Handler):
            fake = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def queue_run(
        self,
        *sources: Any,
        parameters: dict[str, Any] | None = None,
        kernel: str | None = None,
        timeout_seconds: int = 100,
        cell_timeout_seconds: int | None = None,
        files: list[dict[str, str]] | None = None,
        spec: dict[str, str] | None = None,
        limits: dict[str, int] | None = None,
        fork_kernel: bool = True,
        **marks: Any,
    ) -> FakeRun:
        """Queue a notebook of code cells; a cell may also be a whole dict."""
        cells = [_cell(source, index) for index, source in enumerate(sources)]
        metadata = {"kernelspec": spec or {"name": "python3", "display_name": "Python", "language": "python"}}
        content = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}
        order = RunOrder.model_validate(
            {
                "run_id": new_id(),
                "attempt_id": new_id(),
                "attempt": 1,
                "fence": 7,
                "lease_seconds": self.lease_seconds,
                "notebook": {"path": "reports/daily.ipynb", "sha256": "ab" * 32},
                "parameters": parameters or {},
                "kernel": kernel,
                "timeout_seconds": timeout_seconds,
                "cell_timeout_seconds": cell_timeout_seconds,
                "fork_kernel": fork_kernel,
                "pool": "default",
                "trigger": "manual",
                "triggered_by": "ana",
                "created_at": utc_now(),
                "limits": limits or {},
            }
        )
        run = FakeRun(order, content, files or [], **marks)
        with self.changed:
            self.runs[order.attempt_id] = run
            self.queue.append(run)
        return run

    def wait(self, is_so: Any, seconds: float = 60.0) -> None:
        """Wait until something that requests change is so."""
        with self.changed:
            assert self.changed.wait_for(is_so, seconds), "it did not happen in time"

    def wait_for(self, run: FakeRun, seconds: float = 60.0) -> FakeRun:
        self.wait(lambda: run.finish is not None, seconds)
        return run

    # ------------------------------------------------------------ routes

    def register(self, draft: WorkerRegistration) -> dict[str, Any]:
        self.workers[draft.id] = draft
        return {
            "worker_id": str(draft.id),
            "heartbeat_seconds": self.heartbeat_seconds,
            "lease_seconds": self.lease_seconds,
            "poll_seconds": self.poll_seconds,
        }

    def heartbeat(self, draft: Heartbeat) -> dict[str, Any]:
        self.beats.append(draft)
        return {"attempts": [self._lease(self.runs[one.attempt_id]) for one in draft.attempts]}

    def _lease(self, run: FakeRun) -> dict[str, Any]:
        return {
            "attempt_id": str(run.order.attempt_id),
            "lease_seconds": self.lease_seconds,
            "cancel": run.cancel,
            "cancelled_by": "ana" if run.cancel else None,
            "lost": run.is_lost,
        }

    def cancels(self) -> dict[str, Any]:
        return {
            "items": [self._lease(run) for run in self.runs.values() if run.cancel and run.finish is None]
        }

    def claim(self, draft: ClaimDraft, key: str) -> dict[str, Any]:
        if draft.worker_id not in self.workers:
            raise Refusal(409, "not_registered")
        if key not in self.claims:
            run = self.queue.pop(0) if self.queue else None
            self.claims[key] = run.order.attempt_id if run else None
            if run:
                run.state, run.worker = "running", str(draft.worker_id)
        attempt = self.claims[key]
        order = json.loads(self.runs[attempt].order.model_dump_json()) if attempt else None
        return {"order": order, "waiting": bool(self.queue)}

    def source(self, run: FakeRun) -> dict[str, Any]:
        return {"sha256": run.order.notebook.sha256, "content": run.source, "files": run.files}

    def put_journal(self, run: FakeRun, offset: int, lines: bytes) -> dict[str, Any]:
        if run.refuse_begin:
            raise Refusal(409, "fence_lost")
        assert not lines or lines.endswith(b"\n")
        if len(lines) > journal.LONGEST:
            raise Refusal(413, "too_large")
        if offset > len(run.journal):
            raise Refusal(409, "journal_gap", str(len(run.journal)))
        run.journal += lines[len(run.journal) - offset :]
        return {"next_offset": len(run.journal)}

    def put_evidence(self, run: FakeRun, query: dict[str, str], lines: bytes) -> dict[str, Any]:
        theirs = (query["worker_id"], query["fence"])
        if theirs != (run.worker, str(run.order.fence)) or run.finish is not None or run.refuse_evidence:
            raise Refusal(409, "fence_lost")
        return self.put_journal(run, int(query["offset"]), lines)

    def put_artifact(self, run: FakeRun, name: str, content: bytes) -> dict[str, Any]:
        run.artifacts[name] = content
        return {"name": name, "sha256": "0" * 64, "size": len(content), "media_type": "x/y", "role": "output"}

    def _keep(self, run: FakeRun, artifact: LeftArtifact) -> None:
        if artifact.content is not None:
            run.artifacts[artifact.name] = base64.b64decode(artifact.content)
        elif artifact.role == "journal" and artifact.name not in run.artifacts:
            run.artifacts[artifact.name] = run.journal
        if hashlib.sha256(run.artifacts[artifact.name]).hexdigest() != artifact.sha256:
            raise Refusal(422, "not_uploaded")

    def finish(self, run: FakeRun, draft: FinishDraft) -> dict[str, Any]:
        if draft.journal:
            self.put_journal(run, draft.journal.offset, base64.b64decode(draft.journal.content))
        for artifact in draft.artifacts:
            self._keep(run, artifact)
        run.finish = draft
        run.state = draft.state
        return {
            "run_id": str(run.order.run_id),
            "state": "queued" if draft.state == "handed_back" else draft.state,
        }


def _cell(source: Any, index: int) -> dict[str, Any]:
    if isinstance(source, dict):
        return {"id": f"c{index}", **source}
    empty = {"metadata": {}, "outputs": [], "execution_count": None}
    return {"cell_type": "code", "id": f"c{index}", "source": source, **empty}


def tagged(source: str, *tags: str) -> dict[str, Any]:
    return {
        **_cell(source, 0),
        "metadata": {"tags": list(tags)},
        "id": f"t{abs(hash((source, tags))) % 10**9}",
    }


class _Handler(BaseHTTPRequestHandler):
    fake: FakeServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_GET  # noqa: N815

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        path, query = unquote(parts.path), {name: values[0] for name, values in parse_qs(parts.query).items()}
        try:
            if self.fake.is_away:
                self.fake.refused += 1
                raise Refusal(503, "unavailable")
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                raise Refusal(401, "unauthenticated")
            with self.fake.changed:
                answer = self._route(f"{self.command} {path.removeprefix(PREFIX)}", query, body)
            self._send(200, answer)
        except Refusal as refusal:
            problem = {"code": refusal.code, "detail": refusal.code, "errors": [{"message": refusal.message}]}
            self._send(refusal.status, problem)
        with self.fake.changed:
            self.fake.changed.notify_all()

    def _route(self, route: str, query: dict[str, str], body: bytes) -> dict[str, Any]:
        fake = self.fake
        if route == "POST /register":
            return fake.register(WorkerRegistration.model_validate_json(body))
        if route == "POST /heartbeat":
            return fake.heartbeat(Heartbeat.model_validate_json(body))
        if route == "GET /cancels":
            return fake.cancels()
        if route == "POST /claim":
            return fake.claim(ClaimDraft.model_validate_json(body), self.headers["Idempotency-Key"])
        _, _, attempt, *rest = route.split("/")
        run = fake.runs[uuid.UUID(attempt)]
        run.seen.append(f"{self.command} {'/'.join(rest)}")
        if run.hold == rest[0]:
            raise Refusal(503, "unavailable")
        if rest == ["finish"]:
            return fake.finish(run, FinishDraft.model_validate_json(body))
        if rest == ["evidence"]:
            return fake.put_evidence(run, query, body)
        if run.is_lost or query["fence"] != str(run.order.fence):
            raise Refusal(409, "fence_lost")
        if rest == ["source"]:
            return fake.source(run)
        if rest == ["journal"]:
            return fake.put_journal(run, int(query["offset"]), body)
        return fake.put_artifact(run, "/".join(rest[1:]), body)

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        raw = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def until(is_so: Any, seconds: float = 20.0) -> None:
    """Wait for something outside the server."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
