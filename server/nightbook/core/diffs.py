"""The difference of two runs: parameters, source, outputs, environment. Pure: plain values in and out.

What differs between any two runs is no difference: execution counts, times and durations of cells,
addresses of objects (`0x7f…`), ids of widgets and displays, and the order of keys.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Change = Literal["same", "added", "removed", "changed"]
Cell = Mapping[str, Any]

#: A line diff costs the product of both sides' lines; past this a changed source is shown whole.
_MAX_LINES: Final = 4_000
_SIMILAR: Final = 0.6
#: Cells between two matched ones are compared with one another; past this they are added and removed.
_MAX_BLOCK: Final = 60
_ADDRESS: Final = re.compile(r"0x[0-9a-f]{6,16}")
_OF_ONE_RUN: Final = frozenset({"execution_count", "metadata", "transient", "id"})


@dataclass(frozen=True)
class Named:
    """A parameter, a package or another fact by name; the missing side is null."""

    name: str
    change: Change
    left: Any = None
    right: Any = None


@dataclass(frozen=True)
class Line:
    """A line of source: `=` in both, `-` left only, `+` right only."""

    mark: Literal["=", "-", "+"]
    text: str


@dataclass(frozen=True)
class CellPair:
    """A cell of both runs, or of one; an index is null on the side that has no such cell."""

    left_index: int | None
    right_index: int | None
    source: Change
    outputs: Change
    lines: Sequence[Line] = field(default=())  # of a changed source

    @property
    def is_same(self) -> bool:
        return self.source == self.outputs == "same"


def named(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[Named]:
    """What two mappings hold, by name; equal values too."""
    return [_named(name, left, right) for name in sorted({*left, *right})]


def _named(name: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> Named:
    if name not in left:
        return Named(name, "added", right=right[name])
    if name not in right:
        return Named(name, "removed", left=left[name])
    is_same = _canonical(left[name]) == _canonical(right[name])
    return Named(name, "same" if is_same else "changed", left[name], right[name])


def _canonical(value: Any) -> str:
    # 1 and True are equal in Python, and not to a notebook.
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


# ---------------------------------------------------------------- cells


def cells(left: Sequence[Cell], right: Sequence[Cell]) -> list[CellPair]:
    """The cells of two executed copies side by side: matched by id, then by likeness of their source."""
    pairs: list[CellPair] = []
    matcher = difflib.SequenceMatcher(None, _keys(left), _keys(right), autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            pairs += [_pair(left, right, a + step, c + step) for step in range(b - a)]
        else:
            pairs += _block(left, right, range(a, b), range(c, d))
    return pairs


def _keys(side: Sequence[Cell]) -> list[str]:
    return [f"{cell.get('id') or index}\0{cell.get('cell_type')}" for index, cell in enumerate(side)]


def _block(left: Sequence[Cell], right: Sequence[Cell], ours: range, theirs: range) -> list[CellPair]:
    """Cells without a partner by id: the most alike, in their order, are one cell that was changed."""
    pairs: list[CellPair] = []
    done = theirs.start
    is_small = len(ours) <= _MAX_BLOCK and len(theirs) <= _MAX_BLOCK
    for index in ours:
        alike = _alike(left[index], right, range(done, theirs.stop)) if is_small else None
        if alike is None:
            pairs.append(CellPair(index, None, "removed", _of_one_side(left[index], "removed")))
            continue
        pairs += [_added(right, between) for between in range(done, alike)]
        pairs.append(_pair(left, right, index, alike))
        done = alike + 1
    return pairs + [_added(right, index) for index in range(done, theirs.stop)]


def _added(right: Sequence[Cell], index: int) -> CellPair:
    return CellPair(None, index, "added", _of_one_side(right[index], "added"))


def _of_one_side(cell: Cell, change: Change) -> Change:
    return change if cell.get("outputs") else "same"


def _alike(cell: Cell, others: Sequence[Cell], among: range) -> int | None:
    source = text_of(cell)
    for index in among:
        if others[index].get("cell_type") != cell.get("cell_type"):
            continue
        matcher = difflib.SequenceMatcher(None, source[:2_000], text_of(others[index])[:2_000])
        if matcher.real_quick_ratio() >= _SIMILAR and matcher.quick_ratio() >= _SIMILAR <= matcher.ratio():
            return index
    return None


def _pair(left: Sequence[Cell], right: Sequence[Cell], a: int, b: int) -> CellPair:
    ours, theirs = text_of(left[a]), text_of(right[b])
    is_same = ours == theirs
    outputs = _outputs_change(left[a], right[b])
    return CellPair(a, b, "same" if is_same else "changed", outputs, () if is_same else _lines(ours, theirs))


def text_of(cell: Cell) -> str:
    """A cell's source, which nbformat also keeps as a list of lines."""
    return _joined(cell.get("source", ""))


def _joined(text: Any) -> str:
    return "".join(text) if isinstance(text, list) else str(text)


def _lines(left: str, right: str) -> list[Line]:
    ours, theirs = left.splitlines(), right.splitlines()
    if len(ours) > _MAX_LINES or len(theirs) > _MAX_LINES:
        return [*(Line("-", text) for text in ours), *(Line("+", text) for text in theirs)]
    lines: list[Line] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if kind == "equal":
            lines += [Line("=", text) for text in ours[a:b]]
        else:
            lines += [Line("-", text) for text in ours[a:b]]
            lines += [Line("+", text) for text in theirs[c:d]]
    return lines


def _outputs_change(left: Cell, right: Cell) -> Change:
    ours, theirs = left.get("outputs") or [], right.get("outputs") or []
    if bool(ours) != bool(theirs):
        return "added" if theirs else "removed"
    return "same" if _told(ours) == _told(theirs) else "changed"


def _told(outputs: Iterable[Mapping[str, Any]]) -> str:
    """A hash of what outputs say, without what is of one run only."""
    digest = hashlib.sha256()
    for output in outputs:
        kept = {name: value for name, value in output.items() if name not in _OF_ONE_RUN}
        if "text" in kept:
            kept["text"] = _joined(kept["text"])
        if isinstance(kept.get("data"), dict):
            kept["data"] = {kind: _flat(value) for kind, value in kept["data"].items()}
        digest.update(_ADDRESS.sub("0x", _canonical(kept)).encode("utf-8", "replace"))
    return digest.hexdigest()


def _flat(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return value
