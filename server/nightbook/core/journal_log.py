"""The log of an attempt: its journal as text, for a person who reads it from top to bottom."""

import re
from collections.abc import Iterable
from datetime import timedelta

from nightbook.core.journal import SHAPES, error_line, instant
from nightbook.core.outputs import Record, clean_output

_SURROGATE = re.compile("[\ud800-\udfff]")
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]")


def log_text(lines: Iterable[Record]) -> str:
    """What happened, for a person: the platform's notes with their times, and what the notebook printed."""
    parts: list[str] = []
    start = instant(None)
    for record in lines:
        if record["k"] == "begin":
            start = instant(record["at"])
        text = _log_part(record)
        if record["k"] in ("text", "out"):
            parts.append(text)
            continue
        if text:
            if parts and not parts[-1].endswith("\n"):
                parts.append("\n")
            moment = (start + timedelta(milliseconds=record["t"])).isoformat(timespec="milliseconds")
            parts.append(f"{moment.replace('+00:00', 'Z')} {text}\n")
    return _SURROGATE.sub("\ufffd", "".join(parts))


def _log_part(record: Record) -> str:
    kind = record["k"]
    cell = f"cell {record['i'] + 1}" if "i" in SHAPES.get(kind, {}) else ""
    if kind == "text":
        return _ANSI.sub("", record["s"])
    if kind == "out":
        return _output_text(record["o"])
    if kind == "begin":
        return f"attempt {record.get('attempt')} began with {len(record['ids'])} cells"
    if kind == "kernel":
        return f"kernel {record.get('name')} is ready"
    if kind == "cell":
        return f"{cell} started"
    if kind == "done":
        return _done_text(record, cell)
    if kind == "cut":
        return f"{cell}: {record['what']} cut, {record['dropped']:,} bytes dropped"
    if kind == "stop":
        return f"stopping ({record['cause']}): {record['step']}"
    if kind == "note":
        return str(record["s"])
    if kind == "end":
        return ": ".join(str(part) for part in ("ended", record["state"], record.get("reason")) if part)
    return ""


def _done_text(record: Record, cell: str) -> str:
    if record["started"] == record["ended"] and not record.get("error"):
        return ""  # nothing was executed: a text cell
    seconds = (record["ended"] - record["started"]) / 1000
    return f"{cell} {record['status']} after {seconds:.1f} s"


def _output_text(output: Record) -> str:
    clean = clean_output(output)
    if clean is None:
        return ""
    if clean["output_type"] == "error":
        lines = clean["traceback"] or [error_line(clean) or "error"]
        return _ANSI.sub("", "\n".join(lines)) + "\n"
    if clean["output_type"] == "stream":
        return _ANSI.sub("", clean["text"])
    plain = clean["data"].get("text/plain")
    return _ANSI.sub("", plain) + "\n" if isinstance(plain, str) else ""
