"""Two runs side by side, over the API and on the command line's terms."""

import uuid

import pytest

from nightbook.client import Missing


@pytest.fixture
def two(client, notebook):
    client.notebooks.upload(notebook)
    first = client.runs.wait(client.runs.create("daily_sales.ipynb", {"region": "north"}).id, timeout=20)
    second = client.runs.wait(client.runs.rerun(first.id, {"region": "south", "days": 3}).id, timeout=20)
    return first, second


def test_a_run_does_not_differ_from_itself(client, two):
    found = client.runs.diff(two[0].id, two[0].id)
    assert found.is_same
    assert [cell.change for cell in found.cells] == ["same", "same"]


def test_changed_parameters_are_named(client, two):
    found = client.runs.diff(two[0].id, two[1].id)
    assert not found.is_same
    told = {one.name: (one.change, one.left, one.right) for one in found.parameters}
    assert told == {"region": ("changed", "north", "south"), "days": ("added", None, 3)}
    assert (found.left.id, found.right.id) == (two[0].id, two[1].id)


def test_a_run_of_another_version_shows_the_lines_that_changed(client, two, notebook):
    notebook.write_text(notebook.read_text().replace("12 regions", "13 regions"))
    sha256 = client.notebooks.upload(notebook).sha256
    other = client.runs.wait(client.runs.create(sha256).id, timeout=20)
    found = client.runs.diff(two[0].id, other.id)
    assert found.left.sha256 != found.right.sha256


def test_nobody_learns_of_a_run_that_is_not_there(client, two):
    with pytest.raises(Missing):
        client.runs.diff(two[0].id, uuid.uuid4())


def test_a_saved_notebook_is_held_against_what_is_kept_of_it(client, notebook):
    kept = client.notebooks.upload(notebook)
    notebook.write_text(notebook.read_text().replace("12 regions", "13 regions"))

    found = client.notebooks.compare(notebook)

    assert (found.is_same, found.against) == (False, kept.sha256)
    assert [cell.source_change for cell in found.cells].count("changed") == 1
    assert client.notebooks.compare(notebook, against=client.notebooks.upload(notebook).sha256).is_same
