"""Notebooks of every format that there was: each runs, and leaves a valid copy with ids that stay."""

import nbformat
import pytest

pytestmark = pytest.mark.usefixtures("worker")


def code(source, **more):
    return {
        "cell_type": "code",
        "source": source,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        **more,
    }


def notebook(minor, *cells):
    return {"nbformat": 4, "nbformat_minor": minor, "metadata": {}, "cells": list(cells)}


OLD = {
    "nbformat": 3,
    "nbformat_minor": 0,
    "metadata": {"name": "old"},
    "worksheets": [
        {
            "metadata": {},
            "cells": [
                {"cell_type": "heading", "level": 1, "metadata": {}, "source": ["Title"]},
                {
                    "cell_type": "code",
                    "language": "python",
                    "collapsed": False,
                    "metadata": {},
                    "input": ["x = 1\n", "print(x)"],
                    "prompt_number": 7,
                    "outputs": [{"output_type": "stream", "stream": "stdout", "text": ["stale\n"]}],
                },
            ],
        }
    ],
}
KINDS = {
    "3": OLD,
    "4.0": notebook(0, code("x = 1"), code("print(x)")),
    "4.4": notebook(4, code("x = 1"), code("print(x)")),
    "4.99": notebook(99, code("x = 1", id="a"), code("print(x)", id="b")),
    "missing ids": notebook(5, code("x = 1"), code("print(x)", id="b")),
    "double ids": notebook(5, code("x = 1", id="a"), code("print(x)", id="a")),
}


def ran(server, content):
    run = server.queue_run(kernel="python3", hold="source")
    run.source = content
    run.hold = None
    server.wait_for(run)
    return run


@pytest.mark.parametrize("kind", KINDS)
def test_a_notebook_of_any_format_runs_and_its_cells_are_named_alike_each_time(server, kind):
    first, second = ran(server, KINDS[kind]), ran(server, KINDS[kind])

    for run in (first, second):
        nbformat.validate(nbformat.from_dict(run.copy))
        assert (run.finish.state, run.finish.reason, run.printed) == ("succeeded", None, "1\n")
        assert (run.copy["nbformat"], run.copy["nbformat_minor"]) == (4, 5)
        assert set(run.statuses()) == {"completed"}
    ids = [cell["id"] for cell in first.copy["cells"]]
    assert ids == [cell["id"] for cell in second.copy["cells"]]
    assert len(set(ids)) == len(ids) == 2
