"""`nightbook runs export`, and what `doctor` says of printing."""

import os
import shutil

import pytest


@pytest.fixture
def finished(nightbook):
    return nightbook("run", "daily_sales.ipynb", "--wait", "-o", "json").json["id"]


def test_slides_are_saved_under_their_own_name_or_the_one_that_is_wished(nightbook, finished, tmp_path):
    named = nightbook("runs", "export", finished, "--format", "slides", "--to", tmp_path / "talk.html")
    own = nightbook("runs", "export", finished, "--format", "slides", "--to", tmp_path, "-o", "json")

    assert named.code == own.code == 0
    assert named.out == f"{tmp_path / 'talk.html'}\n"
    assert "12 regions" in (tmp_path / "talk.html").read_text()
    assert own.json["file"].startswith(str(tmp_path / "daily_sales-"))
    assert own.json["file"].endswith(".slides.html")


def test_code_is_left_out_where_it_is_not_wanted(nightbook, finished, tmp_path):
    for option, is_there in (("--code", True), ("--no-code", False)):
        nightbook("runs", "export", finished, "--format", "html", option, "--to", tmp_path / "page.html")

        assert ("12 regions" in (tmp_path / "page.html").read_text()) is is_there


def test_pdf_is_what_is_made_where_nothing_is_said(nightbook, finished, tmp_path):
    if shutil.which("chromium") is None or (os.geteuid() == 0 and shutil.which("bwrap") is None):
        if os.environ.get("CI"):
            pytest.fail("Chromium or bubblewrap is missing")
        pytest.skip("no Chromium that prints here")

    said = nightbook("runs", "export", finished, "--to", tmp_path / "sales.pdf")

    assert (said.code, said.err) == (0, "")
    assert (tmp_path / "sales.pdf").read_bytes().startswith(b"%PDF-")


def test_a_run_that_goes_on_is_one_line_of_error_and_no_file(nightbook, tmp_path):
    running = nightbook("run", "daily_sales.ipynb", "-p", "region=forever", "-o", "json").json["id"]

    said = nightbook("runs", "export", running, "--to", tmp_path / "early.pdf")

    nightbook("runs", "cancel", running, "--wait")
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert "has not ended" in said.err
    assert not (tmp_path / "early.pdf").exists()


def test_a_format_that_there_is_not_is_a_wrong_command(nightbook, finished):
    said = nightbook("runs", "export", finished, "--format", "docx")

    assert said.code == 2
    assert "slides" in said.err


@pytest.mark.parametrize(("chromium", "verdict"), [("off", "ok"), ("/no/such", "warning")])
def test_the_check_up_says_whether_pdfs_can_be_made(bare, house, monkeypatch, chromium, verdict):
    monkeypatch.setenv("NIGHTBOOK_HOME", str(house.settings.home))
    monkeypatch.setenv("NIGHTBOOK_CHROMIUM", chromium)

    items = bare("doctor", "--output", "json").json["items"]

    (check,) = [check for check in items if check["name"] == "pdf"]
    assert check["verdict"] == verdict
    assert verdict == "ok" or "NIGHTBOOK_CHROMIUM" in check["message"] + check["next_step"]
