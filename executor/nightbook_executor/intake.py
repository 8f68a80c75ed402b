"""Kernel messages in, journal records out: the caps act here, before anything is kept.

What goes to the journal is not kept in memory as well, but for errors, which papermill reads; without a
journal all outputs are kept here. A cap cuts with a visible note and never fails a run, and text beyond it
goes to the spill.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nightbook.core.journal import LONGEST
from nightbook.core.outputs import Outputs, clean_display, clean_output
from nightbook_executor.execution import Execution
from nightbook_executor.journal import TooLongError, encoded
from nightbook_executor.spill import Spill

_TRACEBACK_BYTES = 1024 * 1024
_NAME_CHARACTERS = 500
_MINUTE = 60.0
_RESERVE = 1024 * 1024  # of the journal, for what is no output
#: What a note calls the states of widgets.
WIDGETS = "state of widgets"
_WHY_LONG = f"the limit of one output is {LONGEST:,} bytes"


@dataclass
class _Cut:
    kept: int
    why: str
    dropped: int = 0
    spilled: int = 0
    told: int | None = None  # how much of `dropped` the note says; None where there is none


class Intake:
    """The outputs of one run as they come."""

    def __init__(self, execution: Execution) -> None:
        self._journal = execution.journal
        self._caps = execution.caps
        self._cell_bytes: dict[int, int] = {}
        self._counts: dict[int, int] = {}
        self._run_bytes = 0
        self._minute, self._messages = time.monotonic(), 0
        self._spill = Spill(execution.spill, execution.caps.spill_bytes)
        self._cuts: dict[tuple[int, str], _Cut] = {}
        self._last_stream: dict[int, str] = {}
        self.outputs = Outputs()
        self.errors: dict[int, dict[str, Any]] = {}
        #: Renames the error that our own interrupt causes, for the cell that is being stopped.
        self.rename: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    def is_full(self, index: int, kind: str, size: int) -> bool:
        """Whether a message of *size* bytes could only be dropped, so that it need not be read."""
        if kind == "stream":
            return self._spill.is_full and self._room(index) <= 0
        if kind == "update_display_data":
            return size > min(self._run_room(), LONGEST)
        return kind in ("display_data", "execute_result") and size > min(self._room(index), LONGEST)

    def drop(self, index: int, what: str, size: int, *, why: str | None = None, spilled: int = 0) -> None:
        """Count what is not kept; the first loss is told at once."""
        known = self._cuts.get((index, what))
        cut = known or _Cut(kept=self._cell_bytes.get(index, 0), why=why or self._why_full(index, size))
        self._cuts[index, what] = cut
        cut.dropped += size
        cut.spilled += spilled
        if cut.told is None:
            self._tell_cut(index, what, cut)

    def close(self, index: int) -> None:
        """The cell ended: tell the sums of what was cut."""
        for (cell, what), cut in self._cuts.items():
            if cell == index and cut.told != cut.dropped:
                self._tell_cut(index, what, cut)

    def finish(self) -> None:
        """The run is over: nothing more is spilled, and what came after its cell had ended is told."""
        self._spill.close()
        for index in {cell for cell, _ in self._cuts}:
            self.close(index)

    def widgets(self, index: int, state: dict[str, Any]) -> None:
        """Keep the states of all widgets, where there is room; else a note says so in the cell *index*."""
        size = len(encoded(state))
        if size > self._run_room() or not self._record("widgets", state=state):
            self.drop(index, WIDGETS, size)

    def admits(self, index: int, size: int) -> bool:
        """Whether something of *size* bytes that is shown elsewhere, in a widget, still has its place."""
        if size > self._room(index):
            self.drop(index, "output of a widget", size)
            return False
        self._count(index, size)
        return True

    def take(self, index: int, kind: str, content: dict[str, Any], size: int) -> None:
        """Keep one message of a cell; *size* is its content's bytes."""
        act = _ACTS.get(kind)
        if act is None:
            return
        if kind != "error" and self._is_too_often():
            self._refuse(index, kind, content, size)
        else:
            act(self, index, kind, content, size)

    def error(self, index: int, ename: str, evalue: str, traceback: list[str] | None = None) -> None:
        """Add an error of ours, or one that only the reply told, to a cell."""
        lines = traceback if traceback is not None else [f"{ename}: {evalue}"]
        content = {"ename": ename, "evalue": evalue, "traceback": lines}
        self._error(index, "error", content, 0)

    def _is_too_often(self) -> bool:
        now = time.monotonic()
        if now - self._minute >= _MINUTE:
            self._minute, self._messages = now, 0
        self._messages += 1
        return self._messages > self._caps.messages_per_minute

    def _refuse(self, index: int, kind: str, content: dict[str, Any], size: int) -> None:
        why = f"more than {self._caps.messages_per_minute:,} messages a minute"
        if kind == "stream":
            self._overflow(index, _stream_name(content), str(content.get("text", "")), why)
        else:  # also a clear: without it the cell shows what was not meant to stay
            self.drop(index, "output", size, why=why)

    def _record(self, kind: str, **fields: Any) -> bool:
        """Say whether it was short enough to be kept."""
        try:
            record = self._journal.append(kind, **fields)
        except TooLongError:
            return False
        if not self._journal.is_written or fields.get("o", {}).get("output_type") == "error":
            self.outputs.apply(record)
        return True

    def _room(self, index: int) -> int:
        return min(self._caps.cell_bytes - self._cell_bytes.get(index, 0), self._run_room())

    def _run_room(self) -> int:
        in_journal = self._caps.journal_bytes - _RESERVE - self._journal.size
        return min(self._caps.run_bytes - self._run_bytes, in_journal)

    def _why_full(self, index: int, size: int) -> str:
        if size > LONGEST:
            return _WHY_LONG
        if self._caps.cell_bytes - self._cell_bytes.get(index, 0) <= self._room(index):
            return f"the limit of a cell is {self._caps.cell_bytes:,} bytes"
        return f"the limit of a run is {self._caps.run_bytes:,} bytes"

    def _count(self, index: int, size: int) -> None:
        self._cell_bytes[index] = self._cell_bytes.get(index, 0) + size
        self._run_bytes += size

    def _one_more(self, index: int) -> bool:
        self._counts[index] = self._counts.get(index, 0) + 1
        return self._counts[index] <= self._caps.cell_outputs

    def _stream(self, index: int, _kind: str, content: dict[str, Any], _size: int) -> None:
        name, text = _stream_name(content), str(content.get("text", ""))
        if self._last_stream.get(index) != name and not self._one_more(index):
            self._overflow(index, name, text, self._why_many())
            return
        kept = _fitting(text, self._room(index))
        if kept:
            self._last_stream[index] = name
            self._count(index, len(kept.encode("utf-8", "replace")))
            self._record("text", i=index, name=name, s=kept)
        if len(kept) < len(text):
            self._overflow(index, name, text[len(kept) :], self._why_full(index, 0))

    def _overflow(self, index: int, name: str, text: str, why: str) -> None:
        """Text beyond a cap goes to the spill, as far as there is room."""
        spilled = self._spill.keep(index, name, text)
        self.drop(index, name, len(text.encode("utf-8", "replace")), why=why, spilled=spilled)

    def _why_many(self) -> str:
        return f"the limit of a cell is {self._caps.cell_outputs:,} outputs"

    def _display(self, index: int, kind: str, content: dict[str, Any], size: int) -> None:
        output = clean_output({"output_type": kind, **content})
        if output is None:
            return
        if size > self._room(index):
            self.drop(index, "output", size)
            return
        if not self._one_more(index):
            self.drop(index, "output", size, why=self._why_many())
            return
        self._last_stream.pop(index, None)
        if self._record("out", i=index, o=output, display_id=_display_id(content)):
            self._count(index, size)
        else:
            self.drop(index, "output", size, why=_WHY_LONG)

    def _update(self, index: int, _kind: str, content: dict[str, Any], size: int) -> None:
        display_id = _display_id(content)
        if display_id is None:
            return
        if size > self._run_room():
            self.drop(index, "output", size)
            return
        if self._record("update", i=index, display_id=display_id, o=clean_display(content)):
            self._run_bytes += size
        else:
            self.drop(index, "output", size, why=_WHY_LONG)

    def _clear(self, index: int, _kind: str, content: dict[str, Any], size: int) -> None:
        if self._run_room() <= 0:
            self.drop(index, "output", size)
            return
        for (cell, _), cut in self._cuts.items():
            if cell == index:
                cut.told = None  # its note goes with the outputs
        self._run_bytes -= self._cell_bytes.get(index, 0)
        self._cell_bytes[index] = self._counts[index] = 0
        self._last_stream.pop(index, None)
        self._record("clear", i=index, wait=bool(content.get("wait")))

    def _error(self, index: int, _kind: str, content: dict[str, Any], _size: int) -> None:
        output = clean_output({"output_type": "error", **content})
        assert output is not None
        if self.rename is not None:
            output = self.rename(output)
        most = _TRACEBACK_BYTES if self._run_room() > _TRACEBACK_BYTES else _TRACEBACK_BYTES // 256
        output["traceback"] = _shortened(output["traceback"], most)
        output["evalue"] = output["evalue"][:most]
        output["ename"] = output["ename"][:_NAME_CHARACTERS]
        self._last_stream.pop(index, None)
        self.errors[index] = output
        self._record("out", i=index, o=output)

    def _tell_cut(self, index: int, what: str, cut: _Cut) -> None:
        cut.told = cut.dropped
        counts = {"kept": cut.kept, "dropped": cut.dropped, "spilled": cut.spilled}
        self._record("cut", i=index, what=what, why=cut.why, **counts)


_ACTS: dict[str, Callable[[Intake, int, str, dict[str, Any], int], None]] = {
    "stream": Intake._stream,
    "display_data": Intake._display,
    "execute_result": Intake._display,
    "update_display_data": Intake._update,
    "clear_output": Intake._clear,
    "error": Intake._error,
}


def _stream_name(content: dict[str, Any]) -> str:
    """One of the two that there are: user code may send others, and each would be counted apart."""
    return "stderr" if content.get("name") == "stderr" else "stdout"


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


def _shortened(traceback: list[str], most: int) -> list[str]:
    kept: list[str] = []
    size = 0
    for line in traceback:
        size += len(line) + 4  # its quotes and its comma
        if size > most:
            return [*kept, "… the rest of the traceback was cut"]
        kept.append(line)
    return kept
