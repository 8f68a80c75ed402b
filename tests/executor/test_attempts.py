"""How runs end, and what they leave: a real worker, real children and real kernels."""

import base64
import hashlib
import json
import random

import nbformat
import pytest
from conftest import processes_of
from fake_server import tagged, until

from nightbook.core import journal

pytestmark = pytest.mark.usefixtures("worker")


def check_truth(run):
    """What holds for every ending: a valid copy, listed by its hash, and nothing left alive."""
    nbformat.validate(nbformat.from_dict(run.copy))
    listed = {one["name"]: one["sha256"] for one in run.manifest["outputs"]}
    assert listed["notebook.ipynb"] == hashlib.sha256(run.artifacts["notebook.ipynb"]).hexdigest()
    assert run.copy["metadata"]["nightbook"]["state"] == run.finish.state == run.manifest["state"]
    assert run.copy["metadata"]["nightbook"]["reason"] == run.finish.reason
    assert run.artifacts["journal.jsonl"] == run.journal
    until(lambda: not processes_of(run.order.attempt_id), 5)


def ended(server, run):
    server.wait_for(run)
    check_truth(run)
    return run.finish


def markers(run):
    return [
        cell for cell in run.copy["cells"] if "papermill-error-cell-tag" in cell["metadata"].get("tags", [])
    ]


def test_a_run_succeeds_with_its_parameters_and_leaves_copy_journal_and_manifest(server):
    text = {"cell_type": "markdown", "source": "# Title", "metadata": {}}
    run = server.queue_run(text, tagged("x = 1", "parameters"), "print(x * 2)", parameters={"x": 21})

    finish = ended(server, run)

    assert (finish.state, finish.class_, finish.reason, finish.failed_cell) == ("succeeded", None, None, None)
    assert (finish.cells_done, finish.cells_total) == (4, 4)
    assert run.printed == "42\n"
    assert run.statuses() == ["completed"] * 4
    assert not markers(run)
    assert [one.name for one in finish.artifacts] == ["notebook.ipynb", "journal.jsonl", "manifest.json"]
    paths = run.copy["metadata"]["papermill"]
    assert paths["input_path"] == paths["output_path"] == "reports/daily.ipynb"
    assert paths["parameters"] == run.manifest["parameters"] == {"x": 21}
    assert run.manifest["kernel"].items() >= {"name": "python3", "language": "python"}.items()
    assert "papermill" in run.manifest["packages"]
    assert run.manifest["triggered_by"] == "ana"


def test_a_failing_cell_fails_the_run_and_later_cells_stay_pending(server):
    run = server.queue_run("print('one')", "1/0", "print('never')")

    finish = ended(server, run)

    assert (finish.state, finish.class_, finish.failed_cell) == ("failed", "code", 1)
    assert finish.reason == "Cell 2 raised ZeroDivisionError: division by zero."
    assert run.statuses() == ["completed", "failed", "pending"]
    assert len(markers(run)) == 2
    assert run.copy["metadata"]["papermill"]["exception"] is True
    assert run.printed == "one\n"


def test_a_killed_kernel_is_named_and_no_later_cell_is_called_completed(server):
    run = server.queue_run(
        "print('one')", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "3", "4"
    )

    finish = ended(server, run)

    assert (finish.state, finish.class_, finish.failed_cell) == ("failed", "kernel_died", 1)
    assert finish.reason == "The kernel ended with signal SIGKILL in cell 2."
    assert run.statuses() == ["completed", "failed", "pending", "pending"]
    assert "DeadKernelError" in json.dumps(run.copy["cells"])


def test_a_kernel_that_exits_by_itself_tells_its_code(server):
    run = server.queue_run("import os; os._exit(5)")

    finish = ended(server, run)

    assert (finish.state, finish.class_) == ("failed", "kernel_died")
    assert "exit code 5" in finish.reason


@pytest.mark.parametrize("leave", ["import sys; sys.exit(0)", "exit()", "raise SystemExit"])
def test_leaving_with_success_ends_the_run_early_and_says_so(server, leave):
    run = server.queue_run("1", leave, "print('never')")

    finish = ended(server, run)

    assert finish.state == "succeeded"
    assert finish.reason.startswith("exited_early")
    assert run.statuses() == ["completed", "completed", "pending"]
    assert not markers(run)


@pytest.mark.parametrize("leave", ["import sys; sys.exit(3)", "import sys; sys.exit('no data')", "input()"])
def test_leaving_otherwise_or_asking_somebody_fails_the_run(server, leave):
    run = server.queue_run(leave, "print('never')")

    finish = ended(server, run)

    assert (finish.state, finish.class_, finish.failed_cell) == ("failed", "code", 0)
    assert run.statuses() == ["failed", "pending"]


def test_an_expected_error_does_not_fail_the_run(server):
    run = server.queue_run(tagged("1/0", "raises-exception"), "print('on')")

    finish = ended(server, run)

    assert finish.state == "succeeded"
    assert finish.reason.startswith("expected_errors")
    assert run.statuses() == ["completed", "completed"]
    assert not markers(run)
    assert run.copy["cells"][0]["outputs"][0]["ename"] == "ZeroDivisionError"


def test_a_cell_over_its_limit_is_interrupted_and_named(server):
    run = server.queue_run("print('so far'); import time; time.sleep(60)", "2", cell_timeout_seconds=1)

    finish = ended(server, run)

    assert (finish.state, finish.class_, finish.failed_cell) == ("timed_out", "timeout", 0)
    assert finish.reason == "Cell 1 took longer than its limit of 1 s."
    assert run.statuses() == ["failed", "pending"]
    errors = [one for one in run.copy["cells"][2]["outputs"] if one["output_type"] == "error"]
    assert [one["ename"] for one in errors] == ["CellTimeoutError"]
    assert run.printed == "so far\n"


def test_a_run_over_its_limit_is_stopped_between_many_short_cells(server):
    run = server.queue_run(*["import time; time.sleep(0.4)"] * 30, timeout_seconds=4)

    finish = ended(server, run)

    assert (finish.state, finish.class_) == ("timed_out", "timeout")
    assert finish.reason.startswith("The run took longer than its limit of 4 s")
    assert "pending" in run.statuses()


def test_a_sleeping_cell_is_cancelled_at_once(server):
    run = server.queue_run("print('so far')\nimport time\ntime.sleep(100)", "2")
    server.wait(lambda: "so far" in run.printed)

    run.cancel = True
    finish = ended(server, run)

    assert (finish.state, finish.class_) == ("cancelled", None)
    assert finish.reason == "Cancelled by ana in cell 1."
    assert run.statuses() == ["failed", "pending"]
    assert "RunCancelled" in json.dumps(run.copy["cells"])


def test_an_unknown_kernel_is_an_environment_failure_that_names_the_known_ones(server):
    run = server.queue_run("print(1)", kernel="julia-9.9")

    finish = ended(server, run)

    assert (finish.state, finish.class_) == ("failed", "environment")
    assert "julia-9.9" in finish.reason
    assert "python3" in finish.reason
    assert run.statuses() == ["pending"]


def test_a_parameter_name_that_is_code_is_refused_before_anything_runs(server):
    run = server.queue_run("print(1)", parameters={"x=1;print(": 3})

    finish = ended(server, run)

    assert (finish.state, finish.class_) == ("failed", "parameters")
    assert run.statuses() == ["pending"]
    assert not run.printed


def test_a_value_that_the_language_cannot_hold_is_refused(server):
    run = server.queue_run(
        "echo hi", parameters={"x": {"a": [1]}}, spec={"name": "bash", "display_name": "Bash"}
    )

    finish = ended(server, run)

    assert (finish.state, finish.class_) == ("failed", "parameters")
    assert run.statuses() == ["pending"]


def test_a_bash_notebook_runs_with_its_parameters(server):
    spec = {"name": "bash", "display_name": "Bash", "language": "bash"}
    run = server.queue_run(
        tagged("who=nobody", "parameters"),
        'echo "hello $who"',
        "exit_code() { return 3; }; exit_code",
        parameters={"who": "Ana"},
        spec=spec,
    )

    finish = ended(server, run)

    assert "hello Ana" in run.printed
    assert (finish.state, finish.class_, finish.failed_cell) == ("failed", "code", 3)
    assert (
        run.manifest["kernel"].items()
        >= {"name": "bash", "language": "bash", "start_reason": "not Python"}.items()
    )


def test_a_bash_cell_over_its_limit_is_interrupted(server):
    spec = {"name": "bash", "display_name": "Bash", "language": "bash"}
    run = server.queue_run("echo so far; sleep 100", "echo never", spec=spec, cell_timeout_seconds=1)

    finish = ended(server, run)

    assert (finish.state, finish.reason) == ("timed_out", "Cell 1 took longer than its limit of 1 s.")
    assert "so far" in run.printed
    assert run.statuses() == ["failed", "pending"]


def test_what_a_cell_starts_can_be_interrupted(server):
    nap = (
        "import signal, subprocess\nnap = subprocess.Popen(['sleep', '60'])\nnap.send_signal(signal.SIGINT)\n"
    )
    run = server.queue_run(nap + "print(nap.wait(5))")

    ended(server, run)

    assert run.printed == "-2\n"


def test_sibling_files_lie_beside_the_notebook_and_can_be_imported(server):
    def file(path, text):
        return {"path": path, "base64": base64.b64encode(text.encode()).decode()}

    files = [file("parts.py", "answer = 42"), file("given/rows.csv", "a,b\n1,2\n")]
    run = server.queue_run("import parts\nprint(parts.answer, open('given/rows.csv').read())", files=files)

    finish = ended(server, run)

    assert finish.state == "succeeded"
    assert run.printed == "42 a,b\n1,2\n\n"


def test_files_in_outputs_become_artifacts_with_their_hashes(server):
    write = (
        "import os, atexit\nos.makedirs('outputs/sub')\nopen('outputs/sub/räume.csv', 'w').write('1,2')\n"
        "late = open('outputs/late.txt', 'w'); late.write('whole')"
    )
    run = server.queue_run(write)

    finish = ended(server, run)

    assert run.artifacts["outputs/sub/räume.csv"] == b"1,2"
    assert run.artifacts["outputs/late.txt"] == b"whole"
    assert {one.role for one in finish.artifacts if one.name.startswith("outputs/")} == {"output"}


@pytest.mark.parametrize(
    ("trick", "named"),
    [
        ("os.symlink('/etc/hostname', 'outputs/x')", "a link"),
        ("os.mkfifo('outputs/x')", "a FIFO"),
        ("open('outputs/x', 'w').write('x' * 2000)", "more than 1,000"),
        ("[open(f'outputs/{n}', 'w') for n in range(4)]", "more than 3 files"),
        ("shutil.rmtree('outputs'); os.symlink('/etc', 'outputs')", "not a folder"),
    ],
)
def test_what_is_no_result_is_refused_and_the_copy_kept(server, trick, named):
    run = server.queue_run(
        f"import os, shutil\n_ = {trick}" if ";" not in trick else f"import os, shutil\n{trick}",
        limits={"artifact_bytes": 1000, "artifacts": 3},
    )

    finish = ended(server, run)

    assert (finish.state, finish.class_) == ("failed", "code")
    assert finish.reason.startswith("bad_result")
    assert named in finish.reason
    assert not [name for name in run.artifacts if name.startswith("outputs/")]


def test_a_flood_of_output_is_cut_with_a_note_and_fails_nothing(server):
    flood = "for n in range(5000):\n    print('x' * 200, flush=True)"
    run = server.queue_run(flood, "print('after')", limits={"cell_output_bytes": 100_000})

    finish = ended(server, run)

    assert finish.state == "succeeded"
    outputs = run.copy["cells"][0]["outputs"]
    assert sum(len(one["text"]) for one in outputs) < 110_000
    assert "was cut" in outputs[-1]["text"]
    assert run.printed.endswith("after\n")


def test_displays_clears_and_updates_end_as_in_the_lab(server):
    show = (
        "from IPython.display import display, clear_output\n"
        "print('gone'); clear_output(); h = display('first', display_id=True)\n"
        "print('10%\\r20%\\r100%')"
    )
    run = server.queue_run(show, "h.update('second')", "print('\\ud800 surrogate', float('nan'))")

    finish = ended(server, run)

    assert finish.state == "succeeded"
    shown = run.copy["cells"][0]["outputs"]
    assert shown[0]["data"]["text/plain"] == "'second'"
    assert shown[1]["text"] == "100%\n"


def test_the_child_and_kernel_know_neither_token_nor_address(server):
    look = (
        "import os, glob\nfound = []\n"
        "for path in ['/proc/self/environ', f'/proc/{os.getppid()}/environ', *glob.glob('../*.json')]:\n"
        "    try: found.append(open(path, 'rb').read())\n"
        "    except OSError: pass\n"
        "seen = b''.join(found)\nprint(len(found) > 1, b'nb_' + b'wrk' in seen, b'127.0.0' + b'.1:' in seen)"
    )
    run = server.queue_run(look)

    ended(server, run)

    assert run.printed == "True False False\n"


def test_whatever_a_cell_started_is_gone_with_the_run(server):
    start = (
        "import subprocess, sys\n"
        "nap = [sys.executable, '-c', 'import time; time.sleep(300)']\n"
        "subprocess.Popen(nap)\nsubprocess.Popen(nap, start_new_session=True)\n"
        "subprocess.Popen(['sh', '-c', 'setsid sleep 300 & setsid sleep 300 &'])\nprint('ok')"
    )
    run = server.queue_run(start, "import os; os._exit(0)")

    finish = ended(server, run)  # checks that nothing is left

    assert finish.class_ == "kernel_died"


def test_the_copy_can_be_read_and_run_again_by_papermill(server, tmp_path):
    first = server.queue_run(tagged("x = 1", "parameters"), "print(x)", parameters={"x": 2})
    ended(server, first)

    again = server.queue_run(parameters={"x": 3})
    again.source = first.copy
    finish = ended(server, again)

    assert finish.state == "succeeded"
    assert again.printed == "3\n"
    assert [cell["id"] for cell in again.copy["cells"]] == [cell["id"] for cell in first.copy["cells"]]


def test_every_prefix_of_a_real_journal_gives_a_valid_copy_and_the_whole_gives_the_copy(server):
    show = "from IPython.display import display, HTML\nprint('a'); display(HTML('<b>b</b>')); 3"
    run = server.queue_run(
        {"cell_type": "markdown", "source": "# T", "metadata": {}}, show, "1/0", parameters={"x": 1}
    )
    ended(server, run)

    whole = run.journal
    cuts = {len(whole), *(n + 1 for n, byte in enumerate(whole) if byte == 10)}
    for cut in cuts | set(random.Random(3).sample(range(len(whole)), 40)):
        copy = journal.executed_copy(run.source, journal.parse(whole[:cut]))
        nbformat.validate(nbformat.from_dict(copy))
    again = journal.executed_copy(run.source, journal.parse(whole))
    assert journal.as_bytes(again) == run.artifacts["notebook.ipynb"]


def test_a_notebook_without_code_or_cells_succeeds(server):
    empty = server.queue_run()
    words = server.queue_run({"cell_type": "markdown", "source": "only words", "metadata": {}})

    assert ended(server, empty).state == "succeeded"
    assert ended(server, words).state == "succeeded"
    assert words.statuses() == ["completed"]
