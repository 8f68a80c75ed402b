"""The outputs of a cell: for each the best form that may be shown, or a note that sends to the notebook."""

import html
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from nightbook.core.rendering import ansi, images, prose
from nightbook.core.rendering.facts import as_dict, as_text, outputs

MAX_TEXT: Final = 1 << 20
_TO_THE_NOTEBOOK: Final = "download the notebook to see it"
#: How Python writes an object that has no words of its own.
_OBJECT: Final = re.compile(r"<[\w. ]{1,100} object(?: at 0x[0-9a-f]+)?>")


@dataclass
class Budget:
    """What one page may still spend on all its outputs, so that it stays a page that opens."""

    characters: int = 48 << 20
    markup: int = 4 << 20
    words: int = 400_000

    def spend(self, made: str) -> str:
        if len(made) > self.characters:
            return note(f"The page is full; {_TO_THE_NOTEBOOK}.")
        self.characters -= len(made)
        return made

    def allows_markup(self, source: str) -> bool:
        self.markup -= len(source)
        return self.markup >= 0

    def allows_markdown(self, source: str) -> bool:
        self.words -= len(source)
        return self.words >= 0


def note(words: str) -> str:
    """A line of ours among the outputs."""
    return f'<p class="note">{html.escape(words, quote=False)}</p>'


def outputs_html(cell: dict[str, Any], budget: Budget) -> str:
    """All outputs of a code cell, neighbours of one stream joined."""
    return "".join(budget.spend(_output(output, budget)) for output in _joined(outputs(cell)))


def _joined(every: list[dict[str, Any]]) -> list[dict[str, Any]]:
    joined: list[dict[str, Any]] = []
    for output in every:
        last = joined[-1] if joined else {}
        if output.get("output_type") == "stream" and (last.get("output_type"), last.get("name")) == (
            "stream",
            output.get("name"),
        ):
            last["pieces"].append(as_text(output.get("text")))
        elif output.get("output_type") == "stream":
            joined.append({**output, "pieces": [as_text(output.get("text"))]})
        else:
            joined.append(output)
    return joined


def _output(output: dict[str, Any], budget: Budget) -> str:
    match output.get("output_type"):
        case "stream":
            return _stream("".join(output["pieces"]), is_error=output.get("name") == "stderr")
        case "error":
            return _error(output)
        case "display_data" | "execute_result":
            return _bundle(as_dict(output.get("data")), as_dict(output.get("metadata")), budget)
    return note(f"An output of an unknown kind; {_TO_THE_NOTEBOOK}.")


def _stream(text: str, *, is_error: bool) -> str:
    if not text:
        return ""
    label = ' aria-label="error stream"' if is_error else ""
    return _text(text, "stderr" if is_error else "stdout", label)


def _text(text: str, kind: str, label: str = "") -> str:
    shown = ansi.html_of(text[:MAX_TEXT].rstrip("\n"))
    cut = f"Cut after {MAX_TEXT >> 20} MiB; download the notebook to see all of it."
    return f'<pre class="out {kind}"{label}>{shown}</pre>' + (note(cut) if len(text) > MAX_TEXT else "")


def _error(output: dict[str, Any]) -> str:
    name, value = as_text(output.get("ename")) or "Error", as_text(output.get("evalue"))
    first_line = value.strip().partition("\n")[0][:1000]
    words = html.escape(f"{name}: {first_line}" if first_line else name, quote=False)
    trace = output.get("traceback")
    lines = [line for line in trace if isinstance(line, str)] if isinstance(trace, list) else []
    body = _text("\n".join(lines), "trace") if len(lines) > 1 or "\n" in "".join(lines) else ""
    return (
        f'<div class="error"><p class="error-words"><span aria-hidden="true">✕</span> {words}</p>{body}</div>'
    )


# ---------------------------------------------------------------- bundles


def _bundle(data: dict[str, Any], metadata: dict[str, Any], budget: Budget) -> str:
    """The best form that can be shown; where only a better one exists, a note says so."""
    if made := _rich(data, metadata, budget):
        return made
    plain = _plain(data)
    if not data or (plain and set(data) == {"text/plain"}):
        return plain
    text = "" if _OBJECT.fullmatch(as_text(data.get("text/plain")).strip()) else plain
    return text + note(f"This output has a form that is not shown here; {_TO_THE_NOTEBOOK}.")


def _rich(data: dict[str, Any], metadata: dict[str, Any], budget: Budget) -> str:
    marked_up = as_text(data.get("text/html"))
    if marked_up and (made := _markup(marked_up, budget)):
        return made
    words = as_text(data.get("text/markdown"))
    if words and budget.allows_markdown(words):
        return f'<div class="prose">{prose.markdown(words, {})}</div>'
    for kind in images.TYPES:
        if kind in data and (made := _picture(kind, data, as_dict(metadata.get(kind)))):
            return made
    formula = as_text(data.get("text/latex"))
    if formula:
        return f'<pre class="out math">{html.escape(formula[:MAX_TEXT], quote=False)}</pre>'
    return _json(data["application/json"]) if "application/json" in data and "text/plain" not in data else ""


def _markup(source: str, budget: Budget) -> str:
    """Clean HTML, or nothing where nothing is left to see."""
    if not budget.allows_markup(source) or not prose.is_cleanable(source[:MAX_TEXT]):
        return ""
    made = prose.clean(source[:MAX_TEXT])
    if not prose.is_visible(made):
        return ""
    cut = note(f"Cut after {MAX_TEXT >> 20} MiB; download the notebook to see all of it.")
    return f'<div class="markup">{made}</div>' + (cut if len(source) > MAX_TEXT else "")


def _picture(kind: str, data: dict[str, Any], metadata: dict[str, Any]) -> str:
    content = as_text(data[kind])
    found = images.drawing(content) if kind == "image/svg+xml" else images.picture(content)
    if not found:
        return ""
    words = as_text(data.get("text/plain")).strip()[:200]
    alt = "Figure" if not words or words.startswith("<") else words
    return (
        f"<figure>{found.tag(alt=alt, width=metadata.get('width'), height=metadata.get('height'))}</figure>"
    )


def _plain(data: dict[str, Any]) -> str:
    text = as_text(data.get("text/plain"))
    return _text(text, "result") if text else ""


def _json(value: object) -> str:
    try:
        return _text(json.dumps(value, indent=2, ensure_ascii=False), "result")
    except (ValueError, TypeError, RecursionError):
        return ""
