"""The check of given values against what a notebook declares: all faults at once, each at its field."""

import decimal
import difflib
import keyword
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from typing import Any, Final

from nightbook.core.errors import FieldError, Invalid, TooLarge
from nightbook.core.parameters import languages
from nightbook.core.parameters.declarations import BUILTINS, MAX_PARAMETERS, Declared
from nightbook.core.parameters.types import Parameter
from nightbook.core.strict_json import MAX_INT, depth_exceeds, dumps_canonical

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 64
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATETIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_WORDS: Final = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "date": "a date such as 2026-11-23",
    "datetime": "a moment such as 2026-11-23T07:30:00Z",
    "list": "a list",
    "dict": "an object",
}


def check(declared: Declared, given: Mapping[str, Any]) -> dict[str, Any]:
    """The given values, each of the declared type. Defaults are left to the notebook.

    Raises Invalid with one error a field (`unknown_parameter`, `bad_name`, `missing_parameter`,
    `wrong_type`, `not_a_choice`, `out_of_range`, `too_deep`), or TooLarge (`too_many_parameters`,
    `parameters_too_large`).
    """
    if len(given) > MAX_PARAMETERS:
        raise TooLarge(
            "too_many_parameters", f"Give at most {MAX_PARAMETERS} parameters.", field="parameters"
        )
    by_name = {parameter.name: parameter for parameter in declared.parameters}
    errors = [error for name, value in given.items() for error in _faults(name, value, by_name, declared)]
    errors += [
        _missing(name) for name, parameter in by_name.items() if parameter.required and name not in given
    ]
    if errors:
        raise _refusal(errors)
    values = dict(given)
    if len(dumps_canonical(values)) > MAX_BYTES:
        raise TooLarge(
            "parameters_too_large",
            f"Keep all values together within {MAX_BYTES:,} bytes.",
            field="parameters",
        )
    return values


def _refusal(errors: list[FieldError]) -> Invalid:
    first = errors[0]
    message = (
        first.message if len(errors) == 1 else f"{len(errors)} parameters are not right. {first.message}"
    )
    return Invalid(first.code, message, errors=errors)


def _faults(
    name: str, value: Any, by_name: Mapping[str, Parameter], declared: Declared
) -> Iterator[FieldError]:
    if fault := _name_fault(name, declared.language):
        # The name itself is left out, for it may be anything.
        yield FieldError("parameters", "bad_name", fault)
    elif name not in by_name and not declared.unknown_allowed:
        yield FieldError(f"parameters.{name}", "unknown_parameter", _unknown(name, by_name, declared))
    else:
        parameter = by_name.get(name, Parameter(name, "any"))
        fault_of_value = _bounds_fault(value) or _value_fault(parameter, value, declared.language)
        if fault_of_value:
            code, words = fault_of_value
            yield FieldError(f"parameters.{name}", code, f"`{name}` {words}.")


def _name_fault(name: object, language: str) -> str | None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return "A parameter's name is 1 to 64 letters, digits and '_', and begins with a letter or '_'."
    if keyword.iskeyword(name) or (name.startswith("__") and name.endswith("__")):
        return "A parameter's name must not be a keyword, nor begin and end with '__'."
    if language == "python" and name in BUILTINS:
        return "A parameter must not be named like something of Python itself: rename it in the notebook."
    return languages.name_fault(language, name)


def _unknown(name: str, by_name: Mapping[str, Parameter], declared: Declared) -> str:
    if not declared.has_cell:
        return "The notebook has no parameters cell: tag the cell that sets the defaults with `parameters`."
    near = difflib.get_close_matches(name, by_name, n=1)
    if near:
        return f"The notebook declares no parameter of this name; did you mean `{near[0]}`?"
    if not by_name:
        return "The parameters cell declares nothing that can be given: assign the defaults in it."
    return f"The notebook declares no parameter of this name; it declares {_listed(list(by_name))}."


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _missing(name: str) -> FieldError:
    message = f"`{name}` has no default in the notebook: give a value."
    return FieldError(f"parameters.{name}", "missing_parameter", message)


# ---------------------------------------------------------------- values


def _bounds_fault(value: Any) -> tuple[str, str] | None:
    """What no type allows: too deep, numbers that are not kept as sent."""
    if depth_exceeds(value, MAX_DEPTH):
        return "too_deep", f"is nested more than {MAX_DEPTH} deep"
    waiting = [value]
    while waiting:
        item = waiting.pop()
        match item:
            case bool() | None | str():
                continue
            case int() if abs(item) <= MAX_INT:
                continue
            case float() if math.isfinite(item):
                continue
            case int() | float():
                return "out_of_range", "holds a number that is too large; send it as a text"
            case list():
                waiting.extend(item)
            case dict() if all(isinstance(key, str) for key in item):
                waiting.extend(item.values())
            case _:
                return "wrong_type", "must be a JSON value"
    return None


def _value_fault(parameter: Parameter, value: Any, language: str) -> tuple[str, str] | None:
    if fault := languages.value_fault(language, value):
        return "wrong_type", fault
    if value is None:
        allowed = parameter.nullable or parameter.type == "any"
        return None if allowed else ("wrong_type", f"must be {_wanted(parameter)}, not null")
    if parameter.choices is not None:
        chosen = any(type(value) is type(choice) and value == choice for choice in parameter.choices)
        return None if chosen else ("not_a_choice", f"must be one of {_choices(parameter.choices)}")
    if not _fits(parameter.type, value):
        return "wrong_type", f"must be {_wanted(parameter)}"
    if parameter.item_type and not all(_fits(parameter.item_type, item) for item in value):
        return "wrong_type", f"must be a list in which each item is {_WORDS[parameter.item_type]}"
    items = value if isinstance(value, list) else [value]
    if parameter.made_as == "c" and not all(isinstance(item, bool | int | float | str) for item in items):
        return "wrong_type", "must be a list of texts, numbers or truth values, as the vector of R that it is"
    maker = _MADE.get(parameter.made_as or "")
    if maker and not all(_is_iso(maker[0], item) for item in items):
        return "wrong_type", f"must be {maker[1]}"
    return None


def _fits(kind: str, value: Any) -> bool:
    match kind:
        case "bool":
            return isinstance(value, bool)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "str":
            return isinstance(value, str)
        case "date":
            return (
                isinstance(value, str) and bool(_DATE.fullmatch(value)) and _is_iso(date.fromisoformat, value)
            )
        case "datetime":
            return (
                isinstance(value, str)
                and bool(_DATETIME.fullmatch(value))
                and _is_iso(datetime.fromisoformat, value)
            )
        case "list":
            return isinstance(value, list)
        case "dict":
            return isinstance(value, dict)
    return True


def _finite(text: str) -> None:
    if not decimal.Decimal(text).is_finite():
        raise ValueError


#: Texts of which the notebook wants something else made: how to try it, and the words.
_MADE: Final[Mapping[str, tuple[Callable[[str], object], str]]] = {
    "time": (time.fromisoformat, "a time of day such as 07:30:00"),
    "Decimal": (_finite, "a decimal number as a text, such as 12.50"),
}


def _is_iso(maker: Callable[[str], object], value: str) -> bool:
    try:
        maker(value)
    except (ValueError, decimal.InvalidOperation):
        return False
    return True


def _wanted(parameter: Parameter) -> str:
    return _WORDS.get(parameter.type, "given")


def _choices(choices: tuple[Any, ...]) -> str:
    shown = ", ".join(dumps_canonical(choice).decode() for choice in choices[:10])
    return shown if len(choices) <= 10 else f"{shown} and {len(choices) - 10} more"
