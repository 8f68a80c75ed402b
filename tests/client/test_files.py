"""What is uploaded: the notebook's content, and the files that it declares."""

import json
from base64 import b64decode

import pytest

from nightbook.client import InvalidRequest, UnreadableNotebook
from nightbook.client.files import label, upload_of


def write(folder, content, name="a.ipynb"):
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder / name


def declaring(*files):
    return {"cells": [], "metadata": {"nightbook": {"files": [*files]}}}


def test_declared_files_go_along(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sales.csv").write_bytes(b"\x00\xff")

    upload = upload_of(write(tmp_path, declaring("data/sales.csv")))

    assert [(file.path, b64decode(file.base64)) for file in upload.files] == [("data/sales.csv", b"\x00\xff")]


def test_files_that_the_caller_names_replace_the_declared_ones(tmp_path):
    notebook = write(tmp_path, declaring("missing.csv"))

    assert upload_of(notebook, files=[]).files == []
    assert upload_of(notebook, files={"made.txt": b"x"}).files[0].path == "made.txt"


def test_a_declared_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(UnreadableNotebook, match=r"missing\.csv"):
        upload_of(write(tmp_path, declaring("missing.csv")))


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../secret"])
def test_a_declared_file_never_comes_from_elsewhere(tmp_path, name):
    (tmp_path / "secret").write_text("no")
    (tmp_path / "in" / "a").mkdir(parents=True)

    with pytest.raises(InvalidRequest):
        upload_of(write(tmp_path / "in", declaring(name)))


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"cells": 3}', "[" * 100_000, "\x89PNG"])
def test_a_file_that_is_no_notebook_is_refused(tmp_path, content):
    with pytest.raises(UnreadableNotebook):
        upload_of(write(tmp_path, content))


@pytest.mark.parametrize("files", ["data.csv", [1], {"a": 1}])
def test_a_declaration_that_is_no_list_of_paths_is_refused(tmp_path, files):
    notebook = write(tmp_path, {"cells": [], "metadata": {"nightbook": {"files": files}}})

    with pytest.raises(UnreadableNotebook, match=r"nightbook\.files"):
        upload_of(notebook)


def test_a_notebook_is_known_by_its_path_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert label(tmp_path / "reports" / "a.ipynb") == "reports/a.ipynb"
    assert label(tmp_path.parent / "b.ipynb") == "b.ipynb"


def test_content_alone_needs_a_path():
    with pytest.raises(InvalidRequest) as caught:
        upload_of({"cells": []})

    assert caught.value.errors[0].field == "path"
