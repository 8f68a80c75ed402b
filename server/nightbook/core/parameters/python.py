"""The parameters of a Python cell: types by annotation, defaults by literal, help by comment."""

import ast
import datetime
import decimal
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from nightbook.core import python_source
from nightbook.core.parameters.types import Parameter, as_json, type_of

_MAX_EXPRESSION: Final = 500
_MAX_HELP: Final = 500
_TYPES: Final = {
    "bool": "bool", "int": "int", "float": "float", "str": "str", "date": "date", "datetime": "datetime",
    "list": "list", "List": "list", "Sequence": "list", "Iterable": "list", "tuple": "list", "Tuple": "list",
    "set": "list", "Set": "list", "dict": "dict", "Dict": "dict", "Mapping": "dict",
    # These travel as text, and the engine turns them back.
    "Decimal": "str", "time": "str", "Path": "str",
}  # fmt: skip
_TYPE_COMMENT: Final = "type:"
#: Classes that a JSON text is turned into, see `nightbook_executor.translators`.
_MADE: Final = frozenset({"date", "datetime", "time", "Decimal", "Path"})


@dataclass(frozen=True)
class _Hint:
    """What an annotation says."""

    type: str = "any"
    nullable: bool = False
    choices: tuple[Any, ...] | None = None
    item_type: str | None = None
    made_as: str | None = None
    help: str = ""


def parameters(source: str) -> list[Parameter]:
    """Every name that the cell assigns at its top level. Raises NotPythonError."""
    tree = python_source.parse(source)
    comments = _comments(source)
    found: dict[str, Parameter] = {}
    for name, annotation, value, lines in _assignments(tree):
        comment = next((comments[line] for line in reversed(lines) if line in comments), "")
        found[name] = _parameter(name, annotation, value, comment, source)
    return list(found.values())


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr | None, ast.expr | None, range]]:
    for statement in tree.body:
        lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                yield name, annotation, value, lines
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    for name, part in _unpacked(target, value):
                        yield name, None, part, lines


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, value
        case ast.Tuple(elts=names), ast.Tuple(elts=values) if len(names) == len(values):
            for one, part in zip(names, values, strict=True):
                if isinstance(one, ast.Name):
                    yield one.id, part


def _comments(source: str) -> dict[int, str]:
    """Comments that follow code, by line. A cell with magics is read as far as tokens can be told."""
    comments: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip():
                comments[token.start[0]] = token.string.lstrip("#").strip()
    except (tokenize.TokenError, SyntaxError):
        pass
    return comments


def _parameter(
    name: str, annotation: ast.expr | None, value: ast.expr | None, comment: str, source: str
) -> Parameter:
    hint, told = _spoken_hint(annotation, comment)
    parameter = Parameter(
        name, hint.type, help=(told or hint.help)[:_MAX_HELP], nullable=hint.nullable,
        choices=hint.choices, item_type=hint.item_type, made_as=hint.made_as,
    )  # fmt: skip
    if value is None or (isinstance(value, ast.Constant) and value.value is ...):
        return replace(parameter, required=True)
    try:
        default = as_json(_value(value))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, decimal.InvalidOperation):
        shown = (ast.get_source_segment(source, value) or "")[:_MAX_EXPRESSION]
        return replace(parameter, editable=False, expression=shown)
    if annotation is None and hint.type == "any":
        made = _constructed(value)
        parameter = replace(parameter, type=_TYPES[made] if made else type_of(default), made_as=made)
    return replace(parameter, default=default, nullable=parameter.nullable or default is None)


def _spoken_hint(annotation: ast.expr | None, comment: str) -> tuple[_Hint, str]:
    """The annotation, else papermill's `# type: int words of help`."""
    if annotation is not None:
        return _hint(annotation, depth=0), comment
    if not comment.startswith(_TYPE_COMMENT):
        return _Hint(), comment
    spoken, _, told = comment.removeprefix(_TYPE_COMMENT).strip().partition(" ")
    return _text_hint(spoken, depth=0), told.strip()


def _text_hint(text: str, depth: int) -> _Hint:
    try:
        return _hint(ast.parse(text, mode="eval").body, depth=depth)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _Hint()


def _hint(node: ast.expr, *, depth: int) -> _Hint:
    if depth > 20:
        return _Hint()
    match node:
        case ast.Constant(value=str(text)):
            return _text_hint(text, depth + 1)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _Hint(_TYPES.get(name, "any"), made_as=name if name in _MADE else None)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union([left, right], depth)
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inside):
            return _generic(name, inside.elts if isinstance(inside, ast.Tuple) else [inside], depth)
    return _Hint()


def _generic(name: str, inside: list[ast.expr], depth: int) -> _Hint:
    match name:
        case "Optional" | "Union":
            hint = _union(inside, depth)
            return replace(hint, nullable=hint.nullable or name == "Optional")
        case "Literal":
            return _literal(inside)
        case "Annotated" if inside:
            words = [
                part.value
                for part in inside[1:]
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            ]
            return replace(_hint(inside[0], depth=depth + 1), help=" ".join(words))
        case "Final" if inside:
            return _hint(inside[0], depth=depth + 1)
    kind = _TYPES.get(name, "any")
    if kind != "list" or not inside:
        return _Hint(kind)
    item = _hint(inside[0], depth=depth + 1)
    known = item.type in {"bool", "int", "float", "str", "date", "datetime"} and not item.nullable
    return _Hint(kind, item_type=item.type if known else None, made_as=item.made_as if known else None)


def _union(members: list[ast.expr], depth: int) -> _Hint:
    nothing = [part for part in members if isinstance(part, ast.Constant) and part.value is None]
    hints = [_hint(part, depth=depth + 1) for part in members if part not in nothing]
    nullable = bool(nothing) or any(hint.nullable for hint in hints)
    kinds = {hint.type for hint in hints}
    if len(hints) == 1:
        return replace(hints[0], nullable=nullable)
    if kinds == {"int", "float"}:
        return _Hint("float", nullable=nullable)
    return _Hint(kinds.pop() if len(kinds) == 1 else "any", nullable=nullable)


def _literal(members: list[ast.expr]) -> _Hint:
    try:
        values = [as_json(ast.literal_eval(member)) for member in members]
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return _Hint()
    choices = tuple(value for value in values if value is not None)
    kinds = {type_of(value) for value in choices}
    return _Hint(
        kinds.pop() if len(kinds) == 1 else "any", nullable=len(choices) < len(values), choices=choices
    )


# ---------------------------------------------------------------- defaults that are dates and decimals


def _value(node: ast.expr) -> object:
    kind = _constructed(node)
    if kind is None or not isinstance(node, ast.Call):
        return ast.literal_eval(node)
    arguments = [ast.literal_eval(argument) for argument in node.args]
    by_name = {word.arg: ast.literal_eval(word.value) for word in node.keywords if word.arg}
    from_text = isinstance(node.func, ast.Attribute) and node.func.attr == "fromisoformat"
    if kind == "Decimal":
        return str(decimal.Decimal(*arguments, **by_name))
    maker: Any = datetime.date if kind == "date" else datetime.datetime
    return (maker.fromisoformat if from_text else maker)(*arguments, **by_name).isoformat()


def _constructed(node: ast.expr) -> str | None:
    """The class of `date`, `datetime` or `Decimal` that a call makes; None for all else."""
    if not isinstance(node, ast.Call):
        return None
    maker = node.func
    if isinstance(maker, ast.Attribute) and maker.attr == "fromisoformat":
        maker = maker.value
    name = maker.id if isinstance(maker, ast.Name) else maker.attr if isinstance(maker, ast.Attribute) else ""
    return name if name in {"date", "datetime", "Decimal"} else None
