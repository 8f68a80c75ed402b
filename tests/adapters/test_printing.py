"""PDFs by a real browser: what a page may do on its way to paper, which is nothing."""

import http.server
import io
import os
import shutil
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import pypdf
import pytest

from nightbook.adapters import chromium, printing
from nightbook.adapters.chromium import CannotPrintError, PrintLimits, Wall
from nightbook.adapters.printing import Printer, TooMuchToPrintError
from nightbook.core import rendering

CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, chromium._NAMES)), None)
LINKS = (
    "[a](javascript:alert(1)) [b](file:///etc/passwd) <a href='data:text/html,x'>c</a> "
    "[good](https://example.org/)"
)
NO_POLICY = "default-src * 'unsafe-inline' 'unsafe-eval' data: blob: file:"


def page(body):
    return f'<!doctype html><meta charset="utf-8"><title>A page</title><body>{body}</body>'


def read(pdf):
    return pypdf.PdfReader(io.BytesIO(pdf))


def size(document):
    box = document.pages[0].mediabox
    return round(box.width), round(box.height)


def links(document):
    notes = [note.get_object() for sheet in document.pages for note in sheet.get("/Annots", [])]
    return [note["/A"]["/URI"] for note in notes if "/URI" in note.get("/A", {})]


def words(pdf):
    return "\n".join(sheet.extract_text() for sheet in read(pdf).pages)


@pytest.fixture(scope="module")
def program():
    if CHROMIUM is None:
        # Where the machine is meant to have one, its absence is a failure.
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing: install it, or name it in $CHROMIUM")
        pytest.skip("Chromium is not installed; name it in $CHROMIUM")
    return CHROMIUM


@pytest.fixture(scope="module")
def printer(program):
    # Root without bubblewrap has no sandbox; what the tests below see is then stopped by the guard alone.
    is_bare = os.geteuid() == 0 and shutil.which("bwrap") is None
    return Printer(program, policy=rendering.CSP, sandbox="none" if is_bare else "auto")


@pytest.fixture(scope="module")
def unruled(program, printer):
    """A printer that reads pages under a policy that forbids nothing: the walls behind it stand alone."""
    made = Printer(program, policy=NO_POLICY, sandbox=printer._sandbox)
    made._wall = printer.proven()
    return made


@contextmanager
def listening():
    """A server on this machine that notes who came."""
    came = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            came.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_page_becomes_a_document_with_its_words_title_outline_and_numbers(printer):
    notebook = {
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": "# Sales\n\n" + "Many words. " * 2000},
            {"cell_type": "markdown", "metadata": {}, "source": f"## Totals\n\nThe end. {LINKS}"},
        ]
    }

    pdf = printer.pdf(rendering.render_html(notebook, title="Daily sales", show_code=True))

    document = read(pdf)
    assert pdf.startswith(b"%PDF-")
    assert size(document) == pytest.approx((595, 842), abs=1)
    assert document.metadata.title == "Daily sales"
    assert document.outline[0].title == "Daily sales"
    assert len(document.pages) > 2
    assert f"2 / {len(document.pages)}" in document.pages[1].extract_text()
    assert "The end." in document.pages[-1].extract_text()
    # Nothing on paper leads to a file or to a script.
    assert links(document) == ["https://example.org/"]


def test_slides_become_a_sheet_each_of_the_paper_that_was_asked_for(printer):
    cells = [{"cell_type": "markdown", "metadata": {}, "source": f"# Part {n}"} for n in range(3)]

    pdf = printer.pdf(rendering.render_slides({"cells": cells}, title="Talk", show_code=True), "letter")

    told = [sheet.extract_text().split("\n") for sheet in read(pdf).pages]
    assert size(read(pdf)) == pytest.approx((792, 612), abs=1)
    assert [sorted(lines)[1:] for lines in told[1:]] == [["Part 0"], ["Part 1"], ["Part 2"]]


def test_no_script_of_a_page_runs_and_nothing_is_fetched_even_without_a_policy(unruled, tmp_path):
    secret = tmp_path / "secret.html"
    secret.write_text("<p>the secret words</p>")
    with listening() as (url, came):
        text = words(
            unruled.pdf(
                page(
                    f"""
                    <p>innocent words</p>
                    <script>document.body.append("script ran"); fetch("{url}/fetch")</script>
                    <img src="{url}/image" onerror="document.body.append('handler ran')">
                    <img src="data:image/png;base64,AA" onerror="document.body.append('handler ran')">
                    <svg onload="document.body.append('handler ran')"><image href="{url}/svg"/></svg>
                    <link rel="stylesheet" href="{url}/style"><style>@import "{url}/import";
                      @font-face {{ font-family: f; src: url({url}/font) }} p {{ font-family: f;
                      background: url({url}/background) }}</style>
                    <iframe src="{url}/frame"></iframe><object data="{url}/object"></object>
                    <embed src="{url}/embed"><video src="{url}/video" poster="{url}/poster"></video>
                    <link rel="preconnect" href="{url}"><link rel="prefetch" href="{url}/prefetch">
                    <iframe src="{secret.as_uri()}" width=600></iframe>
                    <iframe srcdoc="<script>parent.document.body.append('frame ran')</script>"></iframe>
                    <object data="{secret.as_uri()}"></object>
                    """
                )
            )
        )

    assert "innocent words" in text
    assert "ran" not in text.replace("innocent", "")
    assert "secret words" not in text
    assert came == []


def test_a_page_that_would_go_elsewhere_gets_nowhere(unruled):
    with listening() as (url, came):
        unruled.pdf(page(f'<meta http-equiv="refresh" content="0;url={url}/refresh"><p>words</p>'))

    assert came == []


def test_the_browser_gets_nothing_of_our_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("NIGHTBOOK_SECRET_KEY", "hidden")
    left = tmp_path / "environment"
    wall = Wall("a shell", ("/bin/sh", "-c", f"env > {left}; cat <&3"))

    with pytest.raises(CannotPrintError, match="took too long"):
        printing._print(wall, b"", "a4", "", PrintLimits(seconds=1.0))

    told = left.read_text()
    assert "HOME=" in told and "hidden" not in told and "NIGHTBOOK" not in told


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("b'no JSON\\0'", "did not start"),
        ("b'[1]\\0'", "did not start"),
        ('b\'{"id": 1, "result": 5}\\0\'', "did not start"),
        ('b\'{"method": "Fetch.requestPaused"}\\0\'', "did not start"),
        ("b'x' * (40 << 20)", "says too much"),
    ],
)
def test_a_browser_that_talks_nonsense_is_no_fault_of_ours(said, why):
    program = f"import os; left = {said}\nwhile left: left = left[os.write(4, left):]\nos.read(3, 1)"
    wall = Wall("a liar", (sys.executable, "-c", f"{program}; os.read(3, 1 << 20)"))

    with pytest.raises(CannotPrintError, match=why):
        printing._print(wall, b"", "a4", "", PrintLimits(seconds=20.0))


def test_a_browser_is_started_under_limits(tmp_path):
    left = tmp_path / "limits"
    wall = Wall("a shell", ("/bin/sh", "-c", f"(ulimit -d; ulimit -t; ulimit -c) > {left}; cat <&3"))

    with pytest.raises(CannotPrintError):
        printing._print(wall, b"", "a4", "", PrintLimits(memory_bytes=1 << 30, cpu_seconds=7, seconds=1.0))

    assert left.read_text().split() == [str(1 << 20), "7", "0"]


def test_a_print_that_takes_too_long_ends_and_leaves_nothing(printer, monkeypatch):
    # Not pytest's own folder: the path of a socket in it would be too long.
    folder = Path(tempfile.mkdtemp(prefix="nb"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    rows = "<tr>" + "<td>1</td>" * 40 + "</tr>"
    limits = PrintLimits(seconds=5.0)

    with pytest.raises(TooMuchToPrintError):
        printing._print(
            printer.proven(), page(f"<table>{rows * 20_000}</table>").encode(), "a4", NO_POLICY, limits
        )

    # Fails unless it is empty.
    folder.rmdir()


def test_a_pdf_over_its_limit_is_refused(program, printer):
    small = Printer(
        program, policy=rendering.CSP, sandbox=printer._sandbox, limits=PrintLimits(pdf_bytes=4000)
    )

    with pytest.raises(TooMuchToPrintError):
        small.pdf(page("words"))


def test_the_same_page_is_printed_once(printer, monkeypatch):
    printed = []
    monkeypatch.setattr(printing, "_print", lambda *asked: printed.append(asked) or b"%PDF-")

    printer.proven()
    for _ in range(2):
        printer.pdf(page("once"))
        printer.pdf(page("once"), "letter")

    assert [asked[2] for asked in printed if b"once" in asked[1]] == ["a4", "letter"]


def test_what_is_kept_has_an_end():
    shelf = printing._Shelf(10)
    for key in (b"a", b"b", b"c"):
        shelf.put(key, bytes(4))
        shelf.get(b"a")

    assert [key for key in (b"a", b"b", b"c") if shelf.get(key)] == [b"a", b"c"]


def test_a_machine_without_a_browser_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CannotPrintError, match="Install chromium") as told:
        Printer(None, policy="").proven()

    assert "NIGHTBOOK_CHROMIUM" in told.value.next_step


@pytest.mark.parametrize(("wanted", "code"), [("off", "switched off"), ("/no/such", "NIGHTBOOK_CHROMIUM")])
def test_the_setting_names_the_browser_or_switches_it_off(wanted, code):
    with pytest.raises(CannotPrintError, match=code):
        Printer(wanted, policy="").proven()


def test_a_browser_that_does_not_start_is_tried_once_and_told(monkeypatch, tmp_path):
    broken, count = tmp_path / "chromium", tmp_path / "count"
    broken.write_text(f"#!/bin/sh\necho once >> {count}\nexit 1\n")
    broken.chmod(0o755)
    printer = Printer(str(broken), policy="", sandbox="none")

    for _ in range(2):
        with pytest.raises(CannotPrintError, match="does not start within a sandbox"):
            printer.proven()

    assert count.read_text().split() == ["once"]


def test_root_without_bubblewrap_prints_only_when_told_to(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert list(chromium.walls("/usr/bin/chromium", "auto")) == []
    (bare,) = chromium.walls("/usr/bin/chromium", "none")
    assert "--no-sandbox" in bare.argv


def test_a_browser_in_somebodys_home_folder_does_not_open_that_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "home", lambda: tmp_path)

    with pytest.raises(CannotPrintError, match="no folder of its own"):
        list(chromium._places(str(tmp_path / "chromium")))
