"""Query parameters: one that a route does not know is refused, since a filter that is ignored tells lies."""

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant

from nightbook.api.problems import MAX_ERRORS, shown
from nightbook.core.errors import FieldError, Invalid


def refuse_unknown(request: Request) -> None:
    """Raises Invalid for query parameters that neither the route nor its dependencies declare."""
    known = set(_declared(request.scope["route"].dependant))
    strange = [
        key for key, value in request.query_params.items() if key not in known and not _is_stamp(key, value)
    ]
    if strange:
        words = "is not a known query parameter; remove it"
        errors = [FieldError(shown(key), "extra_forbidden", words) for key in strange[:MAX_ERRORS]]
        raise Invalid("extra_forbidden", f"{errors[0].field}: {words}", errors=errors)


def _declared(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        yield field.alias
    for inner in dependant.dependencies:
        yield from _declared(inner)


def _is_stamp(key: str, value: str) -> bool:
    # JupyterLab adds `?1700000000000` to what it asks for, against caches.
    return key.isdecimal() and not value
