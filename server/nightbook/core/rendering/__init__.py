"""Rendering: an executed notebook as one page or as slides, without a script, safe to show to anybody.

The boundary is the header `CSP`, which gives the page an origin of its own; what is made here is
clean before that. Sanitised text is put into the page last and never parsed again.
"""

from nightbook.core.rendering.page import CSP, render_html
from nightbook.core.rendering.slides import render_slides

__all__ = ["CSP", "render_html", "render_slides"]
