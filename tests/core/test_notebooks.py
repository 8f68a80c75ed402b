"""Notebooks as we keep them (rows 48-62 of the bad-input catalogue)."""

import copy
import time

import nbformat
import pytest

from nightbook.core import notebooks
from nightbook.core.errors import Invalid, TooLarge

PYTHON = {"name": "python3", "display_name": "Python 3", "language": "python"}


def code(source="x = 1", **fields):
    return {
        "cell_type": "code",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    } | fields


def notebook(*cells, **fields):
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": PYTHON, "language_info": {"name": "python"}},
        "cells": [{"id": f"c{number}", **cell} for number, cell in enumerate(cells)],
    } | fields


def refusal(content) -> Invalid:
    with pytest.raises(Invalid) as caught:
        notebooks.read(content)
    assert caught.value.errors[0].field.startswith("content")
    assert caught.value.message.endswith(".")
    return caught.value


def test_an_ordinary_notebook_is_kept_without_a_finding():
    read = notebooks.read(
        notebook(code(["a = 1\n", "b = 2"]), {"cell_type": "markdown", "metadata": {}, "source": "# Hi"})
    )

    assert read.findings == ()
    assert (read.kernel, read.language) == ("python3", "python")
    assert read.content["cells"][0]["source"] == "a = 1\nb = 2"
    nbformat.validate(read.content)


@pytest.mark.parametrize(
    "content", [None, [], 1, "x", {}, {"nbformat": 4}, {"nbformat": 4, "nbformat_minor": 5}]
)
def test_what_is_not_a_notebook_is_refused(content):
    assert refusal(content).code in {"not_a_notebook", "unsupported_nbformat", "bad_metadata"}


@pytest.mark.parametrize("version", [1, 2, 5, -1, 0, "4", 4.0, True, None, [4]])
def test_other_formats_are_refused(version):
    assert refusal(notebook(nbformat=version)).code == "unsupported_nbformat"


def test_a_notebook_without_a_format_is_refused():
    content = notebook()
    del content["nbformat"]

    assert refusal(content).code == "unsupported_nbformat"


@pytest.mark.parametrize("minor", [None, -1, "5", 5.0, True])
def test_a_wrong_minor_format_is_refused(minor):
    assert refusal(notebook(nbformat_minor=minor)).code == "unsupported_nbformat"


def test_an_unknown_minor_format_is_read_with_a_warning():
    read = notebooks.read(notebook(code(future=1), nbformat_minor=99))

    assert [f.severity for f in read.findings] == ["warning", "warning"]
    nbformat.validate(read.content)


def test_format_3_is_upgraded():
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": "old"},
        "worksheets": [
            {
                "metadata": {},
                "cells": [
                    {"cell_type": "heading", "level": 2, "metadata": {}, "source": ["Sales"]},
                    {
                        "cell_type": "code",
                        "language": "python",
                        "metadata": {},
                        "input": ["x = 1\n", "x"],
                        "collapsed": False,
                        "prompt_number": 4,
                        "outputs": [{"output_type": "pyout", "text": "1"}],
                    },
                ],
            }
        ],
    }

    read = notebooks.read(old)

    assert [cell["source"] for cell in read.content["cells"]] == ["## Sales", "x = 1\nx"]
    assert read.cells[1].execution_count == 4
    assert read.cells[1].had_outputs
    nbformat.validate(read.content)


@pytest.mark.parametrize(
    "sheets",
    [
        None,
        {},
        [1],
        [{"cells": None}],
        [{"cells": [1]}],
        [{"cells": [{}]}],
        [{"cells": [{"cell_type": "heading", "level": "x", "source": 1}]}],
    ],
)
def test_a_broken_format_3_is_refused(sheets):
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": sheets}

    assert refusal(old).code in {"not_a_notebook", "bad_cell"}


@pytest.mark.parametrize("cells", [None, {}, "x", 1])
def test_cells_must_be_a_list(cells):
    assert refusal(notebook(cells=cells)).code == "not_a_notebook"


@pytest.mark.parametrize(
    "cell",
    [
        "x",
        None,
        {},
        code(1),
        code(["a", 1]),
        code(None),
        code(cell_type="video"),
        code(cell_type=[]),
        code(metadata=[]),
        code(metadata=None),
        code(metadata={"tags": "parameters"}),
        code(metadata={"tags": [{}]}),
        code(id="a b"),
        code(id="x" * 65),
        code(id=""),
        code(id=7),
        code(id="a\n"),
        code(outputs="x"),
        {"cell_type": "markdown", "metadata": {}, "source": "x", "attachments": []},
    ],
)
def test_a_wrong_cell_is_refused_by_its_place(cell):
    fault = refusal(notebook(code()) | {"cells": [code(), cell]})

    assert fault.code == "bad_cell"
    assert fault.errors[0].field == "content.cells.1"


@pytest.mark.parametrize("metadata", [[], "x", None, 1])
def test_metadata_must_be_an_object(metadata):
    assert refusal(notebook(metadata=metadata)).code == "bad_metadata"


@pytest.mark.parametrize(
    "metadata",
    [
        {"authors": "Ana"},
        {"title": 4},
        {"language_info": {"name": "python", "codemirror_mode": 3}, "kernelspec": PYTHON},
    ],
)
def test_metadata_that_the_format_refuses_is_refused(metadata):
    assert refusal(notebook(metadata=metadata)).code == "not_a_notebook"


def test_deep_metadata_is_refused_without_recursion():
    deep = {}
    for _ in range(50_000):
        deep = {"a": deep}

    assert refusal(notebook(metadata=deep)).code == "too_deep"


@pytest.mark.parametrize(
    ("value", "code_"), [(float("nan"), "not_finite"), ("\ud800", "bad_character"), ("a\0", "bad_character")]
)
def test_values_that_json_cannot_hold_are_refused(value, code_):
    assert refusal(notebook(metadata={"x": value})).code == code_
    assert notebooks.read(notebook(code(r'print("\u0000")')))


def test_twenty_thousand_cells_are_413_at_once():
    began = time.thread_time()

    with pytest.raises(TooLarge) as caught:
        notebooks.read(notebook(*[code()] * 20_000))

    assert caught.value.code == "too_many_cells"
    assert time.thread_time() - began < 2


def test_five_thousand_attachments_are_413():
    cell = {
        "cell_type": "markdown",
        "metadata": {},
        "source": "",
        "attachments": {f"{n}.png": {} for n in range(5000)},
    }

    with pytest.raises(TooLarge) as caught:
        notebooks.read(notebook(cell))

    assert caught.value.code == "too_many_attachments"


def test_a_large_broken_notebook_is_refused_in_a_second():
    began = time.thread_time()

    refusal(notebook(*[code(metadata={"tags": ["a", "a"]})] * 5_000))

    assert time.thread_time() - began < 6


def test_missing_and_doubled_ids_are_repaired_the_same_way_each_time():
    content = notebook(code("a"), code("a"), code("b"), {"cell_type": "raw", "metadata": {}, "source": "a"})
    del content["cells"][0]["id"], content["cells"][1]["id"]
    content["cells"][3]["id"] = "c2"

    first, second = notebooks.read(content), notebooks.read(copy.deepcopy(content))

    ids = [cell["id"] for cell in first.content["cells"]]
    assert len(set(ids)) == 4
    assert ids[2] == "c2"
    assert notebooks.canonical_bytes(first) == notebooks.canonical_bytes(second)
    assert [(f.rule, f.severity, f.cell) for f in first.findings] == [("nbformat", "warning", 0)]


def test_ids_made_for_the_format_before_ids_are_no_finding():
    content = notebook(code("a"), nbformat_minor=4)
    del content["cells"][0]["id"]

    assert notebooks.read(content).findings == ()


def test_a_cell_added_on_top_changes_no_made_id():
    def ids(*sources):
        content = notebook(*[code(source) for source in sources], nbformat_minor=4)
        for cell in content["cells"]:
            del cell["id"]
        return [cell["id"] for cell in notebooks.read(content).content["cells"]]

    assert ids("new", "a", "b")[1:] == ids("a", "b")


def test_what_a_run_left_behind_is_left_out():
    error_mark = {
        "cell_type": "markdown",
        "metadata": {"tags": ["papermill-error-cell-tag"]},
        "source": "An error",
    }
    executed = notebook(
        error_mark,
        code(
            "n = 1", metadata={"tags": ["parameters"], "papermill": {"status": "completed"}, "trusted": True}
        ),
        code("n = 9", metadata={"tags": ["injected-parameters"]}),
        code(
            "print(n)",
            execution_count=3,
            outputs=[{"output_type": "stream", "name": "stdout", "text": "9"}],
            metadata={"execution": {"iopub.status.busy": "2026-01-01"}},
        ),
    )
    executed["metadata"] |= {
        "papermill": {"exception": True},
        "nightbook": {"run": "1"},
        "trusted": True,
        "widgets": {},
    }
    authored = notebook(code("n = 1", id="c1", metadata={"tags": ["parameters"]}), code("print(n)", id="c3"))

    read = notebooks.read(executed)

    assert notebooks.canonical_bytes(read) == notebooks.canonical_bytes(notebooks.read(authored))
    assert [(f.rule, f.severity) for f in read.findings] == [("parameters", "note")]
    assert (read.cells[1].execution_count, read.cells[1].had_outputs) == (3, True)


def test_the_files_that_an_author_declares_stay():
    told = {"files": ["report_parts.py"], "ending": {"state": "succeeded"}}

    read = notebooks.read(notebook(code(), metadata={"kernelspec": PYTHON, "nightbook": told}))

    assert read.content["metadata"]["nightbook"] == {"files": ["report_parts.py"]}


def test_hostile_outputs_do_not_stay():
    hostile = {
        "output_type": "display_data",
        "data": {'text/html"><script>': "<script>"},
        "metadata": {"png": 1},
    }

    kept = notebooks.canonical_bytes(notebooks.read(notebook(code(outputs=[hostile, "rubbish", None]))))

    assert b"script" not in kept


@pytest.mark.parametrize(
    "spec",
    [
        None,
        "python3",
        {},
        {"name": 3},
        {"name": "../../x"},
        {"name": "a\0b"},
        {"name": ".."},
        {"name": "x" * 101},
        {"name": "python3\n"},
    ],
)
def test_a_kernel_that_cannot_be_read_is_an_error_finding_and_refused_when_a_run_is_made(spec):
    read = notebooks.read(notebook(code(), metadata={"kernelspec": spec}))

    assert [(f.rule, f.severity) for f in read.findings] == [("kernel", "error")]
    with pytest.raises(Invalid) as caught:
        notebooks.require_kernel(read, None)
    assert caught.value.code == "no_kernelspec"
    assert notebooks.require_kernel(read, "python3") == "python3"


def test_the_kernel_decides_the_language():
    spec = {"name": "ir", "display_name": "R"}

    read = notebooks.read(
        notebook(code(), metadata={"kernelspec": spec, "language_info": {"name": "python"}})
    )

    assert read.language == "r"
    assert [(f.rule, f.severity) for f in read.findings] == [("kernel", "warning")]


def test_a_version_is_named_by_its_notebook_and_files():
    sha = notebooks.sha256(notebooks.read(notebook(code())))

    assert notebooks.version_sha256(sha, {}) == sha
    one = notebooks.version_sha256(sha, {"a.py": "0" * 64, "b.py": "1" * 64})
    assert one == notebooks.version_sha256(sha, {"b.py": "1" * 64, "a.py": "0" * 64})
    assert one not in {sha, notebooks.version_sha256(sha, {"a.py": "1" * 64, "b.py": "0" * 64})}


def test_reading_leaves_the_sent_values_alone():
    content = notebook(code(outputs=[{"output_type": "stream", "name": "stdout", "text": "x"}]))
    before = copy.deepcopy(content)

    notebooks.read(content)

    assert content == before


def test_reading_the_kept_form_gives_the_same_bytes():
    first = notebooks.read(notebook(code("a"), code("b", execution_count=2)))

    assert notebooks.canonical_bytes(notebooks.read(first.content)) == notebooks.canonical_bytes(first)
