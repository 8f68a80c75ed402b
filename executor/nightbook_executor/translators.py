"""papermill's translators, so that each value arrives as itself: text of the kernel's language, never code.

Ours differ from papermill's where those lose or change a value: dates, times and Decimals that a Python
notebook asks for by annotation; characters that the terminal of a bash kernel would act on; R's texts
beyond ASCII, its decimals and vectors. What a language cannot hold is refused before any cell runs.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from fractions import Fraction
from typing import Any

from papermill.translators import (
    BashTranslator,
    PythonTranslator,
    RTranslator,
    papermill_translators,
)

from nightbook.core import parameters
from nightbook.core.notebooks import PARAMETERS_TAG, Cell, Notebook
from nightbook.core.parameters import Parameter
from nightbook.core.parameters.languages import name_fault, value_fault

_LARGEST_EXACT = 2**53


class CannotHoldError(ValueError):
    """The language has no word for a value; the message names the parameter, never its value."""


@dataclass(frozen=True)
class _Made:
    """A value that arrives as something for which JSON has no word."""

    value: Any
    kind: str


def use_for(notebook: dict[str, Any], kernel: str, language: str) -> None:
    """Let papermill write the parameters of *notebook* as it declares them, in this process from now on.

    papermill looks for a translator by the kernel's name first, so ours is registered under it. A language
    that papermill has none for stays without.
    """
    spoken = language.lower()
    wanted = {one.name: one.made_as for one in _declared(notebook, spoken) if one.made_as}
    ours = {"python": _Python, "bash": _Bash, "r": _R}.get(spoken)
    if ours is None:
        try:
            ours = papermill_translators.find_translator(kernel, language)
        except Exception:  # papermill says so itself, when there are parameters to write
            return
    papermill_translators.register(kernel, _Careful(ours, spoken, wanted))


def _declared(notebook: dict[str, Any], language: str) -> Iterable[Parameter]:
    """What the parameters cell declares, read as the server reads it."""
    for cell in notebook.get("cells", []):
        tags = cell.get("metadata", {}).get("tags", [])
        if PARAMETERS_TAG in tags and cell["cell_type"] == "code":
            one = Cell(0, "code", "".join(cell["source"]), frozenset({PARAMETERS_TAG}), None, False)
            return parameters.declared(Notebook({}, (one,), None, language, ())).parameters
    return ()


class _Careful:
    """A translator that refuses what its language cannot hold."""

    def __init__(self, translator: Any, language: str, made_as: dict[str, str]) -> None:
        self._translator = translator
        self._language = language
        self._made_as = made_as

    def codify(self, given: dict[str, Any], comment: str = "Parameters") -> str:
        """The injected cell. Raises CannotHoldError."""
        for name, value in given.items():
            fault = name_fault(self._language, name)
            if fault:
                raise CannotHoldError(f"{name}: {fault}")
            fault = value_fault(self._language, value)
            if fault:
                raise CannotHoldError(f"{name} {fault}.")
        made = {name: self._made(name, value) for name, value in given.items()}
        return str(self._translator.codify(made, comment))

    def inspect(self, cell: Any) -> Any:
        """papermill's own reading, for its warning about names that are not declared."""
        return self._translator.inspect(cell)

    def _made(self, name: str, value: Any) -> Any:
        kind = self._made_as.get(name)
        if kind is None or value is None:
            return value
        if kind == "c":
            return _Made(value, kind) if isinstance(value, list) and value else value
        try:
            if isinstance(value, list):
                return [_Made(_MAKERS[kind](item), kind) for item in value]
            return _Made(_MAKERS[kind](value), kind)
        except (ValueError, TypeError) as error:
            raise CannotHoldError(f"{name} is not the text of a {kind}.") from error


# ---------------------------------------------------------------- Python

#: The given text in the form that every Python since 3.7 reads.
_MAKERS: dict[str, Callable[[str], str]] = {
    "date": lambda text: date.fromisoformat(text).isoformat(),
    "datetime": lambda text: datetime.fromisoformat(text).isoformat(),
    "time": lambda text: time.fromisoformat(text).isoformat(),
    "Decimal": str,
    "Path": str,
}
_CALLS = {
    "date": '__import__("datetime").date.fromisoformat',
    "datetime": '__import__("datetime").datetime.fromisoformat',
    "time": '__import__("datetime").time.fromisoformat',
    "Decimal": '__import__("decimal").Decimal',
    "Path": '__import__("pathlib").Path',
}


class _Python(PythonTranslator):  # type: ignore[misc]
    """The conversion stands in the injected cell, so that the copy runs anywhere by itself."""

    @classmethod
    def translate(cls, val: Any) -> str:
        if isinstance(val, _Made):
            return f"{_CALLS[val.kind]}({cls.translate_str(val.value)})"
        return str(super().translate(val))


# ---------------------------------------------------------------- bash


class _Bash(BashTranslator):  # type: ignore[misc]
    """A bash kernel types its cells into a terminal, which completes at a tab and interrupts at \\x03."""

    @classmethod
    def translate_escaped_str(cls, str_val: Any) -> str:
        text = str(str_val)
        if text.isprintable():
            return str(super().translate_escaped_str(text))
        return f"$'{''.join(_in_bash(char) for char in text)}'"


def _in_bash(char: str) -> str:
    # As bytes: whether \\u works depends on the locale.
    if char.isprintable() and char not in "\\'!":
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode())


# ---------------------------------------------------------------- R


class _R(RTranslator):  # type: ignore[misc]
    """papermill writes é as the byte E9, which is no character of UTF-8."""

    @classmethod
    def translate(cls, val: Any) -> str:
        if isinstance(val, _Made):
            return f"c({', '.join(cls.translate(item) for item in val.value)})"
        return str(super().translate(val))

    @classmethod
    def translate_escaped_str(cls, str_val: Any) -> str:
        return f'"{"".join(_in_r(char) for char in str(str_val))}"'

    @classmethod
    def translate_float(cls, val: float) -> str:
        text = repr(val)
        return text if _r_reads(text, val) else val.hex()


def _in_r(char: str) -> str:
    if char in '"\\' or char in "\n\r\t":
        return json.dumps(char)[1:-1]
    if char.isascii() and char.isprintable():
        return char
    # Braces end the escape: a digit may follow. R does not allow \\x beside it in one text.
    return f"\\u{{{ord(char):x}}}" if ord(char) < 0x10000 else f"\\U{{{ord(char):x}}}"


def _r_reads(text: str, value: float) -> bool:
    """Whether R reads the decimal *text* as *value*.

    It divides the digits by a power of ten in the processor's longest number, of 64 bits on most, and
    rounds once more. Where that is the value for 64 bits and digits and power are exact in 53, it is for all.
    """
    digits, _, exponent = text.lstrip("-").partition("e")
    whole, _, behind = digits.partition(".")
    behind = behind.rstrip("0")
    power = int(exponent or 0) - len(behind)
    number = int(whole + behind)
    if number >= _LARGEST_EXACT or not -22 <= power <= 22:
        return False
    exact = number * Fraction(10) ** power
    return exact == 0 or float(_rounded(exact, 64)) == abs(value)


def _rounded(exact: Fraction, bits: int) -> Fraction:
    """*exact* to so many significant bits, half to even."""
    shift = bits - (exact.numerator.bit_length() - exact.denominator.bit_length())
    scale = Fraction(2) ** shift
    while exact * scale >= 2**bits:
        scale /= 2
    while exact * scale < 2 ** (bits - 1):
        scale *= 2
    return round(exact * scale) / scale
