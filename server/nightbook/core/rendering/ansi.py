"""Terminal text as HTML: colours and weights as classes, carriage returns played, all else escaped."""

import html
import re
from dataclasses import dataclass, replace
from typing import Final

_SEQUENCE: Final = re.compile(
    r"\x1b\[([0-9;:]{0,64})m"  # colour and weight, the only ones that stay
    r"|\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b]{0,1000}(?:\x07|\x1b\\)|\x1b."
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
#: Tango-like values of the sixteen colours, to find the nearest one for a mixed colour.
_SIXTEEN: Final = (
    *((0, 0, 0), (205, 0, 0), (0, 160, 0), (190, 150, 0), (40, 80, 220), (190, 0, 190), (0, 160, 160)),
    *((200, 200, 200), (110, 110, 110), (255, 60, 60), (60, 230, 60), (250, 230, 60), (90, 130, 255)),
    *((255, 90, 255), (60, 230, 230), (255, 255, 255)),
)
_LEVELS: Final = (0, 95, 135, 175, 215, 255)


@dataclass(frozen=True)
class _Pen:
    foreground: int | None = None
    background: int | None = None
    bold: bool = False
    italic: bool = False
    underlined: bool = False
    inverse: bool = False

    def classes(self) -> str:
        foreground, background = self.foreground, self.background
        if self.inverse:
            plain = (foreground, background) == (None, None)
            foreground, background = (15, 0) if plain else (background, foreground)
        words = [f"f{foreground}"] if foreground is not None else []
        words += [f"b{background}"] if background is not None else []
        words += [
            word for word, on in (("ab", self.bold), ("ai", self.italic), ("au", self.underlined)) if on
        ]
        return " ".join(words)


def html_of(text: str) -> str:
    """The text as escaped HTML, with `<span class=…>` around what is coloured."""
    pen, pieces, place = _Pen(), [], 0
    text = _overwritten(text)
    for sequence in _SEQUENCE.finditer(text):
        pieces.append(_span(text[place : sequence.start()], pen))
        place = sequence.end()
        if sequence[1] is not None:
            pen = _changed(pen, sequence[1])
    pieces.append(_span(text[place:], pen))
    return "".join(pieces)


def _overwritten(text: str) -> str:
    """What a terminal shows after its carriage returns: the last state of a progress bar."""
    if "\r" not in text:
        return text
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _span(text: str, pen: _Pen) -> str:
    if not text:
        return ""
    escaped = html.escape(_CONTROL.sub("\ufffd", text), quote=False)
    classes = pen.classes()
    return f'<span class="{classes}">{escaped}</span>' if classes else escaped


def _changed(pen: _Pen, codes: str) -> _Pen:
    numbers = [int(code) if code.isdigit() and len(code) < 4 else 0 for code in re.split("[;:]", codes)]
    while numbers:
        code = numbers.pop(0)
        if code in (38, 48):
            colour = _mixed(numbers)
            pen = replace(pen, foreground=colour) if code == 38 else replace(pen, background=colour)
        else:
            pen = _simple(pen, code)
    return pen


def _simple(pen: _Pen, code: int) -> _Pen:
    match code:
        case 0:
            return _Pen()
        case 1:
            return replace(pen, bold=True)
        case 3:
            return replace(pen, italic=True)
        case 4:
            return replace(pen, underlined=True)
        case 7 | 27:
            return replace(pen, inverse=code == 7)
        case 22:
            return replace(pen, bold=False)
        case 23:
            return replace(pen, italic=False)
        case 24:
            return replace(pen, underlined=False)
        case 39:
            return replace(pen, foreground=None)
        case 49:
            return replace(pen, background=None)
    if 30 <= code <= 37 or 90 <= code <= 97:
        return replace(pen, foreground=code - 30 if code < 90 else code - 82)
    if 40 <= code <= 47 or 100 <= code <= 107:
        return replace(pen, background=code - 40 if code < 100 else code - 92)
    return pen


def _mixed(numbers: list[int]) -> int | None:
    """Take the rest of a 256-colour or true-colour code: the nearest of the sixteen."""
    kind = numbers.pop(0) if numbers else None
    if kind == 5 and numbers:
        index = min(numbers.pop(0), 255)
        return index if index < 16 else _nearest(_of_256(index))
    if kind == 2 and len(numbers) >= 3:
        red, green, blue = numbers[:3]
        del numbers[:3]
        return _nearest((red, green, blue))
    return None


def _of_256(index: int) -> tuple[int, int, int]:
    if index >= 232:
        grey = 8 + 10 * (index - 232)
        return grey, grey, grey
    cube = index - 16
    return _LEVELS[cube // 36], _LEVELS[cube // 6 % 6], _LEVELS[cube % 6]


def _nearest(colour: tuple[int, int, int]) -> int:
    return min(range(16), key=lambda n: sum((a - b) ** 2 for a, b in zip(_SIXTEEN[n], colour, strict=True)))
