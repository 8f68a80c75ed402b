"""What the page tells of a run, read out of an executed notebook whose every field may be anything."""

import re
from datetime import UTC, datetime
from typing import Any, Final

from nightbook.core.notebooks import ERROR_MARKER_TAG, INJECTED_TAG, PARAMETERS_TAG

_MARKS: Final = (ERROR_MARKER_TAG,)
_STATES: Final = frozenset({"completed", "failed", "running", "pending"})


def as_dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_text(value: object) -> str:
    """A text, or a list of lines, as one text; everything else is empty."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""


def cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """All cells but papermill's error marks: the page has marks of its own."""
    found = notebook.get("cells")
    every = [cell for cell in found if isinstance(cell, dict)] if isinstance(found, list) else []
    return [cell for cell in every if not has_tag(cell, *_MARKS)]


def has_tag(cell: dict[str, Any], *tags: str) -> bool:
    found = as_dict(cell.get("metadata")).get("tags")
    return isinstance(found, list) and any(tag in found for tag in tags)


def is_injected(cell: dict[str, Any]) -> bool:
    return cell.get("cell_type") == "code" and has_tag(cell, INJECTED_TAG)


def is_defaults(cell: dict[str, Any]) -> bool:
    return has_tag(cell, PARAMETERS_TAG)


def outputs(cell: dict[str, Any]) -> list[dict[str, Any]]:
    found = cell.get("outputs")
    return [output for output in found if isinstance(output, dict)] if isinstance(found, list) else []


def status(cell: dict[str, Any]) -> str | None:
    """The word that papermill left on the cell."""
    found = as_dict(as_dict(cell.get("metadata")).get("papermill")).get("status")
    return found if isinstance(found, str) and found in _STATES else None


def seconds(cell: dict[str, Any]) -> float | None:
    return _number(as_dict(as_dict(cell.get("metadata")).get("papermill")).get("duration"))


def failed_cell(shown: list[dict[str, Any]]) -> int | None:
    """The first cell that failed; an error output that the author expects (`raises-exception`) is none."""
    for index, cell in enumerate(shown):
        has_error = any(output.get("output_type") == "error" for output in outputs(cell))
        if status(cell) == "failed" or (
            has_error and status(cell) is None and not has_tag(cell, "raises-exception")
        ):
            return index
    return None


def language(notebook: dict[str, Any]) -> str:
    metadata = as_dict(notebook.get("metadata"))
    told = as_dict(metadata.get("kernelspec")).get("language") or as_dict(metadata.get("language_info")).get(
        "name"
    )
    return told.lower() if isinstance(told, str) else "python"


def parameters(notebook: dict[str, Any]) -> dict[str, Any]:
    return as_dict(as_dict(as_dict(notebook.get("metadata")).get("papermill")).get("parameters"))


def headline(notebook: dict[str, Any]) -> list[str]:
    """When it ran, for how long, and with which kernel."""
    metadata = as_dict(notebook.get("metadata"))
    ran = as_dict(metadata.get("papermill"))
    kernel = as_dict(metadata.get("kernelspec")).get("display_name")
    duration = _number(ran.get("duration"))
    told = [moment(ran.get("start_time")), f"took {span(duration)}" if duration is not None else None]
    return [fact for fact in (*told, kernel) if isinstance(fact, str) and fact]


def moment(value: object) -> str | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if at is None:
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    try:
        return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, ValueError):
        return None


def span(duration: float) -> str:
    """A duration as people say it: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min."""
    if duration < 10:
        return f"{duration:.1f} s"
    whole = round(duration)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 1e9 else None  # type: ignore[operator,arg-type]


def plain(text: str) -> str:
    """One visible line: for titles, that are strangers' text as well."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+", " ", text).strip()
