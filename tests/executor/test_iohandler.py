"""What papermill writes appears whole or not at all, and nobody else is harmed."""

import json
import os
import stat
import threading

import nbformat
import papermill
import pytest
from papermill.iorw import LocalHandler, papermill_io

from nightbook_executor.iohandler import WholeFileHandler


@pytest.fixture
def handler():
    return WholeFileHandler()


def test_papermill_finds_it_for_absolute_paths_only(tmp_path):
    assert isinstance(papermill_io.get_handler(str(tmp_path / "out.ipynb")), WholeFileHandler)
    assert type(papermill_io.get_handler("out.ipynb")) is LocalHandler


def test_a_reader_never_sees_half_a_notebook(handler, tmp_path):
    path = tmp_path / "out.ipynb"
    texts = [json.dumps({"cells": [letter * 400_000]}) for letter in "ab"]
    handler.write(texts[0], str(path))
    stop = threading.Event()

    def write():
        while not stop.is_set():
            for text in texts:
                handler.write(text, str(path))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert {path.read_text() for _ in range(300)} <= set(texts)
    finally:
        stop.set()
        writer.join()
    assert [one.name for one in tmp_path.iterdir()] == ["out.ipynb"]


def test_a_full_disk_leaves_the_old_notebook(handler, tmp_path, monkeypatch):
    path = tmp_path / "out.ipynb"
    handler.write("old", str(path))

    def full(_fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nightbook_executor.iohandler.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        handler.write("new", str(path))
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["out.ipynb"]


def test_a_lone_surrogate_costs_one_character(handler, tmp_path):
    handler.write('"a\ud800b"', str(tmp_path / "out.ipynb"))
    assert (tmp_path / "out.ipynb").read_text() == '"a\N{REPLACEMENT CHARACTER}b"'


def test_rights_stay_and_a_new_file_gets_the_usual_ones(handler, tmp_path):
    kept = tmp_path / "kept"
    kept.write_text("old")
    kept.chmod(0o640)
    handler.write("new", str(kept))
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640

    before = os.umask(0o027)
    try:
        handler.write("x", str(tmp_path / "made"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o640


def test_a_link_stays_a_link(handler, tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    handler.write("new", str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_both_names_of_a_file_stay_the_same_file(handler, tmp_path):
    (tmp_path / "one").write_text("old")
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    handler.write("new", str(tmp_path / "one"))
    assert (tmp_path / "two").read_text() == "new"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_stays_theirs(handler, tmp_path):
    path = tmp_path / "theirs"
    path.write_text("old")
    os.chown(path, 12345, 12345)
    handler.write("new", str(path))
    assert (path.stat().st_uid, path.stat().st_gid, path.read_text()) == (12345, 12345, "new")


def test_a_folder_that_passes_its_group_on_does_so(handler, tmp_path):
    tmp_path.chmod(0o2770)
    path = tmp_path / "out.ipynb"
    handler.write("old", str(path))
    before = path.stat().st_ino
    handler.write("new", str(path))
    assert path.stat().st_ino != before
    assert path.stat().st_gid == tmp_path.stat().st_gid


def test_a_name_of_the_greatest_length_can_be_written(handler, tmp_path):
    path = tmp_path / ("ß" * 124 + ".ipynb")
    handler.write("x", str(path))
    assert path.read_text() == "x"


def test_a_pipe_is_written_to_and_not_replaced(handler, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text()))
    reader.start()
    handler.write("through", str(pipe))
    reader.join(10)
    assert heard == ["through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_papermill_writes_its_copy_through_it(tmp_path):
    cells = [nbformat.v4.new_code_cell("print('told')")]
    spec = {"name": "python3", "display_name": "Python", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec})
    nbformat.write(notebook, tmp_path / "in.ipynb")
    target = tmp_path / "out.ipynb"

    papermill.execute_notebook(
        str(tmp_path / "in.ipynb"), str(target), engine_name="nightbook", progress_bar=False
    )

    copy = nbformat.read(target, as_version=4)
    nbformat.validate(copy)
    assert copy.cells[0].outputs[0].text == "told\n"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in.ipynb", "out.ipynb"]
