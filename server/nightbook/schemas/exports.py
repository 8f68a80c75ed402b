"""Exports: the forms in which an executed copy may be taken, and which of them a server can make."""

from typing import Literal

from nightbook.schemas.words import SCHEMA_VERSION, View

ExportFormat = Literal["ipynb", "html", "slides", "pdf"]
Paper = Literal["a4", "letter"]


class ExportFormatView(View):
    """A form; where it is not available, the reason says what to do about it."""

    format: ExportFormat
    media_type: str
    is_available: bool = True
    reason: str | None = None


class ExportFormatList(View):
    schema_version: int = SCHEMA_VERSION
    items: list[ExportFormatView]
