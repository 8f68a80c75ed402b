"""Two runs side by side: what differs, and what only looks as if it did."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightbook.core import diffs
from nightbook.core.diffs import Line


def code(source, *outputs, id="a", **fields):  # noqa: A002
    return {"id": id, "cell_type": "code", "source": source, "outputs": list(outputs), **fields}


def printed(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def shown(data, **fields):
    return {"output_type": "execute_result", "data": data, "metadata": {}, **fields}


def changes(left, right):
    return [(p.left_index, p.right_index, p.source, p.outputs) for p in diffs.cells(left, right)]


def test_a_run_does_not_differ_from_itself():
    cells = [code("x = 1", printed("1")), code("y", id="b")]
    assert all(pair.is_same for pair in diffs.cells(cells, cells))


def test_a_changed_source_is_told_line_by_line():
    (pair,) = diffs.cells([code("a\nb\nc")], [code("a\nB\nc")])
    assert pair.source == "changed"
    assert list(pair.lines) == [Line("=", "a"), Line("-", "b"), Line("+", "B"), Line("=", "c")]


def test_a_source_kept_as_lines_equals_the_same_one_as_text():
    assert changes([code(["a\n", "b"])], [code("a\nb")]) == [(0, 0, "same", "same")]


@pytest.mark.parametrize(
    ("left", "right", "change"),
    [
        ([printed("1")], [printed("2")], "changed"),
        ([printed("1")], [], "removed"),
        ([], [printed("1")], "added"),
        ([printed(["1\n", "2"])], [printed("1\n2")], "same"),
        (
            [shown({"text/plain": "<A at 0x7f0a1b2c3d4e>"})],
            [shown({"text/plain": "<A at 0x7fffffffffff>"})],
            "same",
        ),
        (
            [shown({"text/plain": "1"}, execution_count=1)],
            [shown({"text/plain": "1"}, execution_count=9)],
            "same",
        ),
        ([shown({"image/png": "aaaa"})], [shown({"image/png": "bbbb"})], "changed"),
        ([shown({"a/b": {"x": 1, "y": 2}})], [shown({"a/b": {"y": 2, "x": 1}})], "same"),
    ],
)
def test_outputs_differ_when_they_say_something_else(left, right, change):
    assert changes([code("x", *left)], [code("x", *right)]) == [(0, 0, "same", change)]


def test_cells_are_matched_by_id_wherever_they_stand():
    left = [code("one", id="1"), code("two", id="2"), code("three", id="3")]
    right = [code("one", id="1"), code("new", id="n"), code("three!", id="3")]
    assert changes(left, right) == [
        (0, 0, "same", "same"),
        (1, None, "removed", "same"),
        (None, 1, "added", "same"),
        (2, 2, "changed", "same"),
    ]


def test_a_cell_that_was_made_anew_is_found_by_its_likeness():
    source = "total = orders.groupby('day').sum()\nprint(total)"
    (pair,) = diffs.cells([code(source, id="old")], [code(source.replace("day", "week"), id="new")])
    assert (pair.left_index, pair.right_index, pair.source) == (0, 0, "changed")


def test_a_code_cell_never_becomes_a_markdown_cell():
    left, right = code("text", id="x"), {"id": "x", "cell_type": "markdown", "source": "text"}
    assert changes([left], [right]) == [(0, None, "removed", "same"), (None, 0, "added", "same")]


def test_values_are_compared_as_a_notebook_sees_them():
    found = diffs.named(
        {"a": 1, "b": 1, "c": [1, 2], "old": 0}, {"a": True, "b": 1, "c": [1, 2], "new": None}
    )
    assert {one.name: one.change for one in found} == {
        "a": "changed",
        "b": "same",
        "c": "same",
        "old": "removed",
        "new": "added",
    }


@given(st.lists(st.sampled_from("abcdef"), max_size=12), st.lists(st.sampled_from("abcdef"), max_size=12))
def test_every_cell_of_both_sides_appears_once_and_in_order(left, right):
    ours = [
        code(f"cell {name} {place}", id=f"{name}{left[:place].count(name)}")
        for place, name in enumerate(left)
    ]
    theirs = [
        code(f"cell {name}", id=f"{name}{right[:place].count(name)}") for place, name in enumerate(right)
    ]
    pairs = diffs.cells(ours, theirs)
    assert [p.left_index for p in pairs if p.left_index is not None] == list(range(len(left)))
    assert [p.right_index for p in pairs if p.right_index is not None] == list(range(len(right)))


def test_large_and_quite_different_notebooks_cost_no_minutes():
    dice = random.Random(7)
    left = [code(f"x = {dice.random()}\n" * 20, id=f"l{n}") for n in range(2_000)]
    right = [code(f"y = {dice.random()}\n" * 20, id=f"r{n}") for n in range(2_000)]
    began = time.process_time()
    assert len(diffs.cells(left, right)) == 4_000
    assert time.process_time() - began < 10
