"""JSON as the wire allows it: one reading of each text, within limits, or a refusal that says why.

Depth and sizes are counted before the parse, in flat scans, so that a hostile text costs no more
than its own length. What is refused is never repeated in the message.
"""

import json
import math
import re
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final, NoReturn

from nightbook.core.errors import Fault, Invalid, TooLarge

#: The largest whole number that both databases and every client can hold.
MAX_INT: Final = 2**63 - 1
#: Python itself refuses to read longer numbers.
_MAX_DIGITS: Final = 4_300

_ESCAPE: Final = re.compile(rb"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)
_NUL_ESCAPE: Final = re.compile(rb"\\(?:u0000|(.))", re.DOTALL)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_OPENERS: Final = b"[{"
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


def loads(
    raw: bytes,
    *,
    max_depth: int = 64,
    max_keys: int = 10_000,
    max_items: int = 100_000,
    max_string: int = 1 << 20,
    max_int: int | None = MAX_INT,
) -> object:
    """Read one JSON document, strictly.

    `max_keys` counts keys and `max_items` separators in the whole document; `max_string` is in bytes
    of UTF-8; `max_int` None allows whole numbers of up to 4,300 digits.
    Raises Fault (400) `not_utf8`, `not_json`, `too_deep`; Invalid (422) `empty_body`, `duplicate_key`,
    `not_finite`, `number_too_large`, `bad_character`; TooLarge (413) `too_many_keys`,
    `too_many_items`, `string_too_long`.
    """
    text = _decode(raw)
    if not text.strip():
        raise Invalid("empty_body", "The body is empty: send a JSON document.")
    _measure(raw, max_depth=max_depth, max_keys=max_keys, max_items=max_items, max_string=max_string)
    if holds_nul(raw):
        raise Invalid("bad_character", "Remove the NUL character: text here cannot hold it.")
    value = _parse(text, max_int)
    if rb"\u" in raw:
        _refuse_lone_surrogates(value)
    return value


def dumps_canonical(value: object) -> bytes:
    """The one form of *value* that hashes are made of: sorted keys, no spaces, UTF-8."""
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except UnicodeEncodeError as error:
        raise Invalid("bad_character", "Remove the lone surrogate: it is not a character.") from error
    except ValueError as error:
        raise Invalid("not_finite", "JSON has no NaN, no infinity and no circles.") from error
    except TypeError as error:
        raise Invalid("not_json", "Only JSON values are allowed, with texts as keys.") from error
    except RecursionError as error:
        raise Invalid("too_deep", "The value is nested too deeply.") from error


def holds_nul(raw: bytes) -> bool:
    """Say whether a string of the JSON text *raw* holds the NUL character."""
    return rb"\u0000" in raw and any(match.group(1) is None for match in _NUL_ESCAPE.finditer(raw))


def depth_exceeds(value: object, limit: int) -> bool:
    """Say whether lists and dicts are nested more than *limit* deep, without recursion."""
    level = [value]
    for _ in range(limit):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return any(isinstance(item, dict | list) for item in level)


def _children(item: object) -> Iterable[object]:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()


def _decode(raw: bytes) -> str:
    if raw.startswith(b"\xef\xbb\xbf"):
        raise Fault("not_utf8", "Send the JSON without a byte order mark.")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Fault("not_utf8", f"Send the JSON as UTF-8: byte {error.start} is not.") from error


def _measure(raw: bytes, *, max_depth: int, max_keys: int, max_items: int, max_string: int) -> None:
    # Escapes go first, so that every quote left is the beginning or the end of a string. A stray
    # escape outside a string stops the parser, so nothing behind it needs to be counted rightly.
    plain = _ESCAPE.sub(b"x", raw) if b"\\" in raw else raw
    if plain.count(b'"') > 2 * (2 * max_keys + max_items) + 4:
        raise TooLarge("too_many_items", f"Send at most {max_items:,} items in one document.")
    pieces = plain.split(b'"')
    if max(map(len, pieces[1::2]), default=0) > max_string:
        raise TooLarge("string_too_long", f"Keep each string within {max_string:,} bytes.")
    structure = b"".join(pieces[::2])
    if structure.count(b":") > max_keys:
        raise TooLarge("too_many_keys", f"Send at most {max_keys:,} keys in one document.")
    if structure.count(b",") > max_items + max_keys:
        raise TooLarge("too_many_items", f"Send at most {max_items:,} items in one document.")
    if _depth(structure) > max_depth:
        raise Fault("too_deep", f"Nest lists and objects at most {max_depth} deep.")


def _depth(structure: bytes) -> int:
    brackets = structure.translate(None, _NOT_BRACKETS)
    return max(accumulate(1 if bracket in _OPENERS else -1 for bracket in brackets), default=0)


def _parse(text: str, max_int: int | None) -> object:
    def whole(digits: str) -> int:
        limit = _MAX_DIGITS if max_int is None else len(str(max_int)) + 1
        if len(digits) > limit or (max_int is not None and abs(int(digits)) > max_int):
            raise Invalid(
                "number_too_large", "A whole number is larger than can be kept; send it as a string."
            )
        return int(digits)

    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=whole,
            parse_float=_finite,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Fault("not_json", f"The body is not one JSON document: {error.msg} at {where}.") from error
    except RecursionError as error:
        raise Fault("too_deep", "The document is nested too deeply.") from error


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Invalid("duplicate_key", "An object names a key twice; name each key once.")
    return value


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Invalid("not_finite", "A number is too large for a float.")
    return number


def _refuse_constant(_word: str) -> NoReturn:
    raise Invalid("not_finite", "JSON has no NaN and no infinity; send null or a string.")


def _refuse_lone_surrogates(value: object) -> None:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if _SURROGATE.search(item):
                raise Invalid("bad_character", "Remove the lone surrogate: it is not a character.")
        elif isinstance(item, dict):
            waiting.extend(item.keys())
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
