"""The page of an executed notebook: what ran and how it ended, then its cells from top to bottom."""

import functools
import html
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name

from nightbook.core.rendering import facts, prose
from nightbook.core.rendering.outputs import Budget, outputs_html
from nightbook.core.rendering.style import STYLE

#: The header under which the page must be sent; it gives the page an origin of its own.
CSP: Final = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:"

# A saved page has no header. `sandbox` has no effect here, the rest has.
_META_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:"
_MAX_COLOURED: Final = 100_000
_FORMATTER: Final = HtmlFormatter(nowrap=True)
_LEXERS: Final = {
    "python": "python", "ipython": "python", "ipython3": "python", "r": "r", "bash": "bash", "julia": "julia",
    "sql": "sql", "scala": "scala",
}  # fmt: skip
_MAGIC_LANGUAGES: Final = {"%%bash": "bash", "%%sh": "bash", "%%sql": "sql", "%%R": "r"}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def render_html(notebook: dict[str, Any], *, title: str, show_code: bool, banner: str | None = None) -> str:
    """One complete page, whatever the notebook holds. Send it with the header `CSP`."""
    shown, view = view_of(notebook, show_code=show_code)
    cells = "\n".join(filter(None, (cell_html(cell, index, view) for index, cell in enumerate(shown))))
    return document(
        title,
        STYLE,
        f"{head(notebook, title, banner, view)}\n<main>\n{cells or NOTHING}\n</main>",
    )


NOTHING: Final = '<p class="note">This notebook has nothing to show.</p>'


def document(title: str, style: str, body: str) -> str:
    """The page around *body*, which must be clean; *title* may be anybody's text."""
    page = _DOCUMENT.format(policy=_META_POLICY, style=style, title=_title(title), body=body)
    return _SURROGATE.sub("\ufffd", page)


def head(notebook: dict[str, Any], title: str, banner: str | None, view: "View") -> str:
    """What was run, when, and how it ended."""
    told = filter(None, (f"<h1>{_title(title)}</h1>", _facts(notebook), _banner(banner, view.failed)))
    return "<header>\n{}\n</header>".format("\n".join(told))


def _title(title: str) -> str:
    return html.escape(facts.plain(title) or "Notebook")


_DOCUMENT: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


@dataclass(frozen=True)
class View:
    """What a reader asked for, and what all cells of one page share."""

    language: str
    show_code: bool
    failed: int | None
    parameters: dict[str, Any]
    budget: Budget


def view_of(notebook: dict[str, Any], *, show_code: bool) -> tuple[list[dict[str, Any]], View]:
    """The cells to show, and the view that shows them."""
    shown = facts.cells(notebook)
    failed = facts.failed_cell(shown)
    return shown, View(facts.language(notebook), show_code, failed, facts.parameters(notebook), Budget())


def _facts(notebook: dict[str, Any]) -> str:
    told = [f"<span>{html.escape(facts.plain(fact))}</span>" for fact in facts.headline(notebook)]
    return f'<p class="facts">{"".join(told)}</p>' if told else ""


def _banner(words: str | None, failed: int | None) -> str:
    jump = '<a href="#failed-cell">Go to the cell that failed</a>' if failed is not None else ""
    if words is None and not jump:
        return ""
    told = html.escape(facts.plain(words), quote=False) if words else "A cell of this notebook failed."
    kind = "banner failed" if jump else "banner"
    return f'<p class="{kind}" role="status">{told} {jump}</p>'


def cell_html(cell: dict[str, Any], index: int, view: View) -> str:
    """One cell as clean HTML, or nothing where nothing of it is shown."""
    match cell.get("cell_type"):
        case "markdown":
            return _words(cell, index, view)
        case "code" if facts.is_injected(cell):
            return _given_parameters(cell, index, view)
        case "code":
            return _code_cell(cell, index, view)
        case "raw" if view.show_code and facts.as_text(cell.get("source")).strip():
            source = html.escape(facts.as_text(cell.get("source")), quote=False)
            return (
                f'<section class="cell raw"{_anchor(index, view)}><pre class="out">{source}</pre></section>'
            )
    return ""


def _anchor(index: int, view: View) -> str:
    return ' id="failed-cell"' if index == view.failed else f' id="cell-{index}"'


def _words(cell: dict[str, Any], index: int, view: View) -> str:
    source = facts.as_text(cell.get("source"))
    if not source.strip():
        return ""
    attachments = facts.as_dict(cell.get("attachments"))
    made = (
        prose.markdown(source, attachments)
        if view.budget.allows_markdown(source)
        else prose.as_written(source)
    )
    return f'<section class="cell prose"{_anchor(index, view)}>{view.budget.spend(made)}</section>'


def _code_cell(cell: dict[str, Any], index: int, view: View) -> str:
    made = outputs_html(cell, view.budget)
    if (
        facts.as_dict(facts.as_dict(cell.get("metadata")).get("jupyter")).get("outputs_hidden") is True
        and made
    ):
        made = f"<details><summary>Output</summary>{made}</details>"
    is_failed = index == view.failed
    code = _code(cell, view) if view.show_code else ""
    if not (made or code or is_failed):
        return ""
    mark = '<p class="mark"><span aria-hidden="true">✕</span> This cell failed</p>' if is_failed else ""
    kind = "cell code failed" if is_failed else "cell code"
    return f'<section class="{kind}"{_anchor(index, view)}>{mark}{code}{made}</section>'


def _code(cell: dict[str, Any], view: View) -> str:
    source = facts.as_text(cell.get("source")).strip("\n")
    if not source.strip():
        return ""
    made = view.budget.spend(f'<pre class="source"><code>{_coloured(source, view.language)}</code></pre>')
    if facts.as_dict(facts.as_dict(cell.get("metadata")).get("jupyter")).get("source_hidden") is True:
        made = f"<details><summary>Code</summary>{made}</details>"
    return f'<div class="input">{_side(cell, view)}{made}</div>'


def _side(cell: dict[str, Any], view: View) -> str:
    """Beside the code: the number of the execution, how long it took, or why it has neither."""
    count, took, status = cell.get("execution_count"), facts.seconds(cell), facts.status(cell)
    told = []
    if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 10**6:
        told.append(f"<span>[{count}]</span>")
    if facts.is_defaults(cell):
        told.append("<span>defaults</span>")
    if took is not None and took >= 0.05:
        told.append(f"<span>{facts.span(took)}</span>")
    if status == "running":
        told.append("<span>running</span>")
    if status == "pending" and view.failed is not None:
        told.append("<span>not run</span>")
    return f'<p class="side">{"".join(told)}</p>'


def _coloured(source: str, language: str) -> str:
    """The code with classes for its words; only languages whose lexers we know are taken."""
    name = _LEXERS.get(_MAGIC_LANGUAGES.get(source.split(None, 1)[0], language))
    if name is None or len(source) > _MAX_COLOURED:
        return html.escape(source, quote=False)
    made: str = highlight(source, _lexer(name), _FORMATTER)
    return made.rstrip("\n")


@functools.cache
def _lexer(name: str) -> Lexer:
    """Shared by threads, as the formatter is: neither keeps anything of a text that it was given."""
    return get_lexer_by_name(name, stripnl=False)


def _given_parameters(cell: dict[str, Any], index: int, view: View) -> str:
    """The values of this run as a table; where they are not recorded, the code that sets them."""
    if not view.parameters:
        return _code_cell(cell, index, view)
    rows = "".join(_parameter_row(name, value) for name, value in list(view.parameters.items())[:500])
    table = f"<table><caption>Parameters of this run</caption><tbody>{rows}</tbody></table>"
    made = table + outputs_html(cell, view.budget)
    return f'<section class="cell parameters"{_anchor(index, view)}>{made}</section>'


def _parameter_row(name: object, value: object) -> str:
    shown = html.escape(facts.plain(str(name)))
    return f'<tr><th scope="row">{shown}</th><td><code>{_value(value)}</code></td></tr>'


def _value(value: object) -> str:
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        text = "…"
    return html.escape(text if len(text) <= 2000 else text[:2000] + " …", quote=False)
