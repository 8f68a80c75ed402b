"""What can go wrong for a caller, as one tree of exceptions.

NightbookError
├── Unreachable           no answer came: wrong address, no server, a dead line
├── Unintelligible        an answer came, and not from a Nightbook that we know
├── UnreadableNotebook    the file is no notebook, or a file beside it is missing
├── Damaged               downloaded bytes do not match their SHA-256
├── WaitTimedOut          the run is not over yet
└── Refused               the server said no: `status`, `code`, `errors` by field
    ├── NotAuthenticated  401
    ├── NotAllowed        403
    ├── Missing           404, 410
    ├── Conflicting       409
    │   └── Stale         412, it changed since you read it
    ├── InvalidRequest    400, 413, 422 and what else a request can have wrong
    ├── TooManyRequests   429, `retry_after_seconds` says how long to wait
    └── ServerFault       5xx
"""

import httpx
from pydantic import ValidationError

from nightbook.schemas import Problem, ProblemError


class NightbookError(Exception):
    """Everything that this client raises; the message tells its reader what to do."""


class Unreachable(NightbookError):
    """No answer came."""


class Unintelligible(NightbookError):
    """The answer is none of Nightbook's."""


class UnreadableNotebook(NightbookError):
    """The file is no notebook, or a file that it needs beside it is missing."""


class Damaged(NightbookError):
    """What was downloaded does not match the SHA-256 under which it is kept."""


class WaitTimedOut(NightbookError, TimeoutError):
    """The run is not over yet."""


class Refused(NightbookError):
    """The server answered with a problem document."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        errors: list[ProblemError] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.errors = errors or []
        self.retry_after_seconds = retry_after_seconds


class NotAuthenticated(Refused):
    """No token, or one that is unknown, expired or revoked."""


class NotAllowed(Refused):
    """The token is good, and its scopes do not cover this."""


class Missing(Refused):
    """It does not exist, or is not the caller's to see."""


class Conflicting(Refused):
    """It is not in the state that the request needs."""


class Stale(Conflicting):
    """It changed since it was read: read it again, then edit."""


class InvalidRequest(Refused):
    """A value is wrong; `errors` names the fields."""


class TooManyRequests(Refused):
    """A limit was passed; try again after `retry_after_seconds`."""


class ServerFault(Refused):
    """The server, or a system behind it, failed."""


_BY_STATUS: dict[int, type[Refused]] = {
    401: NotAuthenticated,
    403: NotAllowed,
    404: Missing,
    409: Conflicting,
    410: Missing,
    412: Stale,
    429: TooManyRequests,
}


def refusal(response: httpx.Response) -> NightbookError:
    """The exception for an answer that is not a success; its body must have been read."""
    status = response.status_code
    kind = _BY_STATUS.get(status, ServerFault if status >= 500 else InvalidRequest)
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return _without_document(response, kind)
    return kind(
        problem.detail or problem.title,
        status=status,
        code=problem.code,
        errors=problem.errors,
        retry_after_seconds=retry_after(response),
    )


def _without_document(response: httpx.Response, kind: type[Refused]) -> NightbookError:
    """A proxy's word, or a stranger's."""
    status = response.status_code
    if status < 400 or kind is InvalidRequest:
        return Unintelligible(f"{response.url.host} answered {status} and does not speak Nightbook's API.")
    words = f"The server, or a proxy before it, answered {status} {response.reason_phrase}".rstrip()
    return kind(f"{words}.", status=status, code=f"http_{status}", retry_after_seconds=retry_after(response))


def retry_after(response: httpx.Response) -> float | None:
    """How long the server asks to wait, in seconds; null where it says nothing that we can read."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdecimal() and len(value) < 7 else None


def invalid_draft(error: ValidationError) -> InvalidRequest:
    """The same exception as from the server, for a draft that is refused before it is sent."""
    errors = [
        ProblemError(field=_field(found["loc"]), code=found["type"], message=found["msg"])
        for found in error.errors(include_input=False, include_url=False)
    ]
    return InvalidRequest("Some values are not valid.", status=422, code="invalid", errors=errors)


def _field(location: tuple[int | str, ...]) -> str:
    # pydantic repeats the trigger's kind behind the field.
    parts = [str(part) for part in location]
    if len(parts) > 1 and parts[0] == "trigger":
        del parts[1]
    return ".".join(parts)
