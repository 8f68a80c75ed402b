"""An executed notebook as slides: one page that scrolls from slide to slide, without a script.

Cells say in `metadata.slideshow.slide_type` where a slide begins, as in Jupyter's own slideshow. A
notebook that says nothing gets a slide for each of its headings of the first two levels.
"""

import re
from typing import Any, Final

from nightbook.core.rendering import facts
from nightbook.core.rendering.page import NOTHING, View, cell_html, document, head, view_of
from nightbook.core.rendering.style import SLIDES_STYLE

_BEGINS: Final = frozenset({"slide", "subslide"})
_HEADING: Final = re.compile(r"\s*#{1,2} ")
_SlideCells = list[tuple[int, dict[str, Any]]]


def render_slides(notebook: dict[str, Any], *, title: str, show_code: bool, banner: str | None = None) -> str:
    """One complete page, whatever the notebook holds. Send it with the header `CSP`.

    The first slide tells what ran and how it ended. Cells of type `skip` are left out, speaker notes are
    folded away at the foot of their slide, and what would show nothing is no slide.
    """
    shown, view = view_of(notebook, show_code=show_code)
    slides = [head(notebook, title, banner, view)]
    slides += filter(None, (_slide(cells, view) for cells in _slides(shown, view.failed)))
    if len(slides) == 1:
        slides.append(NOTHING)
    sections = (_section(made, number, len(slides)) for number, made in enumerate(slides, start=1))
    return document(title, SLIDES_STYLE, "<main>\n{}\n</main>".format("\n".join(sections)))


def _slides(shown: list[dict[str, Any]], failed: int | None) -> list[_SlideCells]:
    """The cells by slide, each with its place in the notebook. What failed is never skipped."""
    kinds = [_kind(cell) for cell in shown]
    is_marked = any(kind in _BEGINS for kind in kinds)
    slides: list[_SlideCells] = [[]]
    for index, (cell, kind) in enumerate(zip(shown, kinds, strict=True)):
        if kind == "skip" and index != failed:
            continue
        begins = kind in _BEGINS if is_marked else _is_heading(cell)
        if begins:
            slides.append([])
        slides[-1].append((index, cell))
    return slides


def _kind(cell: dict[str, Any]) -> str | None:
    found = facts.as_dict(facts.as_dict(cell.get("metadata")).get("slideshow")).get("slide_type")
    return found if isinstance(found, str) else None


def _is_heading(cell: dict[str, Any]) -> bool:
    return cell.get("cell_type") == "markdown" and bool(_HEADING.match(facts.as_text(cell.get("source"))))


def _slide(cells: _SlideCells, view: View) -> str:
    made = [(_kind(cell) == "notes", cell_html(cell, index, view)) for index, cell in cells]
    told = "\n".join(text for is_note, text in made if text and not is_note)
    notes = "\n".join(text for is_note, text in made if text and is_note)
    if notes:
        told += f'\n<details class="notes"><summary>Speaker notes</summary>{notes}</details>'
    return told


def _section(made: str, number: int, count: int) -> str:
    back = f'<a href="#slide-{number - 1}">Previous</a>' if number > 1 else "<span></span>"
    on = f'<a href="#slide-{number + 1}">Next</a>' if number < count else "<span></span>"
    place = f"<span>{number} / {count}</span>"
    return (
        f'<section class="slide" id="slide-{number}" aria-label="Slide {number} of {count}">\n'
        f'<div class="content">\n{made}\n</div>\n<nav aria-label="Slides">{back}{place}{on}</nav>\n</section>'
    )
