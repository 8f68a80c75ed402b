"""The worker's side of the lease protocol: a thin HTTP client with two kinds of trouble.

`AwayError` means that the same request may be tried again; `RefusedError` that the server has judged it.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from nightbook.schemas import (
    CancelList,
    ClaimAnswer,
    ClaimDraft,
    FinishAnswer,
    FinishDraft,
    FinishedArtifact,
    Heartbeat,
    HeartbeatAnswer,
    JournalAnswer,
    Registered,
    WorkerRegistration,
)

_Answer = TypeVar("_Answer", bound=BaseModel)
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class AwayError(Exception):
    """The server could not answer; what was asked may or may not have happened."""


class RefusedError(Exception):
    """The server answered no. `wanted_offset` is set for a gap in a journal."""

    def __init__(self, status: int, code: str, detail: str, wanted_offset: int | None = None) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.wanted_offset = wanted_offset

    @property
    def is_lost(self) -> bool:
        """Whether the attempt is no longer ours."""
        return self.status in (404, 409) and self.code != "journal_gap"


class Api:
    """One connection pool. Heartbeats use one of their own, so that uploads cannot delay them."""

    def __init__(self, address: str, read_token: Callable[[], str | None], *, timeout: float) -> None:
        self._read_token = read_token
        self._client = httpx.Client(
            base_url=f"{address}/api/v1",
            timeout=httpx.Timeout(timeout),
            trust_env=urlsplit(address).hostname not in _LOOPBACK,
        )

    def close(self) -> None:
        self._client.close()

    def register(self, draft: WorkerRegistration) -> Registered:
        return self._post("/worker/register", draft, Registered)

    def heartbeat(self, draft: Heartbeat) -> HeartbeatAnswer:
        return self._post("/worker/heartbeat", draft, HeartbeatAnswer)

    def cancels(
        self, worker_id: uuid.UUID, wait_seconds: float, known: Iterable[uuid.UUID] = ()
    ) -> CancelList:
        """Attempts to cancel but those *known*; with none, it takes up to *wait_seconds* to say so."""
        params = {"worker_id": str(worker_id), "wait_seconds": wait_seconds, "known": [str(i) for i in known]}
        return self._ask("GET", "/worker/cancels", CancelList, params=params)

    def claim(self, worker_id: uuid.UUID, key: str) -> ClaimAnswer:
        return self._post(
            "/worker/claim", ClaimDraft(worker_id=worker_id), ClaimAnswer, {"Idempotency-Key": key}
        )

    def fetch_source(self, attempt_id: uuid.UUID, fence: int, target: Path) -> None:
        """Write the answer to *target* as it comes: the worker parses no notebook."""
        path = f"/worker/attempts/{attempt_id}/source"
        with (
            self._trouble(),
            self._client.stream("GET", path, params={"fence": fence}, headers=self._headers()) as answer,
        ):
            if answer.status_code != 200:
                answer.read()
                _raise_for(answer)
            with target.open("wb") as opened:
                for piece in answer.iter_bytes():
                    opened.write(piece)

    def put_journal(self, attempt_id: uuid.UUID, fence: int, offset: int, lines: bytes) -> int:
        """Send whole lines that begin at *offset*; return where the server's journal ends."""
        path = f"/worker/attempts/{attempt_id}/journal"
        headers = {"Content-Type": "application/jsonl"}
        params = {"fence": fence, "offset": offset}
        return self._ask(
            "PUT", path, JournalAnswer, params=params, content=lines, headers=headers
        ).next_offset

    def put_evidence(
        self, attempt_id: uuid.UUID, fence: int, worker_id: uuid.UUID, offset: int, lines: bytes
    ) -> int:
        """Send what is missing of a dead attempt's journal; return where the server's journal ends."""
        path = f"/worker/attempts/{attempt_id}/evidence"
        headers = {"Content-Type": "application/jsonl"}
        params = {"fence": fence, "offset": offset, "worker_id": str(worker_id)}
        return self._ask(
            "PUT", path, JournalAnswer, params=params, content=lines, headers=headers
        ).next_offset

    def put_artifact(
        self,
        attempt_id: uuid.UUID,
        fence: int,
        name: str,
        pieces: Iterable[bytes],
        size: int,
        media_type: str,
    ) -> FinishedArtifact:
        path = f"/worker/attempts/{attempt_id}/artifacts/{quote(name, safe='/')}"
        headers = {"Content-Type": media_type, "Content-Length": str(size)}
        return self._ask(
            "PUT", path, FinishedArtifact, params={"fence": fence}, content=pieces, headers=headers
        )

    def finish(self, attempt_id: uuid.UUID, draft: FinishDraft) -> FinishAnswer:
        return self._post(f"/worker/attempts/{attempt_id}/finish", draft, FinishAnswer)

    def _post(
        self, path: str, draft: BaseModel, answer: type[_Answer], headers: Mapping[str, str] | None = None
    ) -> _Answer:
        body = draft.model_dump_json(by_alias=True).encode()
        headers = {"Content-Type": "application/json", **(headers or {})}
        return self._ask("POST", path, answer, content=body, headers=headers)

    def _ask(self, method: str, path: str, shape: type[_Answer], **options: Any) -> _Answer:
        headers = {**self._headers(), **options.pop("headers", {})}
        with self._trouble():
            answer = self._client.request(method, path, headers=headers, **options)
            _raise_for(answer)
            return shape.model_validate_json(answer.content)

    def _headers(self) -> dict[str, str]:
        token = self._read_token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _trouble(self) -> "_Trouble":
        return _Trouble()


class _Trouble:
    """Turn what the transport raises into the two kinds of trouble."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, httpx.HTTPError):
            raise AwayError(type(error).__name__) from error
        if isinstance(error, ValidationError):
            raise AwayError("an answer of an unknown shape") from error


def _raise_for(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    if answer.status_code >= 500 or answer.status_code in (408, 425, 429):
        raise AwayError(f"status {answer.status_code}")
    problem = _problem(answer.content)
    code = str(problem.get("code", "unknown"))
    raise RefusedError(answer.status_code, code, str(problem.get("detail", "")), _offset(code, problem))


def _problem(raw: bytes) -> dict[str, Any]:
    try:
        problem = json.loads(raw)
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _offset(code: str, problem: dict[str, Any]) -> int | None:
    if code != "journal_gap":
        return None
    try:
        return int(problem["errors"][0]["message"])
    except (KeyError, IndexError, TypeError, ValueError):
        return 0  # the known part is skipped by the server
