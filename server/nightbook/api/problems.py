"""Problem documents: every refusal in one shape (RFC 9457), with a stable code and a next step.

Nothing that was sent comes back in an answer: no values, no paths, and of field names only plain ones.
A user's mistake is a 4xx, a system that is away a 503; what is left is ours, a 500 with an id to look for.
"""

import json
import logging
import re
import typing
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic_core.core_schema import ErrorType
from sqlalchemy import exc as database
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from nightbook.core.clock import new_id
from nightbook.core.errors import Conflict, Fault, FieldError, Invalid, Unavailable

log = logging.getLogger("nightbook.api")

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 20
_RETRY_SECONDS = 5

_PLAIN_FIELD = re.compile(r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")
_PYDANTIC_CODES = frozenset(typing.get_args(ErrorType))
_PLACES = {"body", "query", "path", "header", "cookie"}


# ---------------------------------------------------------------- refusals that only HTTP knows


class WrongMethod(Fault):
    status = 405
    title = "Method not allowed"


class TooSlow(Fault):
    status = 408
    title = "The body came too slowly"


class UnsupportedMedia(Fault):
    status = 415
    title = "Unsupported media type"


class RangeRefused(Fault):
    status = 416
    title = "Range not satisfiable"


class TooManyHeaders(Fault):
    status = 431
    title = "Headers too large"


class Internal(Fault):
    status = 500
    title = "Our mistake"


_OF_STATUS: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "The request cannot be read."),
    401: ("unauthenticated", "Send a token as `Authorization: Bearer nb_…`."),
    403: ("forbidden", "You may not do this."),
    404: ("not_found", "There is nothing here, or it is not yours to see."),
    405: ("method_not_allowed", "This address does not take this method."),
    413: ("too_large", "The body is larger than the limit; see /api/v1/limits."),
}


# ---------------------------------------------------------------- documents


def request_id(scope: Scope) -> str:
    """The id of this request, made on first use."""
    state = scope.setdefault("state", {})
    return str(state.setdefault("request_id", str(new_id())))


def response(fault: Fault, scope: Scope, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that tells *fault* to the caller."""
    return Response(
        json.dumps(_document(fault, request_id(scope)), allow_nan=False),
        status_code=fault.status,
        media_type=MEDIA_TYPE,
        headers={**_headers(fault), **(headers or {})},
    )


def _document(fault: Fault, identity: str) -> dict[str, object]:
    errors = fault.errors[:MAX_ERRORS]
    return {
        "type": f"/problems/{fault.code}",
        "title": fault.title,
        "status": fault.status,
        "detail": fault.message,
        "code": fault.code,
        "instance": f"urn:uuid:{identity}",
        "errors": [{"field": e.field, "code": e.code, "message": e.message} for e in errors],
    }


def _headers(fault: Fault) -> dict[str, str]:
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    if fault.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if fault.retry_after_seconds is not None:
        headers["Retry-After"] = str(fault.retry_after_seconds)
    return headers


# ---------------------------------------------------------------- handlers


def install(app: FastAPI) -> None:
    """Answer every exception of *app* with a problem document."""
    app.add_exception_handler(Fault, _on_fault)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    for away in (database.OperationalError, database.InterfaceError, database.TimeoutError):
        app.add_exception_handler(away, _on_database_away)
    app.add_exception_handler(database.IntegrityError, _on_race)
    for unfit in (database.DataError, OverflowError):
        app.add_exception_handler(unfit, _on_unfit_value)
    app.add_exception_handler(Exception, _on_anything_else)


async def _on_fault(request: Request, error: Exception) -> Response:
    assert isinstance(error, Fault)
    return response(error, request.scope)


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return response(invalid(error.errors(), error.body), request.scope)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, words = _OF_STATUS.get(error.status_code, ("refused", "The request was refused."))
    fault = Fault(code, words)
    fault.status = error.status_code
    fault.title = HTTPStatus(error.status_code).phrase
    allow = (error.headers or {}).get("Allow")
    return response(fault, request.scope, {"Allow": allow} if allow else None)


async def _on_database_away(request: Request, error: Exception) -> Response:
    log.warning("database.unavailable request_id=%s error=%s", request_id(request.scope), _kind(error))
    fault = Unavailable(
        "database_unavailable",
        "The database does not answer or is busy; try again in a few seconds.",
        retry_after_seconds=_RETRY_SECONDS,
    )
    return response(fault, request.scope)


async def _on_race(request: Request, error: Exception) -> Response:
    log.warning("database.conflict request_id=%s error=%s", request_id(request.scope), _kind(error))
    words = "Another request changed the same thing at the same moment; read it again and repeat."
    return response(Conflict("conflict", words), request.scope)


async def _on_unfit_value(request: Request, error: Exception) -> Response:
    log.warning("request.unfit_value request_id=%s error=%s", request_id(request.scope), _kind(error))
    return response(Invalid("out_of_range", "A value is outside the range that can be kept."), request.scope)


async def _on_anything_else(request: Request, error: Exception) -> Response:
    return internal(request.scope, error)


def internal(scope: Scope, error: Exception) -> Response:
    """The answer to an error that nobody foresaw; only the log tells what it was."""
    log.error("request.failed request_id=%s error=%s", request_id(scope), _kind(error), exc_info=error)
    words = f"Something broke on our side; the log has it under {request_id(scope)}."
    return response(Internal("internal", words), scope)


def _kind(error: Exception) -> str:
    # The text of a database error holds statements and values, so only the classes are logged.
    origin = getattr(error, "orig", None)
    return f"{type(error).__name__}/{type(origin).__name__}" if origin else type(error).__name__


# ---------------------------------------------------------------- what pydantic found


def invalid(found: Sequence[Mapping[str, typing.Any]], sent: object = None) -> Invalid:
    """One fault for all that pydantic found; *sent* is the parsed body, to tell fields from union tags."""
    errors = [_field_error(error, sent) for error in found[:MAX_ERRORS]]
    codes = {error.code for error in errors}
    first = errors[0]
    more = f" ({len(found) - 1} more)" if len(found) > 1 else ""
    return Invalid(
        first.code if len(codes) == 1 else "invalid",
        f"{first.field}: {first.message}{more}",
        errors=errors,
    )


def _field_error(error: Mapping[str, typing.Any], sent: object) -> FieldError:
    code = str(error["type"])
    context = error.get("ctx") or {}
    parts = _field_parts(error["loc"], sent, is_missing=code == "missing")
    if code.startswith("union_tag"):
        parts.append(str(context.get("discriminator", "")).strip("'"))
    if code not in _PYDANTIC_CODES and "field" in context:
        parts.append(str(context["field"]))
    return FieldError(".".join(filter(None, parts)) or "body", code, _words(code, context, str(error["msg"])))


def _field_parts(where: Sequence[str | int], sent: object, *, is_missing: bool) -> list[str]:
    """The path of a field as its sender knows it: without the place, union tags and validators' names."""
    if not where or where[0] not in _PLACES:
        return [shown(part) for part in where]
    if where[0] != "body":
        return [shown(part) for part in where[1:]]
    kept: list[str] = []
    here = sent
    for part in where[1:]:
        if _holds(here, part):
            here = here[part]  # type: ignore[index]
            kept.append(shown(part))
    return [*kept, shown(where[-1])] if is_missing and len(where) > 1 else kept


def _holds(value: object, part: str | int) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def shown(part: str | int) -> str:
    """The name of a field as it may be repeated: what a stranger chose is an echo unless it is plain."""
    return str(part) if isinstance(part, int) or _PLAIN_FIELD.match(part) else "*"


_WORDS: Mapping[str, str] = {
    "missing": "is required",
    "extra_forbidden": "is not a known field; remove it",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be a string",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "invalid_key": "must have strings as keys",
    "uuid_type": "must be a UUID",
    "uuid_parsing": "must be a UUID",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "is required",
    "value_error": "{error}",
    "assertion_error": "{error}",
}


def _words(code: str, context: Mapping[str, object], message: str) -> str:
    if code not in _PYDANTIC_CODES:
        return message  # our own validators speak for themselves
    words = _WORDS.get(code, "is not valid")
    for key in re.findall(r"{(\w+)}", words):
        words = words.replace(f"{{{key}}}", str(context.get(key, "…")))
    return words
