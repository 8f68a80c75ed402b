"""The API for the classes of this package: JSON in, JSON out, refusals as jupyter-scheduler's own error."""

import functools
import json
from typing import Any
from urllib.parse import urlencode

from jupyter_scheduler.exceptions import IdempotencyTokenError, SchedulerError

from nightbook_lab.problems import Refusal
from nightbook_lab.upstream import Upstream, configured_upstream


@functools.cache
def shared_upstream() -> Upstream:
    """One client for the process; where and as whom is read from the environment, as the extension does."""
    return configured_upstream()


async def ask(
    upstream: Upstream, method: str, path: str, body: Any = None, *, key: str | None = None, **query: Any
) -> Any:
    """The JSON of an answer, or None of an empty one. Raises SchedulerError in the server's words."""
    answer = await _answer(upstream, method, path, body, key, query)
    return answer.json() if answer.content else None


async def read(upstream: Upstream, path: str) -> bytes:
    content: bytes = (await _answer(upstream, "GET", path, None, None, {})).content
    return content


async def _answer(
    upstream: Upstream, method: str, path: str, body: Any, key: str | None, query: dict[str, Any]
) -> Any:
    headers = {} if body is None else {"Content-Type": "application/json"}
    if key:
        headers["Idempotency-Key"] = key
    asked = {name: value for name, value in query.items() if value is not None}
    content = b"" if body is None else json.dumps(body).encode()
    try:
        answer = await upstream.ask(
            method, path, query=urlencode(asked, doseq=True), headers=headers, content=content
        )
    except Refusal as error:
        raise SchedulerError(str(error)) from error
    if answer.is_success:
        return answer
    problem = _problem(answer)
    if problem.get("code") == "idempotency_conflict":
        raise IdempotencyTokenError(key or "")
    raise SchedulerError(_sentence(problem, answer.status_code))


def _problem(answer: Any) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _sentence(problem: dict[str, Any], status: int) -> str:
    fields = [f"{one['field']}: {one['message']}" for one in problem.get("errors") or []]
    words = problem.get("detail") or problem.get("title") or f"Nightbook answered {status}."
    return " ".join([words, *fields])
