"""The safe view of an executed notebook (security.md §7; rows 60-62 of the bad-input catalogue).

Hostile pages are judged by what a parser finds in them: only known tags, no attribute that acts.
"""

import base64
import struct
import time
import zlib
from html.parser import HTMLParser

import pytest

from nightbook.core.rendering import CSP, render_html
from nightbook.core.rendering.ansi import html_of

EVERY_TAG = set(
    """
    html head meta title style body header main section h1 h2 h3 h4 h5 h6 p span a div pre code
    figure img table caption thead tbody tr th td details summary em strong ul ol li blockquote
    i b br hr del sup small u s
    """.split()  # noqa: SIM905 (words read better without quotes)
)
EVERY_ATTRIBUTE = set(
    """
    lang charset http-equiv content name class id role href rel scope src alt width height title align
    colspan rowspan aria-hidden aria-label start open
    """.split()  # noqa: SIM905 (words read better without quotes)
)


class Page(HTMLParser):
    """What a browser would find: tags with their attributes, and the words between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def png(width=2, height=1):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + b"\0" * 6))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")).decode()


PNG = png()


def code(source="x", *outputs, **fields):
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": source, "outputs": list(outputs)}
    return cell | {"execution_count": 1} | fields


def markdown(source, **fields):
    return {"cell_type": "markdown", "id": "m", "metadata": {}, "source": source} | fields


def display(data, metadata=None):
    return {"output_type": "display_data", "data": data, "metadata": metadata or {}}


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def error(name="ValueError", value="no", trace=()):
    return {"output_type": "error", "ename": name, "evalue": value, "traceback": list(trace)}


def render(*cells, metadata=None, title="Sales", show_code=True, banner=None):
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata or {}, "cells": list(cells)}
    return render_html(notebook, title=title, show_code=show_code, banner=banner)


def judged(text):
    """The page, after the judgement that nothing in it can act."""
    page = Page(text)
    for tag, attributes in page.tags:
        assert tag in EVERY_TAG
        assert set(attributes) <= EVERY_ATTRIBUTE, (tag, attributes)
        assert tag != "a" or (attributes.get("href") or "#failed-cell").startswith(
            ("#failed-cell", "http://", "https://", "mailto:")
        )
        assert tag != "img" or attributes.get("src", "data:image/").startswith("data:image/")
        assert attributes.get("width", "1").isdigit()
        assert attributes.get("height", "1").isdigit()
        assert attributes.get("id", "cell-").startswith(("cell-", "failed-cell"))
    assert len(page.all("style")) == 1
    assert text.startswith("<!doctype html>")
    return page


def test_a_report_is_shown_with_code_and_outputs():
    page = judged(
        render(
            markdown(
                "# Report\n\nSome **words** and a [link](https://example.org/a).\n\n|a|b|\n|-|-:|\n|1|2|"
            ),
            code("print('hi')", stream("hi\n")),
            code("figure", display({"image/png": PNG, "text/plain": "<Figure size 1x1>"})),
        )
    )

    assert "Report" in page.words
    assert "print('hi')" in page.words
    assert "[1]print('hi')hi" in page.words
    assert page.all("img") == [
        {"src": f"data:image/png;base64,{PNG}", "alt": "Figure", "width": "2", "height": "1"}
    ]
    assert {"href": "https://example.org/a", "rel": "noopener noreferrer nofollow"} in page.all("a")
    assert {"align": "right"} in page.all("td")


def test_code_is_hidden_for_readers_and_outputs_stay():
    text = render(code("secret_sauce = 1", stream("42")), code("quiet = 2"), show_code=False)

    assert "secret_sauce" not in text
    assert "quiet" not in text
    assert "42" in text


def test_the_failed_cell_is_marked_and_linked_from_the_top():
    failed = code(
        "1/0",
        error(
            "ZeroDivisionError",
            "division by zero",
            ["-----", "\x1b[31mZeroDivisionError\x1b[0m: division by zero"],
        ),
        metadata={"papermill": {"status": "failed", "duration": 1.25}},
    )
    pending = code("later", execution_count=None, metadata={"papermill": {"status": "pending"}})

    page = judged(render(code("a"), failed, pending, banner="This run failed."))

    assert {"href": "#failed-cell"} in page.all("a")
    assert [attributes["id"] for attributes in page.all("section")] == ["cell-0", "failed-cell", "cell-2"]
    assert "This cell failed" in page.words
    assert "ZeroDivisionError: division by zero" in page.words
    assert "not run" in page.words
    assert "\x1b" not in page.words


def test_the_failed_cell_is_marked_with_code_hidden_too():
    page = judged(render(code("1/0", error()), show_code=False))

    assert page.all("section")[0]["id"] == "failed-cell"


def test_an_expected_error_is_no_failure():
    expected = code(
        "1/0", error(), metadata={"tags": ["raises-exception"], "papermill": {"status": "completed"}}
    )

    assert "failed-cell" not in render(expected).split("</style>")[1]


def test_marks_of_papermill_are_replaced_by_our_own():
    mark = markdown(
        '<span id="papermill-error-cell">An Exception was encountered</span>',
        metadata={"tags": ["papermill-error-cell-tag"]},
    )

    assert "An Exception" not in render(mark, code("1/0", error()))


def test_given_parameters_are_a_table():
    injected = code("region = 'north'\nn = 3", metadata={"tags": ["injected-parameters"]})
    given = {"papermill": {"parameters": {"region": "<b>north</b>", "n": 3, "names": ["é"]}}}

    page = judged(render(injected, metadata=given, show_code=False))

    assert page.words.split("Parameters of this run")[1].strip() == 'region<b>north</b>n3names["é"]'
    assert len(page.all("tr")) == 3


def test_when_and_how_long_it_ran_is_told():
    ran = {
        "papermill": {"start_time": "2026-11-23T08:30:00+01:00", "duration": 75.2},
        "kernelspec": {"display_name": "Python 3"},
    }

    page = judged(render(metadata=ran))

    assert "2026-11-23 07:30 UTC" in page.words
    assert "took 1 min 15 s" in page.words


def test_the_header_gives_the_page_an_origin_of_its_own():
    assert CSP == "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:"


HOSTILE_MARKUP = [
    "<script>steal()</script>",
    "<img src=x onerror=steal()>",
    "<svg onload=steal()><script>steal()</script></svg>",
    "<iframe srcdoc='<script>steal()</script>'></iframe>",
    "<a href='javascript:steal()'>x</a>",
    "<a href=' java\nscript:steal()'>x</a>",
    "<a href='data:text/html,<script>steal()</script>'>x</a>",
    "<a href='//evil.example/steal'>x</a>",
    "<a href='/api/v1/me'>x</a>",
    "<button data-commandlinker-command='steal' data-commandlinker-args='{}'>x</button>",
    "<p style='background:url(//steal)'>x</p>",
    "<style>@import '//steal'</style>",
    "<link rel=stylesheet href=//steal>",
    "<meta http-equiv=refresh content='0;url=//steal'>",
    "<base href=//steal>",
    "<form action=//steal><input name=x></form>",
    "<math><mtext><table><mglyph><style><img src=x onerror=steal()>",
    "<object data=steal></object><embed src=steal>",
    "<img src='https://steal.example/beacon.png'>",
    "<table background=//steal><td>x</td></table>",
    "<p id=failed-cell name=body class=banner>x</p>",
    "<noscript><p title='</noscript><img src=x onerror=steal()>'>",
    "<video src=//steal autoplay>",
    "<img src='data:text/html;base64,c3RlYWw='>",
    "<img width='1 onerror=steal()' src='data:image/png;base64," + PNG + "'>",
    "</section></main></body><script>steal()</script>",
    "<!--><script>steal()</script>-->",
    "<template><script>steal()</script></template>",
    "<div class=mermaid>steal</div><a target=_top href='https://ok.example'>x</a>",
    "<img srcset='//steal 1x' alt=x>",
    "<details ontoggle=steal() open>x</details>",
]


@pytest.mark.parametrize("markup", HOSTILE_MARKUP)
def test_hostile_markup_is_inert_wherever_it_stands(markup):
    forms = ("text/html", "text/plain", "text/markdown", "text/latex", "image/svg+xml", "application/json")
    cells = [
        markdown(markup),
        markdown(f"[a]({markup})\n\n![{markup}](x)\n\n$$\n{markup}\n$$ and ${markup}$"),
        markdown(f"```html\n{markup}\n```\n\n`{markup}`\n\n|{markup}|b|\n|-|-|\n|{markup}|2|"),
        markdown("![x](attachment:a)", attachments={"a": {"image/png": markup, markup: markup}}),
        code(markup, stream(markup), stream(markup, "stderr"), error(markup, markup, [markup])),
        *[code("x", display({kind: markup})) for kind in forms],
        code("x", display({markup: markup})),
        code("x", display({"image/png": PNG}, {"image/png": {"width": markup, "height": markup}})),
        {"cell_type": "raw", "metadata": {}, "source": markup},
        code("x", metadata={"tags": ["injected-parameters"]}),
    ]
    metadata = {
        "kernelspec": {"display_name": markup, "language": markup},
        "papermill": {"parameters": {markup: markup}, "start_time": markup},
    }

    judged(render(*cells, metadata=metadata, title=markup, banner=markup))


def test_a_picture_with_code_in_its_size_has_its_own_size():
    hostile = {"image/png": {"width": "1 onerror=steal()//", "height": 3.5}}

    page = judged(render(code("x", display({"image/png": PNG}, hostile))))

    assert page.all("img") == [{"src": f"data:image/png;base64,{PNG}", "alt": "Figure", "height": "3"}]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "x",
        "PGh0bWw+",
        base64.b64encode(b"GIF89a").decode(),
        png(100_000, 100_000),
        png(0, 5),
        None,
        ["a", 1],
        {},
    ],
)
def test_what_is_no_sound_picture_is_left_to_the_download(content):
    page = judged(render(code("x", display({"image/png": content}))))

    assert page.all("img") == []
    assert "download the notebook" in page.words


def test_a_drawing_is_a_picture_and_not_part_of_the_page():
    page = judged(
        render(code("x", display({"image/svg+xml": "<svg xmlns='a'><script>steal()</script></svg>"})))
    )

    assert [attributes["src"][:26] for attributes in page.all("img")] == ["data:image/svg+xml;base64,"]
    bomb = "<!DOCTYPE svg [<!ENTITY a 'aaaa'>]><svg>&a;</svg>"
    assert judged(render(code("x", display({"image/svg+xml": bomb})))).all("img") == []


@pytest.mark.parametrize(
    "kind",
    [
        "text/vnd.mermaid",
        "application/javascript",
        "application/vnd.jupyter.widget-view+json",
        'text/html"><script>steal()</script>',
        "application/pdf",
    ],
)
def test_other_forms_are_left_to_the_download(kind):
    page = judged(render(code("x", display({kind: "graph TD; steal", "text/plain": "a graph"}))))

    assert "a graph" in page.words
    assert "download the notebook" in page.words
    assert "TD" not in page.words


def test_script_only_markup_falls_back_to_the_picture_or_the_words():
    page = judged(
        render(
            code("x", display({"text/html": "<div id=plot></div><script>plot()</script>", "image/png": PNG}))
        )
    )
    assert len(page.all("img")) == 1

    page = judged(
        render(
            code(
                "x",
                display(
                    {"text/html": "<script>x</script>", "text/plain": "<IPython.core.display.HTML object>"}
                ),
            )
        )
    )
    assert "IPython" not in page.words
    assert "download the notebook" in page.words


def test_a_table_of_pandas_keeps_its_cells_and_loses_its_style():
    table = (
        '<div><style scoped>.x{}</style><table border="1" class="dataframe"><thead>'
        '<tr style="text-align: right;"><th></th><th>a</th></tr></thead>'
        '<tbody><tr><th>0</th><td colspan="2">1.5</td></tr></tbody></table></div>'
    )

    page = judged(render(code("df", display({"text/html": table, "text/plain": "a 1.5"}))))

    assert {"colspan": "2"} in page.all("td")
    assert ".x{}" not in page.words
    assert "download" not in page.words


def test_attachments_become_pictures():
    page = judged(
        render(markdown("![a plan](attachment:plan.png)", attachments={"plan.png": {"image/png": PNG}}))
    )

    assert page.all("img") == [
        {"src": f"data:image/png;base64,{PNG}", "alt": "a plan", "width": "2", "height": "1"}
    ]


def test_formulas_and_prices_stay_as_they_were_written():
    page = judged(render(markdown("It costs $5 and $6.\n\n$a_1 < b_2*c$ and\n\n$$\n\\sum_{i} x_i\n$$")))

    assert "$5 and $6" in page.words
    assert "$a_1 < b_2*c$" in page.words
    assert "\\sum_{i} x_i" in page.words


def test_colours_become_classes_and_all_else_is_escaped():
    assert html_of(
        "\x1b[1;31mbad\x1b[0m <b>\x1b[38;5;2mok\x1b[39m \x1b[38;2;255;255;255mw\x1b[m\x1b[2K\x1b]0;t\x07."
    ) == ('<span class="f1 ab">bad</span> &lt;b&gt;<span class="f2">ok</span> <span class="f15">w</span>.')
    assert html_of("\x1b[7mx\x1b[0m\x07") == '<span class="f15 b0">x</span>\ufffd'


def test_a_progress_bar_shows_its_last_state():
    assert html_of(" 10%\r 50%\r100%\nnext\r\nlast\r") == "100%\nnext\nlast"


def test_text_of_more_than_a_mebibyte_is_cut_with_a_note():
    page = judged(render(code("x", stream("a" * (3 << 20)))))

    assert page.words.count("a" * 1000) <= 1049
    assert "Cut after 1 MiB" in page.words


def test_pieces_of_one_stream_are_one_output():
    assert len(judged(render(code("x", stream("a"), stream("b"), stream("c", "stderr")))).all("pre")) == 3


@pytest.mark.parametrize(
    "notebook",
    [
        {},
        {"cells": None},
        {"cells": [None, 1, {}, {"cell_type": "code"}]},
        {"cells": {}, "metadata": []},
        {
            "cells": [
                code(
                    "x",
                    None,
                    3,
                    {},
                    {"output_type": []},
                    display([]),
                    display({"text/plain": 3}),
                    display({"text/html": {}}),
                    {"output_type": "error", "traceback": 4},
                    {"output_type": "stream", "text": None},
                    display({"application/json": {"a": [1]}}),
                )
            ]
        },
        {
            "cells": [
                code(
                    3,
                    execution_count="<b>",
                    metadata={"tags": {}, "papermill": {"duration": "x", "status": ["a"]}, "jupyter": []},
                ),
                markdown(None, attachments=3),
            ]
        },
        {
            "metadata": {
                "papermill": {
                    "start_time": "0001-01-01T00:00:00+14:00",
                    "duration": float("nan"),
                    "parameters": {"x": float("inf")},
                }
            },
            "cells": [code("x", metadata={"tags": ["injected-parameters"]})],
        },
    ],
)
def test_a_broken_notebook_still_gives_a_page(notebook):
    judged(render_html(notebook, title="\ud800", show_code=True))


def test_lone_surrogates_do_not_stop_the_page():
    assert render(code("x", stream("a\ud800b")), title="\udfff").encode()


@pytest.mark.parametrize(
    "piece",
    [
        "<div>",
        "<b>",
        "<ul><li>",
        "<table>",
        "<div a='<'>",
        "<!--</div>--><div>",
        "<div></x>",
        "[",
        "**a ",
        "[a](",
        "* a\n ",
        "- a\n\n",
        "> ",
    ],
)
def test_markup_made_to_cost_time_costs_little(piece):
    text = piece * (1_000_000 // len(piece))
    began = time.process_time()

    judged(render(code("x", display({"text/html": text})), markdown(text[:30_000]), markdown(text[:30_000])))

    assert time.process_time() - began < 4


def test_a_notebook_of_a_thousand_cells_takes_a_second_or_two():
    cells = [
        code("for i in range(10):\n    print(f'{i}')  # count", stream("0\n1\n"), id=str(n))
        for n in range(1000)
    ]
    began = time.process_time()

    render(*cells)

    assert time.process_time() - began < 4
