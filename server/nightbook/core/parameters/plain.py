"""The parameters of bash and R cells, line by line: an assignment of a literal, and the comment behind it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, NoReturn

from nightbook.core.parameters.types import Parameter, as_json, type_of

_MAX_LINE: Final = 4_000
_MAX_SHOWN: Final = 500
_WHOLE: Final = re.compile(r"-?(0|[1-9]\d{0,17})")
_DECIMAL: Final = re.compile(r"-?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d{1,3})?")
_POINTED: Final = re.compile(r"-?(0|[1-9]\d*)\.\d+")
_BASH_EXPANDS: Final = re.compile(r"""[$`*?\[~\\{}'"()<>|&;\s]""")
_BASH_ESCAPE: Final = re.compile(r'\\([\\"$`])')
_R_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}


class _ComputedError(Exception):
    """The value is not a literal."""


@dataclass(frozen=True)
class _Grammar:
    """How a language writes an assignment. `escaping` are the quotes in which a backslash counts."""

    assignment: re.Pattern[str]
    literal: Callable[[str], Any]
    kind: Callable[[str, object], str]
    escaping: str
    comment_may_touch: bool


def bash_parameters(source: str) -> list[Parameter]:
    """`name=value` lines; what the shell would expand is shown as an expression."""
    return list(_read(source, _BASH))


def r_parameters(source: str) -> list[Parameter]:
    """`name <- value` and `name = value` lines. A number without L is a double."""
    return list(_read(source, _R))


def _read(source: str, grammar: _Grammar) -> Iterator[Parameter]:
    found: dict[str, Parameter] = {}
    for line in source.splitlines():
        assignment = grammar.assignment.fullmatch(line[:_MAX_LINE])
        if assignment:
            found[assignment[1]] = _parameter(assignment[1], assignment[2], grammar)
    yield from found.values()


def _parameter(name: str, behind: str, grammar: _Grammar) -> Parameter:
    code, comment = _code_and_comment(behind, grammar)
    shown = code.strip().removesuffix(";").rstrip()
    parameter = Parameter(name, "any", help=comment.strip()[:_MAX_SHOWN])
    try:
        default = as_json(grammar.literal(shown))
    except (_ComputedError, ValueError):
        return replace(parameter, editable=False, expression=shown[:_MAX_SHOWN])
    made = "c" if grammar is _R and isinstance(default, list) else None
    kind = grammar.kind(shown, default)
    return replace(parameter, type=kind, default=default, nullable=default is None, made_as=made)


def _code_and_comment(text: str, grammar: _Grammar) -> tuple[str, str]:
    quote, escaped = "", False
    for place, char in enumerate(text):
        if escaped:
            escaped = False
        elif quote:
            escaped = char == "\\" and quote in grammar.escaping
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "#" and (grammar.comment_may_touch or text[place - 1 : place] in {" ", "\t", ";", ""}):
            return text[:place], text[place + 1 :]
    return text, ""


def _refuse() -> NoReturn:
    raise _ComputedError


# ---------------------------------------------------------------- bash


def _bash_literal(text: str) -> Any:
    if text.startswith("(") and text.endswith(")"):
        return [_bash_scalar(item) for item in _words(text[1:-1])]
    return _bash_scalar(text)


def _words(inside: str) -> Iterator[str]:
    """The words of an array as they are written; what stands in quotes is one."""
    word, quote, escaped = "", "", False
    for char in inside:
        if not quote and not escaped and char in " \t":
            if word:
                yield word
            word = ""
            continue
        word += char
        if escaped:
            escaped = False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
    if word:
        yield word


def _bash_scalar(text: str) -> Any:
    if len(text) > 1 and text[0] == text[-1] == "'" and "'" not in text[1:-1]:
        return text[1:-1]
    if len(text) > 1 and text[0] == text[-1] == '"':
        inside = text[1:-1]
        # An escaped character is no expansion; what is left after the escapes may be.
        if re.search(r'[$`"\\]', re.sub(r'\\[\\"$`]', "", inside)):
            _refuse()
        return _BASH_ESCAPE.sub(r"\1", inside)
    if _BASH_EXPANDS.search(text):
        _refuse()
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _POINTED.fullmatch(text) else text


_BASH: Final = _Grammar(
    assignment=re.compile(r"[ \t]*(?:export[ \t]+|readonly[ \t]+)?([A-Za-z_]\w*)=(.*)", re.ASCII),
    literal=_bash_literal,
    kind=lambda _shown, default: type_of(default),
    escaping='"',
    comment_may_touch=False,
)


# ---------------------------------------------------------------- R


def _r_literal(text: str) -> Any:
    if text.startswith("c(") and text.endswith(")"):
        return [_r_scalar(item) for item in _r_items(text[2:-1])]
    return _r_scalar(text)


def _r_items(inside: str) -> Iterator[str]:
    quote, escaped, began = "", False, 0
    for place, char in enumerate(inside):
        if escaped:
            escaped = False
        elif quote:
            escaped = char == "\\"
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == ",":
            yield inside[began:place].strip()
            began = place + 1
    yield inside[began:].strip()


def _r_scalar(text: str) -> Any:
    constants = {"TRUE": True, "T": True, "FALSE": False, "F": False, "NULL": None, "NA": None}
    if text in constants:
        return constants[text]
    if len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]:
        return _r_text(text[1:-1], quote=text[0])
    if text.endswith("L") and _WHOLE.fullmatch(text[:-1]):
        return int(text[:-1])
    if _DECIMAL.fullmatch(text):
        return int(text) if _WHOLE.fullmatch(text) else float(text)
    return _refuse()


def _r_text(inside: str, *, quote: str) -> str:
    if quote in re.sub(r"\\.", "", inside):
        _refuse()
    return re.sub(r"\\(.)", lambda match: _R_ESCAPES.get(match[1]) or _refuse(), inside)


_R: Final = _Grammar(
    assignment=re.compile(r"[ \t]*([A-Za-z.][\w.]*)[ \t]*(?:<-|=(?!=))[ \t]*(.*)", re.ASCII),
    literal=_r_literal,
    kind=lambda shown, default: "float" if _DECIMAL.fullmatch(shown) else type_of(default),
    escaping="'\"",
    comment_may_touch=True,
)
