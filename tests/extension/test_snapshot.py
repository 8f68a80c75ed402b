import base64
import hashlib
import json

import pytest
from tornado.web import HTTPError

SOURCES = ["import pandas", "region = 'north'"]


def notebook(*sources, **metadata):
    cells = [
        {"id": f"c{i}", "cell_type": "code", "metadata": {}, "source": s.splitlines(True), "outputs": []}
        for i, s in enumerate(sources)
    ]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}


@pytest.fixture
def folder(jp_root_dir):
    place = jp_root_dir / "team reports"
    place.mkdir()
    return place


@pytest.fixture
def saved(folder):
    path = folder / "sales.ipynb"
    path.write_text(json.dumps(notebook(*SOURCES), indent=1))
    return path


@pytest.fixture
def taken(nightbook):
    nightbook.answer("notebooks", 201, json={"path": "p", "sha256": "a" * 64, "findings": []})
    return nightbook


def snapshot(browser, **draft):
    return browser.fetch("nightbook/snapshot", "POST", json={"path": "team reports/sales.ipynb", **draft})


async def test_the_notebook_is_uploaded_as_it_was_saved(browser, taken, saved):
    before = hashlib.sha256(saved.read_bytes()).digest()

    answer = await snapshot(browser, cells=SOURCES)

    sent = json.loads(taken.last.content)
    assert answer.json() == {"path": "p", "sha256": "a" * 64, "findings": []}
    assert answer.status_code == 201
    assert sent == {"path": "team reports/sales.ipynb", "files": [], "content": json.loads(saved.read_text())}
    assert hashlib.sha256(saved.read_bytes()).digest() == before


async def test_what_is_odd_in_the_file_reaches_the_servers_own_reading(browser, taken, saved):
    text = json.dumps(notebook(*SOURCES))[:-1] + ', "cells": [], "odd": NaN}'
    saved.write_text(text)

    await snapshot(browser)

    assert text.encode() in taken.last.content


async def test_declared_files_go_along(browser, taken, saved, folder):
    saved.write_text(json.dumps(notebook(*SOURCES, nightbook={"files": ["data/sales.csv"]})))
    (folder / "data").mkdir()
    (folder / "data" / "sales.csv").write_bytes(b"a,b\n" * 100)
    (folder / "parts.py").write_text("x = 1\n")

    await snapshot(browser, files=["parts.py", "data/sales.csv"])

    sent = {
        file["path"]: base64.b64decode(file["base64"], validate=True)
        for file in json.loads(taken.last.content)["files"]
    }
    assert sent == {"data/sales.csv": b"a,b\n" * 100, "parts.py": b"x = 1\n"}


async def test_a_file_that_is_not_there_is_named(browser, taken, saved):
    answer = await snapshot(browser, files=["data/nowhere.csv"])

    assert (answer.status_code, answer.json()["code"]) == (422, "file_missing")
    assert "data/nowhere.csv" in answer.json()["detail"]
    assert taken.requests == []


@pytest.mark.parametrize("name", ["../secret.csv", "/etc/passwd", "a/../../b", "~/x", "a\\b", "", 7, None])
async def test_a_file_outside_the_notebooks_folder_is_refused(browser, taken, saved, name):
    saved.write_text(json.dumps(notebook(*SOURCES, nightbook={"files": [name]})))

    declared = await snapshot(browser)
    asked = await browser.fetch(
        "nightbook/snapshot", "POST", json={"path": "team reports/sales.ipynb", "files": [name]}
    )

    assert (declared.status_code, declared.json()["code"]) == (422, "files_not_paths")
    assert asked.status_code == 422
    assert taken.requests == []


async def test_a_file_that_is_too_large_is_refused_before_it_is_read(browser, taken, saved, folder):
    with (folder / "large.bin").open("wb") as file:
        file.truncate(21 * 1024 * 1024)

    answer = await snapshot(browser, files=["large.bin"])

    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")


async def test_a_save_that_comes_late_is_waited_for(browser, taken, saved, monkeypatch, jp_serverapp):
    contents = jp_serverapp.contents_manager
    looks = []
    read = contents.get

    async def read_and_save_late(path, *args, **kwargs):
        looks.append(path)
        if len(looks) == 2:
            saved.write_text(json.dumps(notebook("new", "cells")))
        return await read(path, *args, **kwargs)

    monkeypatch.setattr(contents, "get", read_and_save_late)

    answer = await snapshot(browser, cells=["new", "cells"])

    assert answer.status_code == 201
    assert len(looks) == 2
    assert json.loads(taken.last.content)["content"]["cells"][0]["source"] == ["new"]


async def test_a_file_that_stays_behind_the_editor_is_not_uploaded(browser, taken, saved, monkeypatch):
    monkeypatch.setattr("nightbook_lab.snapshot.PAUSES_SECONDS", (0, 0))

    answer = await snapshot(browser, cells=["typed but not saved"])

    assert (answer.status_code, answer.json()["code"]) == (409, "snapshot_behind_editor")
    assert taken.requests == []


@pytest.mark.parametrize("text", ["", "not json", "[]", "7", '{"a":' * 100_000])
async def test_a_file_that_is_no_notebook_is_refused(browser, taken, saved, text):
    saved.write_text(text)

    answer = await snapshot(browser)

    assert (answer.status_code, answer.json()["code"]) == (422, "not_a_notebook")
    assert taken.requests == []


async def test_a_notebook_that_was_never_saved_is_not_found(browser, taken, folder):
    answer = await snapshot(browser)

    assert (answer.status_code, answer.json()["code"]) == (404, "notebook_not_saved")


@pytest.mark.parametrize("path", ["../outside.ipynb", "team reports", ".hidden/a.ipynb"])
async def test_only_files_that_jupyter_shows_are_read(browser, taken, folder, jp_root_dir, path):
    for place in (jp_root_dir / "../outside.ipynb", jp_root_dir / ".hidden/a.ipynb"):
        place.parent.mkdir(exist_ok=True)
        place.write_text(json.dumps(notebook(*SOURCES)))

    answer = await browser.fetch("nightbook/snapshot", "POST", json={"path": path})

    assert answer.status_code in {404, 422}
    assert taken.requests == []


@pytest.mark.parametrize(
    "draft", [b"", b"{", b"[]", b"{}", b'{"path": 7}', b'{"path": "a.ipynb", "surprise": 1}', b'{"path": ""}']
)
async def test_a_wrong_request_is_a_problem_with_a_field(browser, taken, draft):
    answer = await browser.fetch("nightbook/snapshot", "POST", content=draft)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"]


async def test_the_servers_refusal_of_a_notebook_is_passed_on(browser, nightbook, saved):
    nightbook.refuse("notebooks", 422, "wrong_nbformat", "This is nbformat 3.")

    answer = await snapshot(browser)

    assert (answer.status_code, answer.json()["code"]) == (422, "wrong_nbformat")


async def test_a_contents_manager_that_gives_no_text_is_asked_for_a_notebook(
    browser, taken, saved, monkeypatch, jp_serverapp
):
    contents = jp_serverapp.contents_manager
    read = contents.get

    async def no_text(path, **wanted):
        if wanted["type"] == "file":
            raise HTTPError(400, "only notebooks here")
        return await read(path, **wanted)

    monkeypatch.setattr(contents, "get", no_text)

    await snapshot(browser, cells=SOURCES)

    sent = json.loads(taken.last.content)["content"]
    assert all("trusted" not in cell["metadata"] for cell in sent["cells"])


async def test_a_comparison_sends_the_saved_notebook_and_the_version_and_keeps_nothing(
    browser, nightbook, saved
):
    nightbook.answer("notebooks/compare", 200, json={"is_same": True})
    wish = {"path": "team reports/sales.ipynb", "cells": SOURCES, "against": "a" * 64}

    answer = await browser.fetch("nightbook/compare", "POST", json=wish)

    sent = json.loads(nightbook.last.content)
    assert (answer.status_code, answer.json()) == (200, {"is_same": True})
    assert sent == {
        "path": "team reports/sales.ipynb",
        "files": [],
        "against": "a" * 64,
        "content": json.loads(saved.read_text()),
    }


async def test_a_comparison_with_what_is_no_version_is_refused(browser, nightbook, saved):
    wish = {"path": "team reports/sales.ipynb", "against": "newest"}

    answer = await browser.fetch("nightbook/compare", "POST", json=wish)

    assert (answer.status_code, nightbook.requests) == (422, [])
