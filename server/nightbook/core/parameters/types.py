"""One declared parameter, and the names that the platform fills in itself."""

import math
from dataclasses import dataclass
from typing import Any, Final

from nightbook.core.strict_json import MAX_INT

#: Given by us to a notebook that declares them; nobody has to.
SPECIAL: Final[frozenset[str]] = frozenset(
    {"nightbook_run_id", "nightbook_fire_time", "nightbook_schedule", "nightbook_previous_success"}
)


@dataclass(frozen=True)
class Parameter:
    """`type` is one of `bool int float str date datetime list dict any`; `item_type` that of a list's items.

    Where `editable` is false the notebook computes the value by `expression`, and `default` is None.
    `made_as` is what the notebook wants where JSON has no word for it: a class of Python for a text or a
    list's texts (`date datetime time Decimal Path`), or R's vector (`c`) for a list.
    """

    name: str
    type: str
    default: Any = None
    help: str = ""
    required: bool = False
    nullable: bool = False
    choices: tuple[Any, ...] | None = None
    editable: bool = True
    expression: str | None = None
    item_type: str | None = None
    made_as: str | None = None


def type_of(value: object) -> str:
    """The type that a default stands for, where no annotation tells."""
    for kind, name in (
        (bool, "bool"),
        (int, "int"),
        (float, "float"),
        (str, "str"),
        (list, "list"),
        (dict, "dict"),
    ):
        if isinstance(value, kind):
            return name
    return "any"


def as_json(value: object) -> Any:
    """*value* as JSON holds it (tuples as lists). Raises ValueError where JSON cannot."""
    match value:
        case None | bool():
            return value
        case int() if abs(value) <= MAX_INT:
            return value
        case float() if math.isfinite(value):
            return value
        case str():
            value.encode()  # UnicodeEncodeError, a ValueError, for lone surrogates
            return value
        case list() | tuple():
            return [as_json(item) for item in value]
        case dict() if all(isinstance(key, str) for key in value):
            return {key: as_json(item) for key, item in value.items()}
    raise ValueError("not a JSON value")
