"""What is likely to go wrong at night, told at the button: one small rule a function, each with a next step.

`error` will fail, `warning` may fail or surprise, `note` is good to know. The facts of the sent form
(outputs, execution order) are there only when the notebook was read as sent.
"""

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from nightbook.core import imports, python_source
from nightbook.core.notebooks import Cell, Finding, Notebook
from nightbook.core.parameters import declared
from nightbook.core.python_source import NotPythonError
from nightbook.core.secret_patterns import holds_secret

_MAX_SCANNED: Final = 200_000
_HOME_PATH: Final = re.compile(
    r"(?:/(?:home|Users|root)/|~/|[A-Za-z]:[\\/]|\\\\[\w.-]{2,64}\\)[\w.@+-][^\n\"'<>|*?]{0,300}"
)
_QUOTED: Final = re.compile(r"\"([^\"\n]{2,300})\"|'([^'\n]{2,300})'")
_INSTALL_WORDS: Final = (
    r"(?:\S*python[\d.]*[ \t]+-m[ \t]+)?(?:uv[ \t]+)?(?:pip[\d.]*|conda|mamba)[ \t]+install\b(?P<what>[^\n]*)"
)
_INSTALL: Final = re.compile(rf"^[ \t]*[%!]{{1,2}}[ \t]*{_INSTALL_WORDS}", re.MULTILINE)
_SHELL_INSTALL: Final = re.compile(rf"^[ \t]*(?:sudo[ \t]+)?{_INSTALL_WORDS}", re.MULTILINE)
_TAKES_VALUE: Final = frozenset(
    """
    -r --requirement -c --constraint -e --editable -i --index-url --extra-index-url -f --find-links
    -t --target --channel -n --name -p --prefix --python --trusted-host --proxy --timeout
    """.split()  # noqa: SIM905 (words read better without quotes)
)
_ASKS: Final = {
    "input": "input()",
    "getpass": "getpass()",
    "breakpoint": "breakpoint()",
    "set_trace": "set_trace()",
}


def findings(
    notebook: Notebook,
    *,
    kernels: Collection[str] | None,
    files: Collection[str],
    kernel: str | None = None,
    language: str | None = None,
) -> list[Finding]:
    """All findings, those of the reading first, then by rule and cell.

    *kernels* are those of the pool, None where nobody knows; *files* are paths declared beside the
    notebook; *kernel* and *language* are a choice that replaces the notebook's own.
    """
    spoken = (language or notebook.language or "python").lower()
    code = [cell for cell in notebook.cells if cell.kind == "code" and cell.source.strip()]
    python = _parsed(code) if spoken == "python" else _Parsed({}, {})
    return [
        *(found for found in notebook.findings if not (kernel and found.rule == "kernel")),
        *_kernel(kernel or notebook.kernel, kernels),
        *declared(notebook, language).findings,
        *_syntax(python, notebook),
        *_imports(python, code, files),
        *_absolute_paths(python, code, spoken),
        *_empty(code),
        *_hidden_order(notebook),
        *_unpinned_installs(code, spoken),
        *_inline_secrets(notebook),
        *_stored_outputs(notebook),
        *_input_calls(python),
    ]


@dataclass(frozen=True)
class _Parsed:
    """Python cells by their index: their trees, or the line at which they stop being Python."""

    trees: dict[int, ast.Module]
    broken: dict[int, int]


def _parsed(code: list[Cell]) -> _Parsed:
    trees, broken = {}, {}
    for cell in code:
        if python_source.is_cell_magic(cell.source) or len(cell.source) > python_source.MAX_SOURCE:
            continue
        try:
            trees[cell.index] = python_source.parse(cell.source)
        except NotPythonError as error:
            broken[cell.index] = error.line
    return _Parsed(trees, broken)


def _kernel(kernel: str | None, kernels: Collection[str] | None) -> Iterator[Finding]:
    if kernel is None or kernels is None or kernel in kernels:
        return
    if not kernels:
        message = f"No worker of the pool tells whether it has the kernel `{kernel}`: start one first."
        yield Finding("kernel", "warning", None, message)
        return
    there = ", ".join(sorted(kernels)[:10])
    message = f"No worker of the pool has the kernel `{kernel}`: choose one of {there}."
    yield Finding("kernel", "error", None, message)


def _syntax(python: _Parsed, notebook: Notebook) -> Iterator[Finding]:
    for index, line in python.broken.items():
        if "parameters" in notebook.cells[index].tags:
            continue  # told by the rule `parameters`
        yield Finding(
            "syntax",
            "error",
            index,
            f"Line {line} of the cell is not Python: mend it, and run the cell once.",
        )


def _imports(python: _Parsed, code: list[Cell], files: Collection[str]) -> Iterator[Finding]:
    installed = imports.installed_names([cell.source[:_MAX_SCANNED] for cell in code])
    told: set[str] = set()
    for index, tree in python.trees.items():
        for name in imports.suspected_siblings(tree):
            if name in told or name.lower() in installed or imports.are_declared(name, files):
                continue
            told.add(name)
            yield _import_finding(name, index)


def _import_finding(name: str, index: int) -> Finding:
    if name.startswith("."):
        message = f"A notebook is no package, so `{name}` cannot be imported: write the name without the dot."
        return Finding("imports", "error", index, message)
    message = (
        f"If `{name}` is your own file, declare `{name}.py` with the notebook; else the kernel must have it."
    )
    return Finding("imports", "note", index, message)


def _absolute_paths(python: _Parsed, code: list[Cell], language: str) -> Iterator[Finding]:
    for cell in code:
        tree = python.trees.get(cell.index)
        texts = _string_constants(tree) if tree else [] if language == "python" else _quoted(cell.source)
        if any(_HOME_PATH.fullmatch(text) for text in texts):
            message = "A path of one person's machine: use a relative path, a declared file or a parameter."
            yield Finding("absolute_path", "warning", cell.index, message)


def _string_constants(tree: ast.Module) -> list[str]:
    # An f-string's first piece is a constant inside it, so it is found as well.
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def _quoted(source: str) -> list[str]:
    return [one or two for one, two in _QUOTED.findall(source[:_MAX_SCANNED])]


def _empty(code: list[Cell]) -> Iterator[Finding]:
    if not code:
        yield Finding(
            "empty", "warning", None, "No cell has code, so a run would do nothing: was the notebook saved?"
        )


def _hidden_order(notebook: Notebook) -> Iterator[Finding]:
    counted = [cell for cell in notebook.cells if cell.execution_count is not None and cell.source.strip()]
    for before, after in pairwise(counted):
        if (after.execution_count or 0) <= (before.execution_count or 0):
            message = (
                "This cell was last run before the one above it: restart the kernel, run all, save again."
            )
            yield Finding("hidden_order", "warning", after.index, message)
            return


def _unpinned_installs(code: list[Cell], language: str) -> Iterator[Finding]:
    for cell in code:
        forms = [_INSTALL] + ([_SHELL_INSTALL] if language == "bash" or cell.source.startswith("%%") else [])
        if any(
            _is_unpinned(match["what"])
            for form in forms
            for match in form.finditer(cell.source[:_MAX_SCANNED])
        ):
            message = (
                "Installs a package without its version: write name==version, or put it into the kernel."
            )
            yield Finding("unpinned_install", "warning", cell.index, message)


def _is_unpinned(what: str) -> bool:
    words = re.split(r"[;#&|]", what)[0].replace('"', " ").replace("'", " ").split()
    skipped = False
    for word in words:
        if skipped or word.startswith("-"):
            skipped = not skipped and word in _TAKES_VALUE
        elif word.startswith((".", "/", "$", "{")) or word.endswith((".whl", ".tar.gz", ".zip")):
            continue
        elif not re.search(r"==|@[\w.-]+$|(?<![<>!~=])=(?!=)", word):
            return True
    return False


def _inline_secrets(notebook: Notebook) -> Iterator[Finding]:
    for cell in notebook.cells:
        if holds_secret(cell.source[:_MAX_SCANNED]):
            message = (
                "This looks like a secret in plain text: take it out, revoke it, and read it at run time."
            )
            yield Finding("inline_secret", "warning", cell.index, message)


def _stored_outputs(notebook: Notebook) -> Iterator[Finding]:
    with_outputs = [cell.index for cell in notebook.cells if cell.had_outputs]
    if with_outputs:
        message = f"{len(with_outputs)} cells came with outputs, which are not kept: each run makes its own."
        yield Finding("stored_outputs", "note", with_outputs[0], message)


def _input_calls(python: _Parsed) -> Iterator[Finding]:
    own = {name for tree in python.trees.values() for name in _defined(tree)}
    for index, tree in python.trees.items():
        asked = next((name for name in _called(tree) if name in _ASKS and name not in own), None)
        if asked:
            message = f"{_ASKS[asked]} waits for a person, and nobody is there at night: use a parameter."
            yield Finding("input_call", "error", index, message)


def _called(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)):
                yield name
            case ast.Call(func=ast.Attribute(value=ast.Name(id="getpass" | "pdb" | "builtins"), attr=name)):
                yield name


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name
