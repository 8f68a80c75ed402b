"""The executed copy as HTML, slides, PDF and notebook: who gets it and when, and what is said otherwise."""

import io
import os
import re
import shutil
from dataclasses import replace

import pypdf
import pytest
from bad_world import RUN, UNKNOWN, V1, check_refused
from test_routes import LINES, attempt, end

from nightbook.adapters.chromium import PrintLimits
from nightbook.adapters.printing import Printer
from nightbook.api import exports
from nightbook.core import rendering

FORMATS = ["ipynb", "html", "slides", "pdf"]
COPY = b"""{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
  {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Sales"},
  {"cell_type": "code", "id": "b", "metadata": {}, "source": "secret_sauce()", "execution_count": 1,
   "outputs": [
    {"output_type": "stream", "name": "stdout", "text": "12 regions"},
    {"output_type": "display_data", "metadata": {}, "data": {
      "text/html": "<b>bold</b><script>alert(1)</script><img src=x onerror=alert(1)><iframe src=file:///etc></iframe>"
    }}]}]}"""


@pytest.fixture(scope="module")
def ended(world):
    run, order = attempt(world, LINES)
    answer = end(world, order, {"notebook.ipynb": COPY, "manifest.json": b"{}"})
    assert answer.status_code == 200, answer.text
    return run


@pytest.fixture
def printer(world):
    """Give the app another printer for the length of a test."""
    house = world.app.state.house

    def use(printer):
        world.app.state.house = replace(house, printer=printer)

    yield use
    world.app.state.house = house


@pytest.fixture(scope="module")
def chromium():
    """A printer that works, with its walls found."""
    named = os.environ.get("CHROMIUM")
    if not any(map(shutil.which, (named,) if named else ("chromium", "google-chrome"))):
        # Where the machine is meant to have one, its absence is a failure.
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing: install it, or name it in $CHROMIUM")
        pytest.skip("Chromium is not installed; name it in $CHROMIUM")
    is_bare = os.geteuid() == 0 and shutil.which("bwrap") is None
    return Printer(named, policy=rendering.CSP, sandbox="none" if is_bare else "auto")


@pytest.fixture
def real(printer, chromium):
    printer(chromium)


def export(world, run, form, **asked):
    return world.ask("GET", f"/runs/{run['id']}/export/{form}", **asked)


def test_a_pdf_has_the_words_of_the_copy_and_hides_its_code_where_asked(world, ended, real):
    shown = export(world, ended, "pdf")
    hidden = export(world, ended, "pdf", params={"code": "hidden", "paper": "letter"})

    told, less = (
        "\n".join(sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(answer.content)).pages)
        for answer in (shown, hidden)
    )
    assert (shown.status_code, shown.headers["content-type"]) == (200, "application/pdf")
    assert re.fullmatch(
        r'attachment; filename="daily-\d{8}T\d{4}\.pdf"', shown.headers["content-disposition"]
    )
    assert shown.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert "12 regions" in told and "secret_sauce" in told
    assert "12 regions" in less and "secret_sauce" not in less
    again = export(world, ended, "pdf", headers={"if-none-match": shown.headers["etag"]})
    assert again.status_code == 304


def test_what_can_be_made_is_told(world, real):
    items = world.ask("GET", "/exports").json()["items"]

    assert [item["format"] for item in items] == FORMATS
    assert all(item["is_available"] and item["reason"] is None for item in items)


@pytest.mark.parametrize("form", ["html", "slides"])
def test_a_page_is_shown_under_the_strict_policy_and_has_a_name_to_be_saved_under(world, ended, form):
    answer = export(world, ended, form)

    ending = "slides.html" if form == "slides" else "html"
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == rendering.CSP
    assert answer.headers["content-disposition"].startswith('inline; filename="daily-')
    assert answer.headers["content-disposition"].endswith(f'.{ending}"')
    assert "12 regions" in answer.text and "secret_sauce" in answer.text and "<b>bold</b>" in answer.text
    assert not re.search("<script|onerror|<iframe|alert", answer.text)
    assert "secret_sauce" not in export(world, ended, form, params={"code": "hidden"}).text


def test_the_notebook_is_the_copy_byte_for_byte(world, ended):
    assert export(world, ended, "ipynb").content == COPY


def test_an_unchanged_page_is_not_sent_again_and_a_part_of_it_may_be(world, ended):
    whole = export(world, ended, "slides")

    again = export(world, ended, "slides", headers={"if-none-match": whole.headers["etag"]})
    part = export(world, ended, "slides", headers={"range": "bytes=0-14"})

    assert (again.status_code, again.content) == (304, b"")
    assert (part.status_code, part.content) == (206, b"<!doctype html>")


@pytest.mark.parametrize("form", FORMATS)
def test_strangers_readers_without_the_scope_and_ids_of_nothing_get_nothing(world, ended, form):
    runs_only = world.token("pat", ["runs:read"])

    check_refused(world.client.get(f"{V1}/runs/{ended['id']}/export/{form}"), 401)
    check_refused(export(world, ended, form, token=runs_only), 403, "scope_missing")
    check_refused(export(world, {"id": UNKNOWN}, form), 404)


@pytest.mark.parametrize("form", FORMATS)
def test_a_run_that_goes_on_has_no_export_yet(world, form):
    waiting = world.post("/runs", {**RUN, "priority": 0}).json()

    problem = check_refused(export(world, waiting, form), 409, "not_ended")

    assert "/notebook.html" in problem["detail"]


@pytest.mark.parametrize("form", ["docx", "PDF", "pdf ", "latex", "..%2fhtml"])
def test_an_unknown_format_is_refused_by_name(world, ended, form):
    answer = export(world, ended, form)

    check_refused(answer, {404} if "%2f" in form else 422, field=None if "%2f" in form else "format")


@pytest.mark.parametrize(("name", "value"), [("paper", "a0"), ("code", "maybe"), ("theme", "dark")])
def test_a_wrong_wish_is_refused_with_its_field(world, ended, name, value):
    check_refused(export(world, ended, "pdf", params={name: value}), 422, field=name)


def test_a_server_without_a_browser_says_so_and_makes_all_else(world, ended, printer):
    printer(Printer("/no/such/browser", policy=rendering.CSP))

    refused = export(world, ended, "pdf")

    problem = check_refused(refused, 501, "export_unavailable")
    assert "NIGHTBOOK_CHROMIUM" in problem["detail"]
    assert "/no/such" not in refused.text
    pdf = world.ask("GET", "/exports").json()["items"][-1]
    assert (pdf["format"], pdf["is_available"]) == ("pdf", False)
    assert pdf["reason"] == problem["detail"]
    assert export(world, ended, "slides").status_code == 200


def test_what_is_too_large_to_print_is_told_with_a_way_out(world, ended, printer, chromium):
    narrow = Printer(None, policy=rendering.CSP, limits=PrintLimits(pdf_bytes=100))
    narrow._wall = chromium.proven()
    printer(narrow)

    problem = check_refused(export(world, ended, "pdf"), 413, "export_too_large")

    assert "html" in problem["detail"]


def test_who_comes_when_many_wait_is_asked_to_come_again(world, ended, monkeypatch):
    monkeypatch.setattr(exports, "_MOST_WAITING", 0)

    answer = export(world, ended, "pdf")

    check_refused(answer, 503, "export_busy")
    assert int(answer.headers["retry-after"]) > 0
