"""What a notebook declares in its cell tagged `parameters`, in the language of its kernel."""

import builtins
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from nightbook.core.notebooks import PARAMETERS_TAG, Cell, Finding, Notebook
from nightbook.core.parameters import languages, plain, python
from nightbook.core.parameters.types import SPECIAL, Parameter, type_of
from nightbook.core.python_source import NotPythonError

BUILTINS: Final = frozenset(dir(builtins))
MAX_PARAMETERS: Final = 200
#: Languages whose cells papermill fills in and we do not read.
_UNREAD: Final = frozenset(
    {
        "scala",
        "julia",
        "matlab",
        "c#",
        "f#",
        ".net-csharp",
        ".net-fsharp",
        ".net-powershell",
        "pwsh",
        "sparkmagic",
    }
)
_READERS: Final[Mapping[str, Callable[[str], list[Parameter]]]] = {
    "python": python.parameters,
    "r": plain.r_parameters,
    "bash": plain.bash_parameters,
}


@dataclass(frozen=True)
class Declared:
    """What may be given. `unknown_allowed` where we cannot read the cell's language."""

    parameters: tuple[Parameter, ...]
    has_cell: bool
    language: str
    unknown_allowed: bool = False
    findings: tuple[Finding, ...] = ()


def declared(notebook: Notebook, language: str | None = None) -> Declared:
    """Read the parameters cell; *language* is that of a kernel chosen instead of the notebook's own."""
    spoken = (language or notebook.language or "python").lower()
    tagged = [cell for cell in notebook.cells if PARAMETERS_TAG in cell.tags]
    if not tagged:
        return Declared((), has_cell=False, language=spoken)
    if tagged[0].kind != "code":
        message = (
            "The tag `parameters` is on a cell without code: move it to the cell that sets the defaults."
        )
        return Declared(
            (), False, spoken, findings=(Finding("parameters", "error", tagged[0].index, message),)
        )
    doubled = _doubled(tagged)
    if spoken in _READERS:
        parameters, findings = _parameters(tagged[0], spoken)
        return Declared(parameters, True, spoken, findings=(*doubled, *findings))
    if spoken in _UNREAD:
        message = "Cells in this language are not read: any name may be given, and its value is not checked."
        unread = Finding("parameters", "note", tagged[0].index, message)
        return Declared((), True, spoken, unknown_allowed=True, findings=(*doubled, unread))
    message = "Notebooks in this language cannot take parameters: remove the tag, or use another kernel."
    return Declared(
        (), True, spoken, findings=(*doubled, Finding("parameters", "warning", tagged[0].index, message))
    )


def _doubled(tagged: list[Cell]) -> tuple[Finding, ...]:
    if len(tagged) < 2:
        return ()
    message = "More than one cell has the tag `parameters`; the first counts. Remove the tag here."
    return (Finding("parameters", "warning", tagged[1].index, message),)


def _parameters(cell: Cell, language: str) -> tuple[tuple[Parameter, ...], list[Finding]]:
    try:
        found = _READERS[language](cell.source)
    except NotPythonError as error:
        message = f"The parameters cell cannot be read as Python: look at its line {error.line}."
        return (), [Finding("parameters", "error", cell.index, message)]
    findings = []
    if len(found) > MAX_PARAMETERS:
        message = (
            f"The cell sets more than {MAX_PARAMETERS} names; only the first {MAX_PARAMETERS} can be given."
        )
        findings.append(Finding("parameters", "warning", cell.index, message))
    offered = [parameter for parameter in found[:MAX_PARAMETERS] if may_be_named(parameter.name, language)]
    if shadowing := [
        parameter.name for parameter in found if parameter.name in BUILTINS and language == "python"
    ]:
        message = f"`{shadowing[0]}` is a name of Python itself and cannot be given from outside: rename it."
        findings.append(Finding("parameters", "warning", cell.index, message))
    findings.extend(_unnameable(found, language, cell.index))
    findings.extend(_contradictions(offered, cell.index))
    return tuple(_not_required_if_special(parameter) for parameter in offered), findings


def may_be_named(name: str, language: str) -> bool:
    """Say whether a parameter may have this (declared) name."""
    is_dunder = name.startswith("__") and name.endswith("__")
    fits = name.isascii() and name.isidentifier() and len(name) <= 64
    if language == "python" and name in BUILTINS:
        return False
    return fits and not is_dunder and languages.name_fault(language, name) is None


def _unnameable(parameters: list[Parameter], language: str, cell: int) -> list[Finding]:
    """Names that bash or R allow, or give a meaning of their own, and no run can be given."""
    if language == "python":
        return []
    names = [parameter.name for parameter in parameters if not may_be_named(parameter.name, language)]
    if not names:
        return []
    message = f"`{names[0][:64]}` cannot be given from outside: name it with letters, digits and '_'."
    if fault := languages.name_fault(language, names[0]):
        message = f"`{names[0][:64]}` cannot be given from outside. {fault}"
    return [Finding("parameters", "warning", cell, message)]


def _contradictions(parameters: list[Parameter], cell: int) -> list[Finding]:
    return [
        Finding(
            "parameters",
            "warning",
            cell,
            f"The default of `{parameter.name}` is not of the type that it declares.",
        )
        for parameter in parameters
        if parameter.default is not None and not _default_fits(parameter)
    ]


def _default_fits(parameter: Parameter) -> bool:
    if parameter.choices is not None:
        return parameter.default in parameter.choices
    kind = type_of(parameter.default)
    allowed = {"any": {kind}, "float": {"float", "int"}, "date": {"str"}, "datetime": {"str"}}
    return kind in allowed.get(parameter.type, {parameter.type})


def _not_required_if_special(parameter: Parameter) -> Parameter:
    return replace(parameter, required=False) if parameter.name in SPECIAL else parameter
