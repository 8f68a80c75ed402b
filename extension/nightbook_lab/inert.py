"""Executed notebooks made harmless for JupyterLab's renderers. Pure: values in, values out.

A sanitised button with `data-commandlinker-…` still runs a command of JupyterLab when it is pressed,
and `metadata.trusted` would switch the sanitiser off; a run's output may hold either.
"""

import re
from typing import Any

#: Attribute names cannot be written with entities, so changing the name is enough.
_COMMAND_LINK = re.compile("data-commandlinker", re.IGNORECASE)
_NOT_MARKUP = ("text/plain", "image/png", "image/jpeg", "image/gif", "application/pdf")


def untrusted(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook without command links in markup, and without any word on trust."""
    cells = notebook.get("cells")
    return {**notebook, "cells": [_cell(cell) for cell in cells if isinstance(cell, dict)] if cells else []}


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    metadata = cell.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    cell = {**cell, "metadata": {key: value for key, value in metadata.items() if key != "trusted"}}
    if cell.get("cell_type") == "markdown":
        cell["source"] = _without_links(cell.get("source", ""))
    if "outputs" in cell:
        cell["outputs"] = [_output(output) for output in cell["outputs"] if isinstance(output, dict)]
    return cell


def _output(output: dict[str, Any]) -> dict[str, Any]:
    shown = output.get("data")
    if not isinstance(shown, dict):
        return output
    return {**output, "data": {kind: _shown(kind, value) for kind, value in shown.items()}}


def _shown(kind: str, value: object) -> object:
    return value if kind in _NOT_MARKUP else _without_links(value)


def _without_links(value: object) -> object:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "".join(value)  # a name may be spread over two lines of the list
    if isinstance(value, str):
        return _COMMAND_LINK.sub("data-removed", value)
    if isinstance(value, list):
        return [_without_links(part) for part in value]
    if isinstance(value, dict):
        return {key: _without_links(part) for key, part in value.items()}
    return value
