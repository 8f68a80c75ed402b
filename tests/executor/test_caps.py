"""What the caps do with one message: kept, cut with a note, or refused because no line may be so long."""

import json
import os

import pytest

from nightbook.core.journal import LONGEST, parse
from nightbook_executor.execution import Execution
from nightbook_executor.intake import Intake
from nightbook_executor.journal import Journal, TooLongError, opened
from nightbook_executor.order import Caps
from nightbook_executor.widgets import WidgetRoom

MIB = 1024 * 1024


class Recorded:
    """An intake whose journal can be read."""

    def __init__(self, path, **caps):
        self.fd, self.path = opened(path), path
        self.journal = Journal(self.fd)
        self.intake = Intake(Execution(journal=self.journal, caps=Caps(**caps)))
        self.journal.begin(ids=[])

    def take(self, kind, **content):
        self.intake.take(0, kind, content, len(json.dumps(content, ensure_ascii=False)))

    def display(self, text, kind="display_data", **more):
        self.take(kind, data={"text/plain": text}, metadata={}, **more)

    def records(self, *kinds):
        self.journal.sync()
        return [record for record in parse(self.path.read_bytes()) if record["k"] in kinds]


@pytest.fixture
def recorded(tmp_path):
    made = []

    def make(**caps):
        made.append(Recorded(tmp_path / "journal.jsonl", **caps))
        return made[-1]

    yield make
    for one in made:
        os.close(one.fd)


def test_an_output_longer_than_a_line_may_be_is_a_note_in_its_place(recorded):
    run = recorded(cell_bytes=100 * MIB)

    run.display("x" * (LONGEST + 1))
    run.display("\x01" * (LONGEST // 4))  # six bytes each, once it is written
    run.display("after")

    cut, out = run.records("cut", "out")
    assert cut["why"] == f"the limit of one output is {LONGEST:,} bytes"
    assert out["o"]["data"]["text/plain"] == "after"
    assert run.intake.is_full(0, "display_data", LONGEST + 1)


def test_an_update_longer_than_a_line_may_be_leaves_the_display_as_it_was_with_a_note(recorded):
    run = recorded(cell_bytes=100 * MIB)
    named = {"transient": {"display_id": "bar"}}

    run.display("first", **named)
    run.display("x" * (LONGEST + 1), "update_display_data", **named)

    assert [record["k"] for record in run.records("out", "update", "cut")] == ["out", "cut"]


def test_the_longest_error_fits_into_a_line(recorded):
    run = recorded()

    long = "\x1b" * 2_000_000
    run.take("error", ename=long, evalue=long, traceback=["", "\x1b" * 5000] * 500)

    (out,) = run.records("out")
    assert out["o"]["output_type"] == "error"
    assert out["o"]["traceback"][-1].endswith("was cut")


def test_a_record_that_is_too_long_leaves_the_journal_as_it_was(recorded):
    run = recorded()

    with pytest.raises(TooLongError):
        run.journal.append("note", s="x" * LONGEST)
    run.journal.append("note", s="short")

    assert [record["n"] for record in run.records("begin", "note")] == [0, 1]


@pytest.mark.parametrize("kind", ["update_display_data", "clear_output", "display_data"])
def test_what_comes_more_often_than_it_may_is_noted(recorded, kind):
    run = recorded(messages_per_minute=100)
    for n in range(100):
        run.take("stream", name="stdout", text=f"{n}\n")

    run.display("late", kind, transient={"display_id": "bar"})

    (cut,) = run.records("cut")
    assert cut["why"] == "more than 100 messages a minute"


def test_a_note_that_was_cleared_with_its_cell_is_told_again(recorded):
    run = recorded(cell_bytes=100)
    run.display("x" * 200)

    run.take("clear_output", wait=False)
    run.intake.close(0)

    assert [record["k"] for record in run.records("cut", "clear")] == ["cut", "clear", "cut"]


def test_what_is_cut_after_its_cell_has_ended_is_told_at_the_end_of_the_run(recorded):
    run = recorded(cell_bytes=100)
    run.display("x" * 200)
    run.intake.close(0)

    run.display("y" * 300)
    run.intake.finish()

    assert [record["dropped"] for record in run.records("cut")] == pytest.approx([250, 600], abs=50)


def test_a_flood_of_clears_ends_within_the_bounds_of_the_journal(recorded):
    run = recorded(run_bytes=1024, messages_per_minute=1_000_000)

    for _ in range(40_000):
        run.take("clear_output", wait=True)

    assert run.journal.size <= 1.2 * MIB
    assert run.records("cut")


def test_streams_that_do_not_exist_count_as_the_one_that_does(recorded):
    run = recorded(cell_bytes=10)

    for n in range(50):
        run.take("stream", name=f"stream-{n}", text="12345")

    assert {record["name"] for record in run.records("text")} == {"stdout"}
    assert len(run.records("cut")) == 1


def test_widgets_that_replace_what_they_said_need_no_more_room():
    room = WidgetRoom(1000, measure=lambda: 100)

    assert all(room.admits(100) for _ in range(10_000))


def test_widgets_that_hold_too_much_are_refused_without_measuring_each_time():
    measured = []
    room = WidgetRoom(80_000, measure=lambda: measured.append(1) or 79_999)

    admitted = sum(room.admits(100) for _ in range(10_000))

    assert admitted == 800
    assert len(measured) <= 100


def test_states_of_widgets_beyond_the_room_of_a_run_are_a_note(recorded):
    run = recorded(run_bytes=1000)

    run.intake.widgets(0, {"state": "x" * 5000})

    assert [record["what"] for record in run.records("cut", "widgets")] == ["state of widgets"]
