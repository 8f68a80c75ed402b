"""The faults that a person can mend, each with a stable code, a field and a next step.

    Fault
    ├── Invalid        422  a value is wrong
    │   └── TooLarge   413  a value is larger than a limit
    ├── Unauthenticated 401  nobody is asking
    ├── Forbidden      403  the caller may see it, and may not do it
    ├── NotFound       404  absent, or not the caller's to see
    ├── Conflict       409  it is not in the state that the act needs
    ├── Stale          412  it changed since the caller read it
    ├── NotOffered     501  this server is not made for it
    └── Unavailable    503  a system behind us is away; try again

The API turns each into a problem document; nothing else in the house knows HTTP.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FieldError:
    """One wrong field: where it is (dotted path), a stable code, and words."""

    field: str
    code: str
    message: str


class Fault(Exception):
    """A refusal that its reader can act on."""

    status = 400
    title = "The request was refused"

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        errors: Sequence[FieldError] = (),
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.errors = tuple(errors) or ((FieldError(field, code, message),) if field else ())
        self.retry_after_seconds = retry_after_seconds


class Invalid(Fault):
    status = 422
    title = "A value is not valid"


class TooLarge(Invalid):
    status = 413
    title = "Larger than the limit"


class Unauthenticated(Fault):
    status = 401
    title = "Not authenticated"


class Forbidden(Fault):
    status = 403
    title = "Not allowed"


class NotFound(Fault):
    status = 404
    title = "Not found"


class Conflict(Fault):
    status = 409
    title = "Not possible in this state"


class Stale(Fault):
    status = 412
    title = "Changed since you read it"


class NotOffered(Fault):
    status = 501
    title = "Not offered by this server"


class Unavailable(Fault):
    status = 503
    title = "Temporarily unavailable"
