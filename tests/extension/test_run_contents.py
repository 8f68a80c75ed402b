import base64

import httpx
import pytest

RUN = "0192f0c1-2345-7abc-8def-0123456789ab"
MADE = "2026-11-23T07:30:00Z"
DONE = "2026-11-23T07:31:00Z"


def cell(kind, source="", **more):
    return {"id": "a", "cell_type": kind, "metadata": {}, "source": source, **more}


def artifact(name, role="output", media_type="text/csv", size=4):
    return {
        "name": name,
        "role": role,
        "media_type": media_type,
        "size": size,
        "sha256": "a" * 64,
        "created_at": DONE,
    }


@pytest.fixture
def run(nightbook):
    nightbook.answer(
        f"runs/{RUN}",
        200,
        json={
            "id": RUN,
            "notebook": {"path": "team/daily sales.ipynb", "sha256": "b" * 64},
            "created_at": MADE,
            "finished_at": DONE,
        },
    )
    files = [
        artifact("notebook.ipynb", "notebook"),
        artifact("manifest.json", "manifest", "application/json"),
        artifact("outputs/sales.csv"),
        artifact("outputs/plots/a b.png", media_type="image/png"),
        artifact("outputs/huge.csv", size=60 * 1024 * 1024),
    ]
    nightbook.answer(f"runs/{RUN}/artifacts", 200, json={"items": files})
    nightbook.answer(f"runs/{RUN}/artifacts/outputs/sales.csv", 200, content=b"a,b\n")
    nightbook.answer(f"runs/{RUN}/artifacts/outputs/plots/a%20b.png", 200, content=b"\x89PNG")
    return nightbook


def executed(nightbook, *cells):
    nightbook.answer(
        f"runs/{RUN}/notebook", 200, json={"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    )


async def test_an_executed_copy_is_a_notebook_that_cannot_be_written(browser, run):
    executed(run, cell("code", "1", outputs=[]))

    answer = await browser.fetch(f"nightbook/contents/{RUN}/daily%20sales.ipynb?type=notebook&content=1")

    model = answer.json()
    assert (model["type"], model["format"], model["writable"]) == ("notebook", "json", False)
    assert (model["name"], model["path"]) == ("daily sales.ipynb", f"{RUN}/daily sales.ipynb")
    assert model["content"]["cells"][0]["source"] == "1"
    assert (model["last_modified"], model["mimetype"]) == (DONE, None)


async def test_without_content_only_the_entry_is_told(browser, run):
    answer = await browser.fetch(f"nightbook/contents/{RUN}/daily%20sales.ipynb?content=0")

    assert (answer.json()["content"], answer.json()["format"]) == (None, None)
    assert [request.url.path for request in run.requests] == [f"/prefix/api/v1/runs/{RUN}"]


async def test_no_output_can_run_a_command_of_jupyterlab(browser, run):
    link = '<button data-CommandLinker-command="filebrowser:delete">'
    split = ["<button data-comm", 'andlinker-command="x">']
    shown = {
        "text/html": link,
        "text/markdown": split,
        "image/svg+xml": [link],
        "text/plain": "data-commandlinker",
    }
    nested = {"application/vnd.x+json": {"a": [link]}}
    executed(
        run,
        cell("code", outputs=[{"output_type": "display_data", "data": shown, "metadata": {}}]),
        cell("code", outputs=[{"output_type": "execute_result", "data": nested, "metadata": {}}]),
        cell("markdown", split),
    )

    answer = await browser.fetch(f"nightbook/contents/{RUN}/daily%20sales.ipynb")

    first, second, third = answer.json()["content"]["cells"]
    told = first["outputs"][0]["data"]
    assert told.pop("text/plain") == "data-commandlinker"
    assert "commandlinker" not in str([told, second["outputs"], third["source"]]).lower()
    assert third["source"] == '<button data-removed-command="x">'


async def test_a_copy_cannot_call_itself_trusted(browser, run):
    executed(run, {**cell("code", outputs=[]), "metadata": {"trusted": True, "tags": ["x"]}})

    answer = await browser.fetch(f"nightbook/contents/{RUN}/daily%20sales.ipynb")

    assert answer.json()["content"]["cells"][0]["metadata"] == {"tags": ["x"]}


async def test_a_run_lists_its_files(browser, run):
    answer = await browser.fetch(f"nightbook/contents/{RUN}")

    entries = {entry["name"]: entry["type"] for entry in answer.json()["content"]}
    assert entries == {"daily sales.ipynb": "notebook", "manifest.json": "file", "outputs": "directory"}
    assert answer.json()["type"] == "directory"


async def test_a_folder_of_a_run_lists_what_is_right_below(browser, run):
    answer = await browser.fetch(f"nightbook/contents/{RUN}/outputs")

    entries = {entry["path"]: entry["type"] for entry in answer.json()["content"]}
    assert entries == {
        f"{RUN}/outputs/sales.csv": "file",
        f"{RUN}/outputs/huge.csv": "file",
        f"{RUN}/outputs/plots": "directory",
    }


async def test_text_comes_as_text_and_bytes_as_base64(browser, run):
    text = await browser.fetch(f"nightbook/contents/{RUN}/outputs/sales.csv")
    picture = await browser.fetch(f"nightbook/contents/{RUN}/outputs/plots/a%20b.png?type=file&format=base64")

    assert (text.json()["format"], text.json()["content"]) == ("text", "a,b\n")
    assert base64.b64decode(picture.json()["content"]) == b"\x89PNG"


async def test_bytes_asked_for_as_text_are_refused(browser, run):
    answer = await browser.fetch(f"nightbook/contents/{RUN}/outputs/plots/a%20b.png?format=text")

    assert (answer.status_code, answer.json()["code"]) == (400, "not_text")


async def test_a_huge_file_is_not_shown(browser, run):
    answer = await browser.fetch(f"nightbook/contents/{RUN}/outputs/huge.csv")

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large_to_show")


@pytest.mark.parametrize(
    "path", ["no-run/x.ipynb", f"{RUN}/other.ipynb", f"{RUN}/nothing/here", f"{RUN}%2F..%2F.."]
)
async def test_what_is_not_there_is_not_found(browser, run, path):
    answer = await browser.fetch(f"nightbook/contents/{path}")

    assert answer.status_code == 404
    assert answer.json()["message"] == answer.json()["detail"]


async def test_the_root_lists_nothing(browser, nightbook):
    for path in ("nightbook/contents", "nightbook/contents/"):
        answer = await browser.fetch(path)

        assert (answer.json()["type"], answer.json()["content"]) == ("directory", [])
    assert nightbook.requests == []


async def test_the_servers_refusal_is_told_in_the_words_of_contents(browser, nightbook):
    nightbook.refuse(f"runs/{RUN}", 404, "not_found", "There is no such run.")

    answer = await browser.fetch(f"nightbook/contents/{RUN}/a.ipynb")

    assert (answer.status_code, answer.json()["message"]) == (404, "There is no such run.")


# ---------------------------------------------------------------- downloads


async def test_a_download_is_an_attachment_that_cannot_act(browser, nightbook):
    page = {"Content-Type": "text/html", "ETag": '"abc"', "Content-Disposition": "inline"}
    nightbook.answer(f"runs/{RUN}/artifacts/outputs/a%20b.html", 200, content=b"<script>", headers=page)

    answer = await browser.fetch(f"nightbook/download/runs/{RUN}/artifacts/outputs/a%20b.html")

    assert answer.content == b"<script>"
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''a%20b.html"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["ETag"] == '"abc"'
    assert nightbook.last.headers["Accept-Encoding"] == "identity"


async def test_a_part_of_a_file_can_be_asked_for(browser, nightbook):
    part = {"Content-Range": "bytes 0-1/9", "Content-Type": "text/csv"}
    nightbook.answer(f"runs/{RUN}/artifacts/x.csv", 206, content=b"ab", headers=part)

    answer = await browser.fetch(
        f"nightbook/download/runs/{RUN}/artifacts/x.csv", headers={"Range": "bytes=0-1"}
    )

    assert (answer.status_code, answer.headers["Content-Range"]) == (206, "bytes 0-1/9")
    assert nightbook.last.headers["Range"] == "bytes=0-1"


@pytest.mark.parametrize(("form", "kind"), [("slides", "text/html"), ("pdf", "application/pdf")])
async def test_an_export_is_an_attachment_under_its_own_name(browser, nightbook, form, kind):
    told = {"Content-Type": kind, "Content-Disposition": f'inline; filename="sales.{form}"'}
    nightbook.answer(f"runs/{RUN}/export/{form}", 200, content=b"made", headers=told)

    answer = await browser.fetch(f"nightbook/download/runs/{RUN}/export/{form}?code=hidden")

    assert answer.content == b"made"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="sales.{form}"'
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert nightbook.last.url.query == b"code=hidden"
    # A PDF is made when it is asked for, which may take longer than any other answer.
    assert (nightbook.last.extensions["timeout"]["read"] > 60) is (form == "pdf")


async def test_why_there_is_no_pdf_is_passed_on(browser, nightbook):
    nightbook.refuse(f"runs/{RUN}/export/pdf", 501, "export_unavailable", "Install chromium.")

    answer = await browser.fetch(f"nightbook/download/runs/{RUN}/export/pdf")

    assert (answer.status_code, answer.json()["detail"]) == (501, "Install chromium.")


async def test_a_missing_artifact_is_a_problem(browser, nightbook):
    nightbook.refuse(f"runs/{RUN}/artifacts/x.csv", 404, "not_found", "No such artifact.")

    answer = await browser.fetch(f"nightbook/download/runs/{RUN}/artifacts/x.csv")

    assert (answer.status_code, answer.json()["detail"]) == (404, "No such artifact.")


@pytest.mark.parametrize(
    "path",
    [
        *("runs", "me", "tokens", "worker/claim"),
        *(f"runs/{RUN}{end}" for end in ("", "/live", "/export", "/export/docx", "/export/pdf/x")),
    ],
)
async def test_only_files_are_downloaded(browser, nightbook, path):
    answer = await browser.fetch(f"nightbook/download/{path}")

    assert answer.status_code == 404
    assert nightbook.requests == []


async def test_a_download_that_breaks_does_not_look_whole(browser, nightbook):
    class Breaks(httpx.AsyncByteStream):
        async def __aiter__(self):
            yield b"half"
            raise httpx.ReadError("gone")

    def half(_request):
        return httpx.Response(
            200, stream=Breaks(), headers={"Content-Length": "8", "Content-Type": "text/csv"}
        )

    nightbook.answer(f"runs/{RUN}/artifacts/x.csv", half)

    with pytest.raises(httpx.RemoteProtocolError):
        await browser.fetch(f"nightbook/download/runs/{RUN}/artifacts/x.csv")
