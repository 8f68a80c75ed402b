"""What each language can hold: the names and values that would arrive changed, or as code, in its cells.

papermill writes a value as source text of the kernel's language. What a language has no word for it
writes as something near; here that is refused, by a sentence that says what to send instead.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from nightbook.core.strict_json import depth_exceeds

#: Beyond this, doubles leave out whole numbers.
_EXACT: Final = 2**53
#: R's reader gives up at some 50 open brackets.
_R_DEPTH: Final = 40
_R_WORDS: Final = frozenset(
    """
    if else repeat while function for next break in TRUE FALSE NULL Inf NaN NA NA_integer_ NA_real_
    NA_complex_ NA_character_
    """.split()  # noqa: SIM905 (words read better without quotes)
)
#: Names with which the shell, or what it starts, would do something else than hold a value.
_SHELL_WORDS: Final = frozenset(
    """
    _ BASH BASHOPTS BASHPID BASH_ENV CDPATH COLUMNS COMP_LINE DIRSTACK ENV EUID EXECIGNORE FUNCNAME GLOBIGNORE
    GROUPS HISTCMD HISTFILE HISTFILESIZE HISTSIZE HOME HOSTNAME IFS INPUTRC LANG LINENO LINES MAIL MAILPATH
    OLDPWD OPTARG OPTERR OPTIND PAGER PATH PIPESTATUS POSIXLY_CORRECT PPID PROMPT_COMMAND PS0 PS1 PS2 PS3 PS4
    PWD RANDOM REPLY SECONDS SHELL SHELLOPTS SHLVL SRANDOM TERM TIMEFORMAT TMOUT TMPDIR UID
    """.split()  # noqa: SIM905
)
_SHELL_PREFIXES: Final = ("BASH_", "LD_", "LC_", "DYLD_")
#: What some language reads within quotes as more than itself.
_LOADED: Final = frozenset('"\\$`')


def name_fault(language: str, name: str) -> str | None:
    """Why a cell of *language* cannot have this (ASCII) name; None where it can."""
    if language == "r" and (name in _R_WORDS or name.startswith("_")):
        return "R has no such names: rename the parameter in the notebook."
    if language == "bash" and (name in _SHELL_WORDS or name.startswith(_SHELL_PREFIXES)):
        return "This name means something to the shell itself: rename the parameter in the notebook."
    return None


def value_fault(language: str, value: Any) -> str | None:
    """Why a cell of *language* cannot hold a JSON value, to follow its name; None where it can.

    *language* is a kernelspec's in lower case. Python holds all of JSON.
    """
    if language == "python":
        return None
    faults = _FAULTS.get(language, _plain_fault)
    return faults(value)


def _bash_fault(value: Any) -> str | None:
    match value:
        case None:
            return "must not be null: bash holds none, so send an empty text"
        case dict():
            return "must not be an object: bash holds texts, and lists of texts"
        case list() if any(isinstance(item, list | dict) or item is None for item in value):
            return "must hold no lists, objects or null: a list of bash holds texts"
    return _nul_fault(value, "bash")


def _r_fault(value: Any) -> str | None:
    if depth_exceeds(value, _R_DEPTH):
        return f"is nested more than {_R_DEPTH} deep, which R does not read"
    for item in _parts(value):
        if _is_whole(item) and abs(item) > _EXACT:
            return "holds a whole number beyond 2^53, which R would round: send it as a text"
        if isinstance(item, dict) and "" in item:
            return "holds an empty name, which an R list cannot have"
    return _nul_fault(value, "R")


def _plain_fault(value: Any) -> str | None:
    """The rule for languages whose quoting is not proved by tests."""
    for text in _texts(value):
        if not text.isascii() or not text.isprintable() or _LOADED & set(text):
            return (
                "holds a character that may not reach this kernel's language unchanged: "
                'send printable ASCII without " \\ $ or `'
            )
    return None


def _matlab_fault(value: Any) -> str | None:
    for item in _parts(value):
        if item is None:
            return "must not be null, which MATLAB would read as NaN"
        if _is_whole(item) and abs(item) > _EXACT:
            return "holds a whole number beyond 2^53, which MATLAB would round: send it as a text"
    return _plain_fault(value)


_FAULTS: Final[Mapping[str, Callable[[Any], str | None]]] = {
    "bash": _bash_fault,
    "r": _r_fault,
    "matlab": _matlab_fault,
}


def _nul_fault(value: Any, language: str) -> str | None:
    if any("\0" in text for text in _texts(value)):
        return f"holds a NUL character, which a text of {language} cannot"
    return None


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _parts(value: Any) -> Iterator[Any]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        yield item
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _texts(value: Any) -> Iterator[str]:
    for item in _parts(value):
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            yield from item
