"""The old notebook format 3 in the terms of format 4, field by field.

Only shapes are changed; whatever is not as format 3 wants it is passed on for `notebooks.read` to refuse.
"""

from collections.abc import Mapping
from typing import Any

from nightbook.core.errors import Invalid


def upgraded(content: Mapping[str, Any]) -> dict[str, Any]:
    """The same notebook in format 4: worksheets joined, headings as markdown. Or Invalid."""
    sheets = content.get("worksheets")
    if not isinstance(sheets, list):
        raise Invalid("not_a_notebook", "A notebook of format 3 has a list of worksheets.", field="content")
    cells: list[object] = []
    for sheet in sheets:
        if not isinstance(sheet, dict) or not isinstance(sheet.get("cells"), list):
            raise Invalid("not_a_notebook", "Each worksheet has a list of cells.", field="content")
        cells.extend(_cell(cell) for cell in sheet["cells"])
    metadata = content.get("metadata", {})
    if isinstance(metadata, dict):
        metadata = {key: value for key, value in metadata.items() if key != "name"}
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": cells}


def _cell(cell: object) -> object:
    if not isinstance(cell, dict):
        return cell
    metadata = cell.get("metadata", {})
    match cell.get("cell_type"):
        case "code":
            return {
                "cell_type": "code",
                "metadata": metadata,
                "source": cell.get("input", ""),
                "execution_count": cell.get("prompt_number"),
                "outputs": cell.get("outputs", []),
            }
        case "heading":
            return {"cell_type": "markdown", "metadata": metadata, "source": _heading(cell)}
        case "html" | "markdown":
            return {"cell_type": "markdown", "metadata": metadata, "source": cell.get("source", "")}
        case kind:
            return {"cell_type": kind, "metadata": metadata, "source": cell.get("source", "")}


def _heading(cell: Mapping[str, Any]) -> object:
    source, level = cell.get("source", ""), cell.get("level", 1)
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or type(level) is not int:
        return None
    return "#" * min(max(level, 1), 6) + " " + " ".join(source.splitlines())
