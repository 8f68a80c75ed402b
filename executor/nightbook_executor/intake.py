"""Kernel messages in, journal records out: the caps act here, before anything is kept.

Every record is written to the journal and folded into the outputs of the notebook in memory, so that
both always agree. A cap cuts with a visible note and never fails a run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nightbook.core.outputs import Outputs, clean_display, clean_output
from nightbook_executor.execution import Execution

_TRACEBACK_BYTES = 1024 * 1024


@dataclass
class _Cut:
    kept: int
    dropped: int = 0
    told: bool = False


class Intake:
    """The outputs of one run as they come."""

    def __init__(self, execution: Execution) -> None:
        self._journal = execution.journal
        self._caps = execution.caps
        self._cell_bytes: dict[int, int] = {}
        self._counts: dict[int, int] = {}
        self._run_bytes = 0
        self._cuts: dict[tuple[int, str], _Cut] = {}
        self._last_stream: dict[int, str] = {}
        self.outputs = Outputs()
        self.errors: dict[int, dict[str, Any]] = {}
        #: Renames the error that our own interrupt causes, for the cell that is being stopped.
        self.rename: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    def is_full(self, index: int) -> bool:
        """Whether another piece of a stream of this cell could only be dropped."""
        return self._room(index) <= 0

    def drop(self, index: int, what: str, size: int) -> None:
        """Count what is not kept; the first loss is told at once."""
        cut = self._cuts.setdefault((index, what), _Cut(kept=self._cell_bytes.get(index, 0)))
        cut.dropped += size
        if not cut.told:
            cut.told = True
            self._tell_cut(index, what, cut)

    def close(self, index: int) -> None:
        """The cell ended: tell the sums of what was cut."""
        for (cell, what), cut in self._cuts.items():
            if cell == index:
                self._tell_cut(index, what, cut)

    def take(self, index: int, kind: str, content: dict[str, Any], size: int) -> None:
        """Keep one message of a cell; *size* is its content's bytes."""
        act = _ACTS.get(kind)
        if act is not None:
            act(self, index, kind, content, size)

    def error(self, index: int, ename: str, evalue: str, traceback: list[str] | None = None) -> None:
        """Add an error of ours, or one that only the reply told, to a cell."""
        lines = traceback if traceback is not None else [f"{ename}: {evalue}"]
        content = {"ename": ename, "evalue": evalue, "traceback": lines}
        self._error(index, "error", content, 0)

    def _record(self, kind: str, **fields: Any) -> None:
        self.outputs.apply(self._journal.append(kind, **fields))

    def _room(self, index: int) -> int:
        in_cell = self._caps.cell_bytes - self._cell_bytes.get(index, 0)
        return min(in_cell, self._caps.run_bytes - self._run_bytes)

    def _count(self, index: int, size: int) -> None:
        self._cell_bytes[index] = self._cell_bytes.get(index, 0) + size
        self._run_bytes += size

    def _one_more(self, index: int) -> bool:
        self._counts[index] = self._counts.get(index, 0) + 1
        return self._counts[index] <= self._caps.cell_outputs

    def _stream(self, index: int, _kind: str, content: dict[str, Any], size: int) -> None:
        name, text = str(content.get("name", "stdout")), str(content.get("text", ""))
        if self._last_stream.get(index) != name and not self._one_more(index):
            self.drop(index, name, size)
            return
        kept = _fitting(text, self._room(index))
        dropped = len(text) - len(kept)
        if kept:
            self._last_stream[index] = name
            self._count(index, len(kept.encode("utf-8", "replace")))
            self._record("text", i=index, name=name, s=kept)
        if dropped:
            self.drop(index, name, dropped)

    def _display(self, index: int, kind: str, content: dict[str, Any], size: int) -> None:
        output = clean_output({"output_type": kind, **content})
        if output is None:
            return
        if size > self._room(index) or not self._one_more(index):
            self.drop(index, "output", size)
            return
        self._last_stream.pop(index, None)
        self._count(index, size)
        self._record("out", i=index, o=output, display_id=_display_id(content))

    def _update(self, index: int, _kind: str, content: dict[str, Any], size: int) -> None:
        display_id = _display_id(content)
        if display_id is None:
            return
        if size > self._caps.run_bytes - self._run_bytes:
            self.drop(index, "output", size)
            return
        self._run_bytes += size
        self._record("update", i=index, display_id=display_id, o=clean_display(content))

    def _clear(self, index: int, _kind: str, content: dict[str, Any], _size: int) -> None:
        self._cell_bytes[index] = self._counts[index] = 0
        self._last_stream.pop(index, None)
        self._record("clear", i=index, wait=bool(content.get("wait")))

    def _error(self, index: int, _kind: str, content: dict[str, Any], _size: int) -> None:
        output = clean_output({"output_type": "error", **content})
        assert output is not None
        if self.rename is not None:
            output = self.rename(output)
        output["traceback"] = _shortened(output["traceback"])
        output["evalue"] = output["evalue"][:_TRACEBACK_BYTES]
        self._last_stream.pop(index, None)
        self.errors[index] = output
        self._record("out", i=index, o=output)

    def _tell_cut(self, index: int, what: str, cut: _Cut) -> None:
        self._record("cut", i=index, what=what, kept=cut.kept, dropped=cut.dropped)


_ACTS: dict[str, Callable[[Intake, int, str, dict[str, Any], int], None]] = {
    "stream": Intake._stream,
    "display_data": Intake._display,
    "execute_result": Intake._display,
    "update_display_data": Intake._update,
    "clear_output": Intake._clear,
    "error": Intake._error,
}


def _display_id(content: dict[str, Any]) -> str | None:
    transient = content.get("transient")
    display_id = transient.get("display_id") if isinstance(transient, dict) else None
    return display_id if isinstance(display_id, str) else None


def _fitting(text: str, room: int) -> str:
    """As much of *text* as fits into *room* bytes of UTF-8."""
    if len(text) * 4 <= room:
        return text
    encoded = text.encode("utf-8", "replace")
    return text if len(encoded) <= room else encoded[: max(0, room)].decode("utf-8", "ignore")


def _shortened(traceback: list[str]) -> list[str]:
    kept: list[str] = []
    size = 0
    for line in traceback:
        size += len(line)
        if size > _TRACEBACK_BYTES:
            return [*kept, "… the rest of the traceback was cut"]
        kept.append(line)
    return kept
