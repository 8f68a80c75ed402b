"""Notebooks in bash and R on a real worker: parameters, errors, limits, cancel, copies.

R and its kernel come from the system (`r-cran-irkernel` on Debian); in CI they must be there.
"""

import json
import os
import struct

import nbformat
import pytest
from fake_server import tagged
from jupyter_client.kernelspec import KernelSpecManager

pytestmark = pytest.mark.usefixtures("worker")

SPECS = {
    "bash": {"name": "bash", "display_name": "Bash", "language": "bash"},
    "R": {"name": "ir", "display_name": "R", "language": "R"},
}
# What the same thing is called in each of them.
PRINT = {"bash": "echo so far", "R": "cat('so far\\n')"}
SLEEP = {"bash": "sleep 100", "R": "Sys.sleep(100)"}
SPIN = {"bash": "while true; do :; done", "R": "repeat {}"}
RAISE = {"bash": "no_such_command_here", "R": "stop('no such thing')"}
DIE = {"bash": "kill -9 $PPID; sleep 20", "R": "tools::pskill(Sys.getpid(), 9)"}

TEXTS = [
    "",
    " blank ",
    'it\'s "quoted" and ""',
    "back\\slash \\n \\x41 \\\\",
    "a\nb\r\nc\n",
    "tab\there",
    "# no comment",
    "${HOME} $HOME $(touch pwned) $((1+1)) `touch pwned` !! !x",
    "'; touch pwned; '",
    '"); system("touch pwned"); c("',
    "\x01\x03\x04\x15\x1b[A\x7f",
    "é ß 漢 😀 \u200d \u2028 \x85 \u00e9f0",
    "-n",
    "~/*?[a]{b,c}",
    "PROMPT_ >",
    "x" * 100_000,
]


def there(language):
    """The language, if its kernel is installed."""
    name = SPECS[language]["name"]
    if name not in KernelSpecManager().find_kernel_specs():
        if os.environ.get("CI"):
            pytest.fail(f"no kernel {name} is installed")
        pytest.skip(f"no kernel {name} is installed")
    return language


@pytest.fixture(params=["bash", "R"])
def language(request):
    return there(request.param)


def ended(server, run, seconds=60):
    server.wait_for(run, seconds)
    nbformat.validate(nbformat.from_dict(run.copy))
    assert run.manifest["kernel"]["start_reason"] == "not Python"
    return run.finish


def declaring(language, **defaults):
    sign = "=" if language == "bash" else " <- "
    return tagged("\n".join(f"{name}{sign}{value}" for name, value in defaults.items()), "parameters")


# ---------------------------------------------------------------- parameters

SHOW_TEXTS = {
    "bash": 'for i in $(seq 0 {last}); do v="t$i"; '
    'printf %s "${{!v}}" | od -An -v -tx1 | tr -d " \\n"; echo; done',
    "R": "for (i in 0:{last}) "
    "cat(paste(charToRaw(enc2utf8(get(paste0('t', i)))), collapse=''), '\\n', sep='')",
}


def test_every_text_arrives_as_it_was_given_and_runs_nothing(server, language):
    given = {f"t{i}": text for i, text in enumerate(TEXTS)}
    run = server.queue_run(
        declaring(language, **dict.fromkeys(given, "''")),
        SHOW_TEXTS[language].format(last=len(TEXTS) - 1),
        'if [ -e pwned ]; then echo "pwned"; fi'
        if language == "bash"
        else 'if (file.exists("pwned")) cat("pwned")',
        parameters=given,
        spec=SPECS[language],
    )

    finish = ended(server, run)

    assert (finish.state, finish.reason) == ("succeeded", None)
    assert [bytes.fromhex(line).decode() for line in run.printed.splitlines()] == TEXTS


def test_numbers_arrive_exactly_in_r(server):
    language = there("R")
    numbers = [0.1, -0.0, 943850.778628, 6.818961358158385, 1e22, 1e23, 5e-324, 1.7976931348623157e308, 1 / 3]
    numbers += [2**53, -(2**53), 2**31]
    run = server.queue_run(
        declaring(language, x="c(1)"),
        "cat(paste(sprintf('%a', x), collapse='\\n'))",
        parameters={"x": numbers},
        spec=SPECS[language],
    )

    ended(server, run)

    found = [float.fromhex(line) for line in run.printed.split()]
    assert [struct.pack("d", one) for one in found] == [struct.pack("d", one) for one in numbers]


def test_numbers_and_lists_arrive_in_bash_as_their_texts(server):
    language = there("bash")
    run = server.queue_run(
        declaring(language, n=0, z=0, on="false", many="(1 2)"),
        'echo "$n $z $on"',
        'for one in "${many[@]}"; do echo "<$one>"; done',
        parameters={"n": 2**53 + 1, "z": -0.0, "on": True, "many": ["a b", "it's", "", "tab\t", 3]},
        spec=SPECS[language],
    )

    ended(server, run)

    assert run.printed.splitlines() == [
        "9007199254740993 -0.0 true",
        "<a b>",
        "<it's>",
        "<>",
        "<tab\t>",
        "<3>",
    ]


def test_nested_lists_and_objects_arrive_in_r(server):
    language = there("R")
    value = {"a": [1, [True, None, "é\n"]], "b c": {"d'\"": []}}
    show = (
        "stopifnot(identical(names(x), c('a', 'b c')), is.list(x), is.null(x$a[[2]][[2]]), x$a[[2]][[1]])\n"
        "cat(jsonlite::toJSON(x, auto_unbox=TRUE, null='null'))"
    )
    run = server.queue_run(declaring(language, x="0"), show, parameters={"x": value}, spec=SPECS[language])

    finish = ended(server, run)

    assert (finish.state, finish.reason) == ("succeeded", None)
    assert json.loads(run.printed) == value


@pytest.mark.parametrize(
    ("language", "value"),
    [
        ("bash", {"a": 1}),
        ("bash", [[1]]),
        ("bash", None),
        ("bash", "a\0b"),
        ("R", 2**53 + 1),
        ("R", {"": 1}),
        ("R", "a\0b"),
    ],
)
def test_what_it_cannot_hold_is_refused_before_any_cell(server, language, value):
    run = server.queue_run(
        declaring(language, x="1"), "echo ran", parameters={"x": value}, spec=SPECS[language]
    )

    server.wait_for(run)

    assert (run.finish.state, run.finish.class_) == ("failed", "parameters")
    assert run.finish.reason.startswith("The parameters cannot be given: x ")
    assert set(run.statuses()) == {"pending"}


# ---------------------------------------------------------------- endings


def test_an_error_ends_the_run_with_its_words(server, language):
    run = server.queue_run(PRINT[language], RAISE[language], PRINT[language], spec=SPECS[language])

    finish = ended(server, run)

    assert (finish.state, finish.class_, finish.failed_cell) == ("failed", "code", 1)
    assert finish.reason.startswith("Cell 2 raised ")
    assert run.statuses() == ["completed", "failed", "pending"]


def test_an_expected_error_does_not(server, language):
    run = server.queue_run(tagged(RAISE[language], "raises-exception"), PRINT[language], spec=SPECS[language])

    finish = ended(server, run)

    assert finish.state == "succeeded"
    assert "so far" in run.printed
    assert run.statuses() == ["completed"] * 2


@pytest.mark.parametrize("busy", [SLEEP, SPIN], ids=["sleeping", "computing"])
def test_a_cell_over_its_limit_is_interrupted_and_what_it_printed_is_kept(server, language, busy):
    cells = [f"{PRINT[language]}\n{busy[language]}", PRINT[language]]
    run = server.queue_run(*cells, spec=SPECS[language], cell_timeout_seconds=1)

    finish = ended(server, run)

    assert (finish.state, finish.reason) == ("timed_out", "Cell 1 took longer than its limit of 1 s.")
    assert "so far" in run.printed
    assert run.statuses() == ["failed", "pending"]


def test_a_run_over_its_limit_is_interrupted(server, language):
    # Starting R takes a second or two, and the limit of a run counts them.
    cells = [f"{PRINT[language]}\n{SLEEP[language]}", PRINT[language]]
    run = server.queue_run(*cells, spec=SPECS[language], timeout_seconds=6)

    finish = ended(server, run)

    assert (finish.state, finish.reason) == (
        "timed_out",
        "The run took longer than its limit of 6 s in cell 1.",
    )
    assert "so far" in run.printed
    assert run.statuses() == ["failed", "pending"]


def test_a_cancel_interrupts_it(server, language):
    run = server.queue_run(f"{PRINT[language]}\n{SLEEP[language]}", PRINT[language], spec=SPECS[language])
    server.wait(lambda: "so far" in run.printed)

    run.cancel = True
    finish = ended(server, run)

    assert (finish.state, finish.reason) == ("cancelled", "Cancelled by ana in cell 1.")
    assert run.statuses() == ["failed", "pending"]


def test_a_dead_kernel_is_told_with_its_signal(server, language):
    run = server.queue_run(PRINT[language], DIE[language], PRINT[language], spec=SPECS[language])

    finish = ended(server, run)

    assert (finish.state, finish.class_) == ("failed", "kernel_died")
    assert "SIGKILL" in finish.reason
    assert run.statuses() == ["completed", "failed", "pending"]


def test_the_copy_says_which_kernel_and_language_ran(server, language):
    run = server.queue_run(PRINT[language], spec=SPECS[language])

    ended(server, run)

    assert run.copy["metadata"]["kernelspec"]["name"] == SPECS[language]["name"]
    assert run.copy["metadata"]["language_info"]["name"] == language
    assert run.manifest["kernel"]["start"] == "ordinary"
    assert run.manifest["kernel"]["language"] == language


def test_leaving_early_in_r_is_a_success_that_says_so(server):
    language = there("R")
    run = server.queue_run("quit(save='no')", PRINT[language], spec=SPECS[language])

    finish = ended(server, run)

    assert finish.state == "succeeded"
    assert finish.reason.startswith("exited_early")
    assert run.statuses() == ["completed", "pending"]
