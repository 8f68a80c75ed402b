"""Python cells as syntax trees, read and never run: IPython's magics are set aside first."""

import ast
import re
import warnings
from typing import Final

#: Beyond this a cell is not parsed: a tree takes many times the memory of its text.
MAX_SOURCE: Final = 200_000

_FILE: Final = "<notebook cell>"
_MAGIC_LINE: Final = re.compile(r"^([ \t]*)(?:[%!]|\?)[^\n]*", re.MULTILINE)
_HELP_LINE: Final = re.compile(r"^([ \t]*)[\w.]+\?\??[ \t]*$", re.MULTILINE)
_MAGIC_VALUE: Final = re.compile(r"^([ \t]*[\w., \t]+=[ \t]*)[%!][^\n]*", re.MULTILINE)
_CONTINUED: Final = re.compile(r"^([ \t]*[%!][^\n]*)\\\n", re.MULTILINE)

# What a cell's strings look like is its author's affair, not a line for our log.
warnings.filterwarnings("ignore", category=SyntaxWarning, module=r".*notebook cell")
warnings.filterwarnings("ignore", category=DeprecationWarning, module=r".*notebook cell")


class NotPythonError(Exception):
    """The text cannot be read as Python; `line` counts from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(f"not Python at line {line}")
        self.line = line


def is_cell_magic(source: str) -> bool:
    """Say whether the whole cell belongs to a magic (`%%bash`), and is not Python of this kernel."""
    first = source.lstrip().partition("\n")[0].split()
    return bool(first) and first[0].startswith("%%") and first[0] not in _TRANSPARENT_MAGICS


#: Cell magics whose body is run as Python by the same kernel.
_TRANSPARENT_MAGICS: Final = frozenset({"%%time", "%%timeit", "%%capture", "%%prun"})


def parse(source: str) -> ast.Module:
    """The tree of a cell, line numbers kept. Raises NotPythonError."""
    if len(source) > MAX_SOURCE:
        raise NotPythonError(1)
    try:
        return ast.parse(source, filename=_FILE)
    except SyntaxError:
        pass
    except (ValueError, RecursionError, MemoryError) as error:
        raise NotPythonError(1) from error
    try:
        return ast.parse(without_magics(source), filename=_FILE)
    except SyntaxError as error:
        raise NotPythonError(error.lineno or 1) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise NotPythonError(1) from error


def without_magics(source: str) -> str:
    """The same lines with magics, shell commands and questions made into `pass` or `None`."""
    while (joined := _CONTINUED.sub(r"\1 ", source)) != source:
        source = joined
    source = _MAGIC_VALUE.sub(r"\1None", source)
    source = _HELP_LINE.sub(r"\1pass", source)
    return _MAGIC_LINE.sub(r"\1pass", source)
