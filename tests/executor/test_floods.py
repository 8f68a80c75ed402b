"""More than a run may leave: it is cut where it is seen, kept where there is room, and fails nothing."""

import os
from pathlib import Path

import nbformat
import psutil
import pytest
from conftest import processes_of
from fake_server import until

pytestmark = pytest.mark.usefixtures("forked_kernels")
MIB = 1024 * 1024
FULL_SIZE = pytest.mark.skipif("FULL_SIZE" not in os.environ, reason="set FULL_SIZE")


@pytest.fixture(scope="module")
def forked_kernels(server, worker):
    """Kernels that lose nothing: on a busy machine, one that was started the ordinary way does."""

    def is_forked():
        run = server.wait_for(server.queue_run("1"))
        return [one["kernel_start"] for one in run.records if one["k"] == "kernel"] != ["ordinary"]

    until(is_forked, 60)


def outputs_of(run, index=0):
    return [cell for cell in run.copy["cells"] if cell["cell_type"] == "code"][index]["outputs"]


def ended(server, run):
    server.wait_for(run, 120)
    nbformat.validate(run.copy)
    assert run.finish.state == "succeeded", run.finish.reason
    return run.finish


def spilled(run):
    head, text = run.artifacts["spill.txt"].decode().split("\n", 2)[1:]
    assert head.startswith("===== cell 1, stdout")
    return text


def childs_peak(run):
    """The most memory that the process beside the kernel has taken so far."""
    peaks = []
    for process in processes_of(run.order.attempt_id):
        if any(name in " ".join(process.cmdline()) for name in ("nightbook_executor.child", "nb-child")):
            peaks.append(hwm(process))
    return max(peaks)


def hwm(process: psutil.Process) -> int:
    lines = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def test_text_beyond_the_cap_of_a_cell_is_in_the_spill_to_the_last_byte(server):
    flood = "for n in range(3000):\n    print(f'{n:06d}', 'x' * 93)"
    run = server.queue_run(flood, "print('after')", limits={"cell_output_bytes": 100_000})

    finish = ended(server, run)

    stream, note = outputs_of(run)
    whole = "".join(f"{n:06d} {'x' * 93}\n" for n in range(3000))
    assert stream["text"] == whole[:100_000]
    assert stream["text"] + spilled(run) == whole
    assert "stdout was cut: 100,000 bytes kept, 203,000 dropped" in note["text"]
    assert "What was dropped is in the file spill.txt" in note["text"]
    assert {one.name: one.role for one in finish.artifacts}["spill.txt"] == "spill"
    assert "spill.txt" in [one["name"] for one in run.manifest["outputs"]]
    assert run.printed.endswith("after\n")


def test_a_full_spill_counts_what_it_cannot_keep(server):
    run = server.queue_run("print('x' * 50_000)", limits={"cell_output_bytes": 10_000, "spill_bytes": 20_000})

    ended(server, run)

    (note,) = [one["text"] for one in outputs_of(run) if one["name"] == "stderr"]
    assert "10,000 bytes kept, 40,001 dropped" in note
    assert "of these are in the file spill.txt" in note
    assert len(run.artifacts["spill.txt"]) == 20_000


def test_one_print_of_a_hundred_megabytes_is_read_in_pieces(server, tmp_path):
    gate = tmp_path / "go"
    wait = f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)"
    run = server.queue_run("print('x' * 100_000_000)", "print('after')", wait)
    server.wait(lambda: "after" in run.printed, 100)

    peak = childs_peak(run)
    gate.touch()
    ended(server, run)

    assert peak <= 300 * MIB
    assert len(outputs_of(run)[0]["text"]) == 10 * MIB
    assert len(spilled(run)) == 100_000_001 - 10 * MIB


def test_more_messages_than_a_minute_may_have_go_to_the_spill(server):
    flood = "import sys\nfor n in range(3000):\n    print(n); sys.stdout.flush()"
    run = server.queue_run(flood, limits={"messages_per_minute": 500})

    ended(server, run)

    shown = "".join(one["text"] for one in outputs_of(run) if one["name"] == "stdout")
    note = outputs_of(run)[-1]["text"]
    assert shown + spilled(run) == "".join(f"{n}\n" for n in range(3000))
    assert "more than 500 messages a minute" in note


def test_displays_beyond_their_number_leave_a_note_in_their_place_and_errors_stay(server):
    show = "from IPython.display import display\nfor n in range(40): display(n)\nraise ValueError('kept')"
    run = server.queue_run(
        {"cell_type": "code", "source": show, "metadata": {"tags": ["raises-exception"]}, "outputs": []},
        limits={"cell_outputs": 30},
    )

    ended(server, run)

    shown = outputs_of(run)
    assert [one["output_type"] for one in shown] == [*["display_data"] * 30, "stream", "error"]
    assert "output was cut" in shown[30]["text"]
    assert shown[31]["evalue"] == "kept"


def test_twenty_thousand_displays_all_arrive_where_the_caps_allow_them(server):
    run = server.queue_run(
        "from IPython.display import display\nfor n in range(20_000): display(n)",
        limits={"cell_outputs": 100_000, "messages_per_minute": 1_000_000},
    )

    ended(server, run)

    shown = [one["data"]["text/plain"] for one in outputs_of(run)]
    assert shown == [str(n) for n in range(20_000)]


def test_a_journal_ends_within_its_bounds_however_often_a_cell_clears_its_output(server):
    clear = (
        "from IPython.display import clear_output\n"
        "for n in range(60):\n    print(str(n) * 50_000); clear_output(wait=True)\nprint('last')"
    )
    run = server.queue_run(clear, limits={"run_output_bytes": MIB, "cell_output_bytes": MIB})

    ended(server, run)

    assert len(run.journal) <= 3 * MIB


def test_odd_characters_are_kept_or_replaced_and_the_copy_is_utf8(server):
    run = server.queue_run(
        "from IPython.display import display\n"
        "print('nul \\x00, red \\x1b[31mred\\x1b[0m, 漢字 😀')\n"
        "display({'text/plain': 'lone \\udc80', 'application/x': 'y'}, raw=True)"
    )

    ended(server, run)

    stream, shown = outputs_of(run)
    assert stream["text"] == "nul \x00, red \x1b[31mred\x1b[0m, 漢字 😀\n"
    assert shown["data"]["text/plain"] == "lone \ufffd"


def test_a_progress_bar_is_one_line_in_the_copy_and_whole_in_the_journal(server):
    run = server.queue_run("for n in range(1000): print(f'\\r{n}', end='')\nprint()")

    ended(server, run)

    until(lambda: run.finish is not None)
    assert outputs_of(run)[0]["text"] == "999\n"
    assert run.printed.count("\r") == 1000


def test_one_output_of_fifty_megabytes_is_a_note_and_a_picture_of_three_is_kept(server, tmp_path):
    gate = tmp_path / "go"
    show = "from IPython.display import display\ndisplay({'text/plain': 'x' * %s}, raw=True)"
    wait = f"print('after')\nimport os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)"
    run = server.queue_run(show % "50_000_000", show % "3_000_000", wait)
    server.wait(lambda: "after" in run.printed, 60)

    peak = childs_peak(run)
    gate.touch()
    ended(server, run)

    assert peak <= 300 * MIB
    (note,) = outputs_of(run)
    assert "0 bytes kept, 50,0" in note["text"]
    assert len(outputs_of(run, 1)[0]["data"]["text/plain"]) == 3_000_000


def test_a_journal_that_nobody_takes_for_a_while_costs_disk_and_neither_memory_nor_outputs(server, tmp_path):
    gate = tmp_path / "go"
    show = (
        "from IPython.display import display\nprint('begun', flush=True)\n"
        f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)\n"
        "for n in range(2_000): display({'text/plain': f'{n} ' + 'x' * 10_000}, raw=True)"
    )
    caps = {"cell_output_bytes": 50 * MIB, "cell_outputs": 100_000, "messages_per_minute": 1_000_000}
    done, stay = tmp_path / "done", tmp_path / "stay"
    tell = f"open({str(done)!r}, 'w')\n"
    wait = f"import os, time\nwhile not os.path.exists({str(stay)!r}): time.sleep(0.02)"
    run = server.queue_run(show, tell + wait, limits=caps)
    server.wait(lambda: "begun" in run.printed)

    run.hold = "journal"
    gate.touch()
    until(done.exists, 60)
    peak, taken = childs_peak(run), len(run.journal)
    run.hold = None
    stay.touch()
    ended(server, run)

    assert taken < MIB
    assert peak <= 300 * MIB
    shown = [one["data"]["text/plain"].split()[0] for one in outputs_of(run)[1:]]
    assert shown == [str(n) for n in range(2_000)]


def test_pictures_beyond_the_cap_of_a_cell_are_a_note_however_many_there_are(server):
    plots = (
        "from IPython.display import display\n"
        "for n in range(1_000): display({'image/png': 'A' * 20_000, 'text/plain': str(n)}, raw=True)"
    )
    run = server.queue_run(plots, "print('after')")

    ended(server, run)

    *shown, note = outputs_of(run)
    assert [one["data"]["text/plain"] for one in shown] == [str(n) for n in range(len(shown))]
    assert 9 * MIB < len(shown) * 20_000 < 10 * MIB
    assert "output was cut" in note["text"]
    assert run.printed == "after\n"


def lines(count: int, flushed: bool) -> str:
    return f"for n in range({count}): print(n, 'x' * 50, flush={flushed})"


@pytest.mark.parametrize(
    ("count", "flushed"),
    [
        (100_000, False),
        (5_000, True),
        pytest.param(1_000_000, False, marks=FULL_SIZE),
        pytest.param(100_000, True, marks=FULL_SIZE),
    ],
)
def test_a_flood_of_lines_is_whole_in_copy_and_spill_within_bounded_memory(server, tmp_path, count, flushed):
    gate = tmp_path / "go"
    wait = f"print('after')\nimport os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)"
    caps = {"cell_output_bytes": MIB, "messages_per_minute": 1_000_000}
    run = server.queue_run(lines(count, flushed), wait, limits=caps)
    server.wait(lambda: "after" in run.printed, 200)

    peak = childs_peak(run)
    gate.touch()
    ended(server, run)

    assert peak <= 300 * MIB
    kept = outputs_of(run)[0]["text"] + (spilled(run) if "spill.txt" in run.artifacts else "")
    assert kept == "".join(f"{n} {'x' * 50}\n" for n in range(count))


def test_a_reader_that_is_far_behind_loses_no_output(server, tmp_path):
    gate, done = tmp_path / "go", tmp_path / "done"
    show = (
        "import os, time\nfrom IPython.display import display\nprint('begun', flush=True)\n"
        f"while not os.path.exists({str(gate)!r}): time.sleep(0.02)\n"
        f"for n in range(4_000): display({{'text/plain': str(n) + ' ' * 500}}, raw=True)\n"
        f"_ = open({str(done)!r}, 'w')"
    )
    run = server.queue_run(show, limits={"cell_outputs": 100_000})
    server.wait(lambda: "begun" in run.printed)
    (child,) = [one for one in processes_of(run.order.attempt_id) if one.name() == "nb-child"]

    child.suspend()
    gate.touch()
    until(done.exists)
    child.resume()
    ended(server, run)

    shown = [one["data"]["text/plain"].strip() for one in outputs_of(run)[1:]]
    assert shown == [str(n) for n in range(4_000)]
