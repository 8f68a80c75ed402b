"""A saved notebook beside a kept version: what counts as a change, and that nothing is kept."""

import copy

import pytest

PATH = "of_changes.ipynb"
COUNT = {
    "id": "p",
    "cell_type": "code",
    "metadata": {"tags": ["parameters"]},
    "source": "region = 'north'",
    "outputs": [],
    "execution_count": None,
}
SHOW = {**COUNT, "id": "s", "metadata": {}, "source": "print(region)"}
NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    "cells": [COUNT, SHOW],
}


def uploaded(world, content=NOTEBOOK, **more):
    return world.post("/notebooks", {"path": PATH, "content": content, **more}).json()["sha256"]


def compared(world, content, **more):
    answer = world.ask("POST", "/notebooks/compare", json={"path": PATH, "content": content, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def of_cells(*cells):
    return {**copy.deepcopy(NOTEBOOK), "cells": list(cells)}


def test_outputs_counts_and_times_are_no_change(world):
    sha256 = uploaded(world)
    stream = {"output_type": "stream", "name": "stdout", "text": "north"}
    ran = {**SHOW, "outputs": [stream], "execution_count": 7, "metadata": {"execution": {"a": "b"}}}

    found = compared(world, of_cells(COUNT, ran), against=sha256)

    assert (found["is_same"], found["sha256"], found["against"]) == (True, sha256, sha256)


def test_lines_parameters_and_cells_that_changed_are_named(world):
    sha256 = uploaded(world)
    content = of_cells({**COUNT, "source": "region = 'south'"}, SHOW, {**SHOW, "id": "n", "source": "1"})

    found = compared(world, content, against=sha256)

    assert not found["is_same"]
    assert found["parameters"] == [{"name": "region", "change": "changed", "left": "north", "right": "south"}]
    assert [cell["change"] for cell in found["cells"]] == ["changed", "same", "added"]
    assert [line["mark"] for line in found["cells"][0]["lines"]] == ["-", "+"]
    assert {cell["outputs_change"] for cell in found["cells"]} == {"same"}


def test_declared_files_and_the_kernel_count(world):
    sha256 = uploaded(world, files=[{"path": "a.csv", "base64": "YQ=="}])
    other = copy.deepcopy(NOTEBOOK)
    other["metadata"]["kernelspec"]["name"] = "ir"

    found = compared(world, other, against=sha256, files=[{"path": "a.csv", "base64": "Yg=="}])
    same = compared(world, NOTEBOOK, against=sha256, files=[{"path": "a.csv", "base64": "YQ=="}])

    assert [file["change"] for file in found["files"]] == ["changed"]
    assert (found["kernel"]["left"], found["kernel"]["right"]) == ("python3", "ir")
    assert same["is_same"]


def test_without_a_version_the_newest_of_the_path_is_meant_and_nothing_is_kept(world):
    uploaded(world)
    newest = uploaded(world, of_cells(COUNT))
    before = world.rows()

    found = compared(world, NOTEBOOK)

    assert (found["against"], [cell["change"] for cell in found["cells"]]) == (newest, ["same", "added"])
    assert world.rows() == before


@pytest.mark.parametrize(
    ("wish", "code"),
    [({"path": "never.ipynb"}, "notebook_not_found"), ({"against": "0" * 64}, "version_not_found")],
)
def test_what_was_never_uploaded_is_a_404(world, wish, code):
    answer = world.ask("POST", "/notebooks/compare", json={"path": PATH, "content": NOTEBOOK, **wish})

    assert (answer.status_code, answer.json()["code"]) == (404, code)
