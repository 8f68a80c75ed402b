"""Every prefix of a journal gives a valid notebook that claims no more than was recorded."""

import json
import random
from datetime import UTC, datetime

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightbook.core import journal, journal_log

AT = "2026-11-23T07:30:00.000Z"
SOURCE = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python"}},
    "cells": [
        {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# Title"},
        {"cell_type": "code", "id": "p", "metadata": {"tags": ["parameters"]}, "source": "x = 1"},
        {"cell_type": "code", "id": "work", "metadata": {}, "source": ["print(x)\n", "1/0"]},
        {"cell_type": "code", "id": "rest", "metadata": {}, "source": "print('never')"},
    ],
}
BEGIN = {
    "t": 0,
    "k": "begin",
    "version": 1,
    "run": "r",
    "attempt": 1,
    "fence": 7,
    "source": "ab",
    "at": AT,
    "ids": ["title", "p", "injected-parameters", "work", "rest"],
    "injected": {"index": 2, "id": "injected-parameters", "source": "x = 5"},
    "parameters": {"x": 5},
    "path": "a/b.ipynb",
}
ERROR = {
    "output_type": "error",
    "ename": "ZeroDivisionError",
    "evalue": "division by zero",
    "traceback": ["\x1b[31mboom\x1b[0m"],
}
FAILED = {"ename": "ZeroDivisionError", "evalue": "division by zero"}
PICTURE = {
    "output_type": "display_data",
    "data": {"text/plain": ["a", "b"], "application/json": {"a": 1}},
    "metadata": {},
}


def done(i, started, ended, status="completed", **more):
    return {"t": ended, "k": "done", "i": i, "status": status, "started": started, "ended": ended, **more}


def failing_run():
    records = [
        BEGIN,
        {"t": 40, "k": "kernel", "name": "python3", "language_info": {"name": "python"}},
        done(0, 41, 41),
        {"t": 42, "k": "cell", "i": 1},
        done(1, 42, 50, execution_count=1),
        {"t": 51, "k": "cell", "i": 2},
        done(2, 51, 60, execution_count=2),
        {"t": 61, "k": "cell", "i": 3},
        {"t": 62, "k": "text", "i": 3, "name": "stdout", "s": "10%\r"},
        {"t": 63, "k": "text", "i": 3, "name": "stdout", "s": "100%\n"},
        {"t": 64, "k": "out", "i": 3, "o": PICTURE, "display_id": "d"},
        {"t": 65, "k": "update", "display_id": "d", "o": {"data": {"text/plain": "new"}, "metadata": {}}},
        {"t": 66, "k": "cut", "i": 3, "what": "stdout", "kept": 9, "dropped": 1000},
        {"t": 67, "k": "out", "i": 3, "o": ERROR},
        done(3, 61, 1061, "failed", execution_count=3, error=FAILED),
        {"t": 1100, "k": "end", "state": "failed", "class": "code", "reason": "Cell 4 raised.", "cell": 3},
    ]
    return [{"n": n, **record} for n, record in enumerate(records)]


def raw(records):
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def check(copy):
    nbformat.validate(nbformat.from_dict(copy))
    return copy


def statuses(copy):
    return [
        cell["metadata"]["papermill"]["status"] for cell in copy["cells"] if "papermill" in cell["metadata"]
    ]


def test_a_whole_journal_makes_the_executed_copy():
    copy = check(journal.executed_copy(SOURCE, failing_run()))

    assert statuses(copy) == ["completed", "completed", "completed", "failed", "pending"]
    note, *_, anchor, failed, _ = copy["cells"]
    assert [cell["metadata"]["tags"] for cell in (note, anchor)] == [["papermill-error-cell-tag"]] * 2
    stream, picture, cut, error = failed["outputs"]
    assert stream["text"] == "100%\n"
    assert picture["data"] == {"text/plain": "new"}
    assert error["ename"] == "ZeroDivisionError"
    assert "1,000 dropped" in cut["text"]
    assert copy["metadata"]["papermill"]["parameters"] == {"x": 5}
    assert copy["metadata"]["papermill"]["input_path"] == "a/b.ipynb"
    assert copy["metadata"]["language_info"] == {"name": "python"}
    ran = copy["metadata"]["nightbook"]
    assert (ran["run_id"], ran["fence"], ran["state"], ran["class"], ran["cell"]) == (
        "r",
        7,
        "failed",
        "code",
        3,
    )
    assert failed["metadata"]["papermill"]["duration"] == 1.0


def test_a_lost_run_shows_the_outputs_so_far_and_says_so():
    copy = check(journal.executed_copy(SOURCE, failing_run()[:10]))

    assert statuses(copy) == ["completed", "completed", "completed", "failed", "pending"]
    assert [output["output_type"] for output in copy["cells"][5]["outputs"]] == ["stream", "error"]
    assert copy["cells"][5]["outputs"][-1]["ename"] == "RunLost"
    assert copy["metadata"]["nightbook"]["state"] is None


def test_a_run_that_goes_on_is_shown_as_running():
    copy = check(journal.executed_copy(SOURCE, failing_run()[:10], ended=False))

    assert statuses(copy) == ["completed", "completed", "completed", "running", "pending"]
    assert not [
        cell for cell in copy["cells"] if "papermill-error-cell-tag" in cell["metadata"].get("tags", [])
    ]


def test_nothing_recorded_gives_the_source_with_every_cell_pending():
    copy = check(journal.executed_copy(SOURCE, []))

    assert statuses(copy) == ["pending"] * 4


def test_every_prefix_is_valid_and_claims_no_cell_beyond_its_done():
    records = failing_run()
    whole = raw(records)

    cuts = random.Random(7).sample(range(len(whole)), 300)
    for cut in cuts:
        kept = journal.parse(whole[:cut])
        copy = check(journal.executed_copy(SOURCE, kept))
        assert statuses(copy).count("completed") == sum(
            record["k"] == "done" and record["status"] == "completed" for record in kept
        )
        assert json.loads(journal.as_bytes(copy)) == copy
        journal_log.log_text(kept)
        journal.cells(kept, SOURCE)


def test_reading_stops_at_the_first_missing_number_and_at_a_torn_line():
    records = failing_run()

    assert len(journal.parse(raw(records[:4] + records[5:]))) == 4
    assert len(journal.parse(raw(records)[:-1])) == len(records) - 1
    assert journal.parse(raw(records[1:])) == []
    assert journal.parse(b"[[[[" * 50_000 + b"\n") == []


@pytest.mark.parametrize(
    "hostile",
    [
        {"k": "text", "i": "x", "name": "stdout", "s": "y"},
        {"k": "text", "i": -1, "name": "stdout", "s": "y"},
        {"k": "out", "i": 0, "o": []},
        {"k": "cell", "i": 0, "t": 10**30},
        {"k": "begin", "at": AT, "ids": []},
        {"k": "end"},
    ],
)
def test_a_malformed_record_ends_the_reading(hostile):
    raw_lines = raw([*failing_run()[:2], {"n": 2, "t": 99, **hostile}])

    assert len(journal.parse(raw_lines)) == 2


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
OUTPUT_FIELDS = ("data", "metadata", "text", "name", "ename", "evalue", "traceback", "execution_count")
outputs = st.fixed_dictionaries(
    {"output_type": st.sampled_from(["stream", "display_data", "execute_result", "error", "odd"])},
    optional=dict.fromkeys(OUTPUT_FIELDS, json_values),
)
display_ids = st.sampled_from([None, 3, "d", "e"])
records_of_cells = st.one_of(
    st.builds(
        lambda i, o, d: {"k": "out", "i": i, "o": o, "display_id": d}, st.integers(0, 6), outputs, json_values
    ),
    st.builds(
        lambda o: {"k": "update", "display_id": "d", "o": o}, st.dictionaries(st.just("data"), json_values)
    ),
    st.builds(lambda i, wait: {"k": "clear", "i": i, "wait": wait}, st.integers(0, 6), st.booleans()),
    st.builds(lambda i: {"k": "cell", "i": i}, st.integers(0, 6)),
    st.builds(
        lambda i, s, e: {**done(i, 1, 2, s, error=e), "t": 2},
        st.integers(0, 6),
        st.sampled_from(["completed", "failed"]),
        json_values,
    ),
    st.builds(
        lambda ids, injected: {**BEGIN, "ids": ids, "injected": injected},
        st.lists(json_values, max_size=4),
        json_values,
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(records_of_cells, max_size=12))
def test_no_record_whatever_makes_an_invalid_copy(found):
    numbered = [{"n": n, "t": 1, **record} for n, record in enumerate([BEGIN, *found])]

    kept = journal.parse(raw(numbered))

    check(journal.executed_copy(SOURCE, kept))
    journal_log.log_text(kept)
    journal.cells(kept, SOURCE, ended=True)


def test_missing_and_double_ids_become_the_same_valid_ids_each_time():
    code = {"cell_type": "code", "metadata": {}, "source": "1"}
    source = {
        "nbformat": 4,
        "nbformat_minor": 2,
        "metadata": {},
        "cells": [code, {**code, "id": "a"}, {**code, "id": "a"}],
    }

    first, second = (check(journal.executed_copy(source, [])) for _ in range(2))

    ids = [cell["id"] for cell in first["cells"]]
    assert len(set(ids)) == 3
    assert ids == [cell["id"] for cell in second["cells"]]


def test_a_lone_surrogate_in_the_source_is_replaced():
    source = {**SOURCE, "cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "\ud800"}]}

    assert "\ufffd" in journal.as_bytes(journal.executed_copy(source, [])).decode()


def test_the_timeline_counts_the_injected_cell_and_gives_instants():
    told = journal.cells(failing_run(), SOURCE)

    assert [cell["index"] for cell in told] == [0, 1, 2, 3, 4]
    assert [cell["state"] for cell in told] == ["succeeded", "succeeded", "succeeded", "failed", "not_run"]
    assert told[2]["id"] == "injected-parameters"
    assert told[3]["started_at"] == datetime(2026, 11, 23, 7, 30, 0, 61_000, tzinfo=UTC)
    assert told[3]["finished_at"] == datetime(2026, 11, 23, 7, 30, 1, 61_000, tzinfo=UTC)
    assert told[3]["error"] == "ZeroDivisionError: division by zero"


def test_the_timeline_of_a_running_and_of_a_lost_attempt_differ():
    records = failing_run()[:9]

    running = [cell["state"] for cell in journal.cells(records, SOURCE)]
    lost = [cell["state"] for cell in journal.cells(records, SOURCE, ended=True)]

    assert running == ["succeeded", "succeeded", "succeeded", "running", "pending"]
    assert lost == ["succeeded", "succeeded", "succeeded", "failed", "not_run"]


def test_the_log_mixes_notes_with_times_and_what_was_printed_without_colours():
    text = journal_log.log_text(failing_run())

    assert "2026-11-23T07:30:00.061Z cell 4 started\n" in text
    assert "100%\n" in text
    assert "boom\n" in text
    assert "\x1b" not in text
    assert text.endswith("2026-11-23T07:30:01.100Z ended: failed: Cell 4 raised.\n")


def test_progress_is_read_from_any_piece_of_a_journal() -> None:
    begin = b'{"n":0,"t":0,"k":"begin","ids":["a","b","c"]}\n'
    flood = b'{"n":1,"t":1,"k":"text","i":0,"s":"' + b"x" * 300 + b' \\"done\\""}\n'
    done = b'{"n":2,"t":2,"k":"done","i":1}\n["done"]\n{"done": torn\n'

    assert journal.progress(begin + flood) == (0, 3)
    assert journal.progress(done) == (2, None)


@pytest.mark.parametrize("index", [None, "x", [], -1, 10**30])
def test_a_record_of_a_newer_kind_may_hold_anything(index):
    newer = {"n": 1, "t": 5, "k": "newer", "i": index, "started": index}
    raw = "".join(f"{json.dumps(record)}\n" for record in ({"n": 0, **BEGIN}, newer)).encode()

    records = journal.parse(raw)

    assert records[1:] == [newer]
    assert journal_log.log_text(records).count("\n") == 1


@pytest.mark.parametrize("index", [10**30, 2**63, -(10**30)])
def test_progress_stays_within_what_a_column_holds(index):
    line = json.dumps({"k": "done", "i": index}).encode() + b"\n"

    done, _ = journal.progress(line)

    assert 0 <= done < 2**31
