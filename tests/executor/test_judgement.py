"""What the child said counts; where it said nothing, what its guard saw."""

import pytest

from nightbook_executor.children import Facts
from nightbook_executor.endings import Stop
from nightbook_executor.judgement import judged

CANCEL = Stop("cancel", by="ana")
OVERDUE = Stop("run_timeout", seconds=60)
REPORT = {"k": "ended", "state": "failed", "class": "code", "reason": "Cell 1 raised E.", "cell": 0}


@pytest.mark.parametrize(
    ("facts", "cancel", "overdue", "state", "class_", "words"),
    [
        (Facts(-9), None, None, "failed", "platform", "ended with signal SIGKILL"),
        (Facts(70), None, OVERDUE, "failed", "platform", "ended with exit code 70"),
        (Facts(-9), None, OVERDUE, "timed_out", "timeout", "limit of 60 s"),
        (Facts(-9, why="kill"), CANCEL, None, "cancelled", None, "Cancelled by ana"),
        (None, None, None, "failed", "platform", "guards the run was killed"),
        (None, CANCEL, None, "cancelled", None, "Cancelled by ana"),
        (
            Facts(-9, why="memory", memory_hit_bytes=4_600_000_000, memory_limit_bytes=4_500_000_000),
            CANCEL,
            None,
            "failed",
            "out_of_memory",
            "4.6 GB of 4.5 GB",
        ),
    ],
)
def test_a_silent_child_is_judged_by_what_its_processes_did(facts, cancel, overdue, state, class_, words):
    ending = judged(None, facts, cancel=cancel, overdue=overdue).ending

    assert (ending.state, ending.class_) == (state, class_)
    assert words in ending.reason


def test_the_word_of_the_child_counts_before_the_end_of_its_process():
    done = judged(REPORT, Facts(-9, why="kill"), cancel=CANCEL, overdue=OVERDUE)

    assert (done.ending.state, done.ending.class_, done.ending.cell) == ("failed", "code", 0)


@pytest.mark.parametrize("spoiled", [{"state": "glad"}, {"cell": "x"}, {"class": 5}])
def test_words_that_make_no_sense_count_for_nothing(spoiled):
    done = judged({**REPORT, **spoiled}, Facts(-11), cancel=None, overdue=None)

    assert (done.ending.class_, "SIGSEGV" in done.ending.reason) == ("platform", True)


def test_usage_of_a_silent_child_is_what_its_guard_measured():
    done = judged(None, Facts(-9, peak_memory_bytes=7, cpu_seconds=0.5), cancel=None, overdue=None)

    assert done.report["usage"] == {"peak_memory_bytes": 7, "cpu_seconds": 0.5}
