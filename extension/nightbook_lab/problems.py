"""Refusals of this half, told as problem documents like those of the API itself."""

from http import HTTPStatus
from typing import Any

import httpx
from tornado import web

PROBLEM = "application/problem+json"


class Refusal(web.HTTPError):
    """An answer that its reader can act on: a stable code, and words with a next step."""

    def __init__(self, status: int, code: str, detail: str, *, field: str | None = None) -> None:
        # Handing the words over as an argument keeps tornado from reading percent signs in them.
        super().__init__(status, "%s", detail)
        self.code = code
        self.detail = detail
        self.field = field
        self.retry_after_seconds: int | None = None


class NotConnected(Refusal):
    """JupyterLab has no token, or one that Nightbook does not take."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(status, code, f"{detail} {NEXT_STEP}")


NEXT_STEP = (
    "Start Nightbook with `nightbook up`, or make a token with `nightbook token create`, keep it in a file "
    "that only you can read, and name the file in NIGHTBOOK_TOKEN_FILE."
)


def document(error: BaseException | None, status: int) -> dict[str, Any]:
    """The problem document of *error*; of an error nobody foresaw only that it happened."""
    code, detail, field = _told(error, status)
    return {
        "type": f"/problems/{code}",
        "title": _title(status),
        "status": status,
        "detail": detail,
        "code": code,
        "instance": None,
        "errors": [{"field": field, "code": code, "message": detail}] if field else [],
    }


def _told(error: BaseException | None, status: int) -> tuple[str, str, str | None]:
    if isinstance(error, Refusal):
        return error.code, error.detail, error.field
    if status == HTTPStatus.FORBIDDEN:
        return "forbidden", "JupyterLab refused the request; reload the page and log in again.", None
    if status == HTTPStatus.NOT_FOUND:
        return "not_found", "There is nothing at this address.", None
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return "method_not_allowed", "This address does not take this method.", None
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return "bad_request", "The request cannot be read.", None
    return (
        "lab_extension_failed",
        "Nightbook's part of JupyterLab failed; the log of JupyterLab says why.",
        None,
    )


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"


def of_answer(answer: httpx.Response) -> Refusal:
    """The refusal that Nightbook answered with, to be told by a handler that speaks another shape."""
    try:
        told = answer.json()
        code, detail = str(told["code"]), str(told["detail"])
    except (ValueError, KeyError, TypeError):
        return not_json(answer)
    return Refusal(answer.status_code, code, detail)


def not_json(answer: httpx.Response) -> Refusal:
    """Something answered that is not Nightbook, or Nightbook behind a proxy in trouble."""
    words = f"What answers at Nightbook's address does not speak its API (status {answer.status_code})."
    return Refusal(502, "not_json", f"{words} Check NIGHTBOOK_API_URL.")
