"""Slides of an executed notebook: as safe as its page, and cut where its author cut it."""

import re
import sys
from pathlib import Path

import pytest

from nightbook.core.rendering import render_slides

# Tests are imported by file, so what stands beside them is found only if we say so.
sys.path.insert(0, str(Path(__file__).parent))
from test_rendering import EVERY_ATTRIBUTE, EVERY_TAG, PNG, Page, code, display, error, markdown, stream


def kind(slide_type, **metadata):
    return {"metadata": {"slideshow": {"slide_type": slide_type}, **metadata}}


def slides(*cells, show_code=True, banner=None):
    """The page, and the words of each slide after the first one, which tells what ran."""
    text = render_slides({"cells": list(cells)}, title="Talk", show_code=show_code, banner=banner)
    sections = re.findall(r'<section class="slide".*?</nav>', text, re.DOTALL)
    return text, [" ".join(Page(section.partition("<nav")[0]).words.split()) for section in sections[1:]]


def test_slides_begin_where_the_author_says():
    _, told = slides(
        markdown("one", **kind("slide")),
        code("x", stream("out")),
        markdown("deeper", **kind("subslide")),
        markdown("more", **kind("fragment")),
        markdown("two", **kind("slide")),
    )

    assert told == ["one [1]xout", "deeper more", "two"]


def test_without_a_word_of_the_author_each_high_heading_begins_a_slide():
    _, told = slides(markdown("# One"), code("x"), markdown("### Detail"), markdown("## Two"))

    assert told == ["One [1]x Detail", "Two"]


def test_skipped_cells_are_left_out_and_notes_are_folded_away():
    text, told = slides(
        markdown("shown", **kind("slide")),
        markdown("say this", **kind("notes")),
        markdown("unseen", **kind("skip")),
    )

    assert told == ["shown Speaker notessay this"]
    assert "unseen" not in text
    assert '<details class="notes"><summary>' in text


def test_what_failed_is_shown_even_where_it_is_skipped():
    failed = code("1/0", error("ZeroDivisionError", "division by zero"), **kind("skip"))

    text, told = slides(markdown("a", **kind("slide")), failed)

    assert "ZeroDivisionError: division by zero" in told[0]
    assert 'href="#failed-cell"' in text and 'id="failed-cell"' in text


def test_a_slide_with_nothing_to_show_is_none():
    text, told = slides(
        markdown("a", **kind("slide")), code("hidden = 1", **kind("slide")), markdown("b", **kind("slide")),
        show_code=False,
    )  # fmt: skip

    assert told == ["a", "b"]
    assert "hidden = 1" not in text
    assert "2 / 3" in text


def test_every_slide_is_reached_by_links_alone():
    text, _ = slides(*(markdown(str(n), **kind("slide")) for n in range(3)))
    page = Page(text)

    ids = {attributes["id"] for attributes in page.all("section") if "slide" in attributes["class"].split()}
    targets = {attributes["href"].removeprefix("#") for attributes in page.all("a")}

    assert ids == targets == {f"slide-{n}" for n in range(1, 5)}


def test_an_empty_notebook_says_so():
    text, _ = slides()

    assert "This notebook has nothing to show." in text


LINK = re.compile(r"#(?:slide-\d+|failed-cell)$|https?://|mailto:")
HOSTILE = [
    markdown("<script>alert(1)</script><img src=x onerror=alert(1)>", **kind("slide")),
    markdown("[a](javascript:alert(1)) ![b](http://evil.test/x.png)", **kind("notes")),
    markdown("</section></main><iframe src='file:///etc/passwd'></iframe>", **kind("slide")),
    markdown('<a href="#slide-2" id="slide-1" class="slide">x</a>'),
    code("x", display({"image/png": PNG}, {"image/png": {"width": "1 onerror=alert(1)//"}}), **kind("slide")),
    code("x", display({"text/html": "<svg onload=alert(1)><script>alert(1)</script></svg>"})),
    code("x", display({"text/vnd.mermaid": "<script>alert(1)</script>"})),
    code("x", display({"text/html": "<form action=//evil.test><base href=//evil.test><link rel=x href=y>"})),
    markdown("y", **kind('slide"><script>alert(1)</script>')),
    markdown("z", **kind(["slide"])),
    {"cell_type": "markdown", "source": "no metadata"},
    {"cell_type": "markdown", "metadata": {"slideshow": "slide"}, "source": "odd metadata"},
]


@pytest.mark.parametrize("show_code", [True, False])
def test_hostile_cells_leave_nothing_that_acts_or_loads(show_code):
    text, _ = slides(*HOSTILE, show_code=show_code, banner="<script>alert(1)</script>")
    page = Page(text)

    for tag, attributes in page.tags:
        assert tag in EVERY_TAG | {"nav"}
        assert set(attributes) <= EVERY_ATTRIBUTE, (tag, attributes)
        assert not any(name.startswith("on") for name in attributes)
        assert tag != "a" or LINK.match(attributes.get("href", "#slide-1"))
        assert attributes.get("src", "data:image/").startswith("data:image/")
    assert len(page.all("section")) >= 4
    assert len({one["id"] for one in page.all("section")}) == len(page.all("section"))
    assert "default-src 'none'" in page.all("meta")[1]["content"]
