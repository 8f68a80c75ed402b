"""The outputs of cells, folded from journal records into valid nbformat 4.5.

The child applies each record as it is written and the rebuild applies it again, so both agree.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

Record = Mapping[str, Any]

#: The name of the artifact that holds the text beyond the caps.
SPILL: Final = "spill.txt"

_OVERWRITTEN = re.compile(r"[^\n]*\r(?=[^\r\n])")
_ERASED = re.compile(r"[^\n\x08]\x08")
_JSON_TYPE = re.compile(r"^application/(.*\+)?json$")


def clean_output(output: Record) -> dict[str, Any] | None:
    """Make *output* valid nbformat 4.5, or None where its kind is not known."""
    kind = output.get("output_type")
    if kind == "stream":
        return {
            "output_type": kind,
            "name": str(output.get("name", "stdout")),
            "text": plain_text(output.get("text")),
        }
    if kind == "error":
        lines = output.get("traceback")
        traceback = [str(line) for line in lines] if isinstance(lines, list) else []
        return {
            "output_type": kind,
            "ename": str(output.get("ename", "")),
            "evalue": str(output.get("evalue", "")),
            "traceback": traceback,
        }
    if kind not in ("display_data", "execute_result"):
        return None
    clean: dict[str, Any] = {"output_type": kind, **clean_display(output)}
    if kind == "execute_result":
        count = output.get("execution_count")
        clean["execution_count"] = count if isinstance(count, int) and count >= 0 else None
    return clean


def clean_display(output: Record) -> dict[str, Any]:
    """The `data` and `metadata` of a display, valid by nbformat 4.5."""
    found, metadata = output.get("data"), output.get("metadata")
    bundle = found if isinstance(found, dict) else {}
    return {
        "data": {
            mime: value if _JSON_TYPE.match(mime) else plain_text(value) for mime, value in bundle.items()
        },
        "metadata": metadata if isinstance(metadata, dict) else {},
    }


def plain_text(value: object) -> str:
    """nbformat's multi-line text as one string; anything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return "" if value is None else json.dumps(value, ensure_ascii=False)


class Outputs:
    """The outputs of all cells, made by applying records in their order."""

    def __init__(self) -> None:
        self._cells: dict[int, list[dict[str, Any]]] = {}
        self._pieces: dict[int, list[str]] = {}  # by id() of a stream output, joined when it is read
        self._shown: dict[str, list[dict[str, Any]]] = {}
        self._clearing: set[int] = set()
        self._cuts: dict[int, dict[str, Record]] = {}

    def apply(self, record: Record) -> None:
        act = getattr(self, f"_{record['k']}", None) if record["k"] in _OUTPUT_KINDS else None
        if act is not None:
            act(record)

    def of(self, index: int) -> list[dict[str, Any]]:
        """The outputs of one cell as they are shown, a note where something was cut for the first time."""
        return [self._read(index, output) for output in self._cells.get(index, ())]

    def _read(self, index: int, output: dict[str, Any]) -> dict[str, Any]:
        if output["output_type"] == "cut":
            return _cut_note(self._cuts[index][output["what"]])
        if output["output_type"] != "stream":
            return output
        pieces = self._pieces[id(output)]
        pieces[:] = ["".join(pieces)]  # not held twice
        return {**output, "text": fold_overwrites(pieces[0])}

    def _text(self, record: Record) -> None:
        outputs = self._open(record["i"])
        last = outputs[-1] if outputs else None
        if last is None or last["output_type"] != "stream" or last["name"] != record["name"]:
            last = {"output_type": "stream", "name": record["name"]}
            outputs.append(last)
            self._pieces[id(last)] = []
        self._pieces[id(last)].append(record["s"])

    def _out(self, record: Record) -> None:
        output = clean_output(record["o"])
        if output is None:
            return
        display_id = record.get("display_id")
        if isinstance(display_id, str) and "data" in output:
            self._show(display_id, output)
            self._shown.setdefault(display_id, []).append(output)
        outputs = self._open(record["i"])
        if output["output_type"] == "stream":
            self._pieces[id(output)] = [output.pop("text")]
        outputs.append(output)

    def _update(self, record: Record) -> None:
        self._show(record["display_id"], clean_display(record["o"]))

    def _show(self, display_id: str, output: Record) -> None:
        for shown in self._shown.get(display_id, ()):
            shown["data"], shown["metadata"] = output["data"], output["metadata"]

    def _clear(self, record: Record) -> None:
        if record.get("wait"):
            self._clearing.add(record["i"])
        else:
            self._empty(record["i"])

    def _cut(self, record: Record) -> None:
        cuts = self._cuts.setdefault(record["i"], {})
        if record["what"] not in cuts:
            self._open(record["i"]).append({"output_type": "cut", "what": record["what"]})
            cuts = self._cuts.setdefault(record["i"], {})
        cuts[record["what"]] = record

    def _open(self, index: int) -> list[dict[str, Any]]:
        if index in self._clearing:
            self._empty(index)
        return self._cells.setdefault(index, [])

    def _empty(self, index: int) -> None:
        self._clearing.discard(index)
        gone = self._cells.get(index, [])
        for shown in self._shown.values():
            shown[:] = [output for output in shown if not any(output is other for other in gone)]
        for output in gone:
            self._pieces.pop(id(output), None)
        self._cuts.pop(index, None)
        self._cells[index] = []


_OUTPUT_KINDS: Final = frozenset({"text", "out", "update", "clear", "cut"})


def fold_overwrites(text: str) -> str:
    """A progress bar's carriage returns and backspaces as a terminal leaves them: its last state."""
    if "\x08" in text:
        before = None
        while before != text:
            before, text = text, _ERASED.sub("", text)
    return _OVERWRITTEN.sub("", text) if "\r" in text else text


def _cut_note(cut: Record) -> dict[str, Any]:
    note = f"[nightbook] {cut['what']} was cut: {cut['kept']:,} bytes kept, {cut['dropped']:,} dropped"
    if isinstance(cut.get("why"), str):
        note += f" ({cut['why']})"
    spilled = cut.get("spilled")
    if isinstance(spilled, int) and spilled > 0:
        part = "What was dropped is" if spilled >= cut["dropped"] else f"The first {spilled:,} of these are"
        note += f". {part} in the file {SPILL} of this run"
    return {"output_type": "stream", "name": "stderr", "text": f"{note}.\n"}
