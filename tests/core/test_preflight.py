"""Pre-flight: one bad notebook a rule, each found by its id and cell; good ones give nothing."""

import json
import time
from pathlib import Path

import pytest

from nightbook.core import notebooks, preflight

GALLERY = sorted(Path(__file__).parents[2].glob("notebooks/*.ipynb"))


def code(source, *, tags=(), **fields):
    cell = {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": source, "outputs": []}
    return cell | {"execution_count": None} | fields


def markdown(source):
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def findings(*cells, kernels=("python3",), files=(), kernel="python3", language="python", chosen=None):
    spec = {"name": kernel, "display_name": kernel, "language": language}
    metadata = {"kernelspec": spec} if kernel else {}
    content = {"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": list(cells)}
    return preflight.findings(notebooks.read(content), kernels=kernels, files=files, kernel=chosen)


def told(*cells, **world):
    found = findings(*cells, **world)
    assert all(finding.message.endswith((".", "?")) for finding in found)
    return [(finding.rule, finding.severity, finding.cell) for finding in found]


GOOD = code("x = 1\nprint(x)")


@pytest.mark.parametrize(
    ("cell", "rule", "severity"),
    [
        (code("import report_parts"), "imports", "note"),
        (code("from report_parts import chart"), "imports", "note"),
        (code("from . import report_parts"), "imports", "error"),
        (code("x = = 1"), "syntax", "error"),
        (code("for x in y:"), "syntax", "error"),
        (code("n = = 1", tags=["parameters"]), "parameters", "error"),
        (code("open('/home/ana/sales.csv')"), "absolute_path", "warning"),
        (code("p = f'/Users/ana/{x}.csv'"), "absolute_path", "warning"),
        (code("p = r'C:\\Users\\ana\\sales.csv'"), "absolute_path", "warning"),
        (code("p = '~/sales.csv'"), "absolute_path", "warning"),
        (code("%pip install pandas"), "unpinned_install", "warning"),
        (code("!pip install -q 'pandas>=2' numpy==1.26.0"), "unpinned_install", "warning"),
        (code("!python -m pip install --index-url https://x.org/ pandas"), "unpinned_install", "warning"),
        (code("%%bash\npip install pandas"), "unpinned_install", "warning"),
        (code("%pip install git+https://github.com/a/b"), "unpinned_install", "warning"),
        (code("key = 'AKIA" + "Z7" * 8 + "'"), "inline_secret", "warning"),
        (code("password = 'gr33nhorse7'"), "inline_secret", "warning"),
        (code("connect('postgresql://ana:gr33nhorse@db/sales')"), "inline_secret", "warning"),
        (code("client(api_key=\"9f8e7d6c5b4a\")"), "inline_secret", "warning"),
        (markdown("Use ghp_" + "a1B2" * 10), "inline_secret", "warning"),
        (code("name = input('Who? ')"), "input_call", "error"),
        (code("import getpass\npw = getpass.getpass()"), "input_call", "error"),
        (code("breakpoint()"), "input_call", "error"),
    ],
)  # fmt: skip
def test_each_rule_finds_its_cell(cell, rule, severity):
    assert told(GOOD, cell) == [(rule, severity, 1)]


@pytest.mark.parametrize(
    "cell",
    [
        code("import os, numpy as np\nfrom sklearn.svm import SVC\nimport matplotlib.pyplot as plt"),
        code("try:\n    import fancy\nexcept ImportError:\n    fancy = None"),
        code("%pip install fancy-thing==1.2\nimport fancy_thing"),
        code("%pip install -r requirements.txt\n!pip install ./local pkg@1.0 'a==1' --no-deps"),
        code("%pip install name@git+https://github.com/a/b@v1.2"),
        code("!conda install -y -c conda-forge pandas=2.1"),
        code("%matplotlib inline\n!ls\nfiles = !ls *.csv\ndf?\n%timeit x"),
        code("%%bash\nif true; then echo 'a'; fi"),
        code("%%time\nx = 1"),
        code("open('/tmp/x')\nopen('data/sales.csv')\nr = '/api/v1/users'\nurl = 'https://x.org/home/ana/x'"),
        code('"""Reads /home/ana/sales.csv when asked."""'),
        code("token = os.environ['TOKEN']\npassword = getenv('PASSWORD')\ntoken_column = 'customer_id_2'"),
        code("password = 'your-password-1'\nsecret = '<secret-42>'\napi_key = ''\ntoken = 'tokens/v1.json'"),
        code("url = 'postgresql://user:{password}@host/db'\nurl2 = 'https://x.org:8080/a@b'"),
        code("print('AKIA is how such keys begin')"),
        code("def input(prompt): return 3\ninput('x')"),
        code("model.input(3)\nlayer = keras.Input(shape=3)"),
        code("await fetch()\nasync with x: pass"),
        markdown("See `/home/ana` and input()."),
    ],
)
def test_ordinary_cells_give_no_finding(cell):
    assert told(GOOD, cell) == []


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_the_gallery_gives_no_finding(path):
    read = notebooks.read(json.loads(path.read_text()))
    files = read.content["metadata"].get("nightbook", {}).get("files", [])

    assert preflight.findings(read, kernels=["python3", "bash"], files=files) == []


def test_a_declared_module_is_no_finding():
    assert told(code("import report_parts, charts.lines"), files=["report_parts.py", "charts/lines.py"]) == []


def test_a_module_is_told_once():
    assert told(code("import report_parts"), code("import report_parts")) == [("imports", "note", 0)]


def test_the_kernel_must_be_on_the_pool():
    assert told(GOOD, kernel="py27") == [("kernel", "error", None)]
    assert told(GOOD, kernels=()) == [("kernel", "warning", None)]
    assert told(GOOD, kernel="py27", kernels=None) == []
    assert told(GOOD, kernel=None) == [("kernel", "error", None)]


def test_a_chosen_kernel_replaces_the_notebooks_own():
    assert told(GOOD, kernel=None, chosen="python3") == []
    assert told(GOOD, chosen="py27") == [("kernel", "error", None)]


def test_a_notebook_without_code_is_found():
    assert told(markdown("# Hi"), code("  \n")) == [("empty", "warning", None)]


def test_cells_run_out_of_order_are_found():
    assert told(code("a", execution_count=1), code("b", execution_count=3), code("c", execution_count=2)) == [
        ("hidden_order", "warning", 2)
    ]
    assert told(code("a", execution_count=2), code("b"), code("c", execution_count=9)) == []


def test_stored_outputs_are_a_note():
    output = {"output_type": "stream", "name": "stdout", "text": "x"}

    assert told(GOOD, code("print(1)", outputs=[output])) == [("stored_outputs", "note", 1)]


def test_other_languages_are_not_read_as_python():
    bash = {"kernel": "bash", "language": "bash", "kernels": ["bash"]}

    assert told(code("if [ -f x ]; then echo y; fi"), **bash) == []
    assert told(GOOD, code("cat '/home/ana/x.csv'"), **bash) == [("absolute_path", "warning", 1)]
    assert told(GOOD, code("pip install pandas"), **bash) == [("unpinned_install", "warning", 1)]


def test_a_finding_does_not_repeat_the_secret():
    (finding,) = findings(code("password = 'gr33nhorse7'"))

    assert "gr33nhorse7" not in finding.message


@pytest.mark.parametrize(
    "source",
    [
        "(" * 150_000,
        "-" * 150_000 + "1",
        "x = 1+" * 30_000,
        "a" * 190_000,
        "!pip install " + "a " * 90_000,
        "'" * 190_000,
        "password = '" * 15_000,
        "://a:" * 30_000,
        "!" * 190_000,
        "x\\\n" * 60_000,
        "! \\\n" * 2_000,
        "eyJ" * 60_000,
        "password" * 20_000,
        " " * 190_000,
        "_" * 190_000,
        "a.b" * 60_000,
    ],
)
def test_a_hostile_cell_takes_no_longer_than_two_seconds(source):
    began = time.thread_time()

    findings(code(source))

    assert time.thread_time() - began < 8
