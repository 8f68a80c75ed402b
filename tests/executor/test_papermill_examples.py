"""What papermill's manual shows, with `engine_name="nightbook"`. docs/papermill.md lists what differs."""

import io
import logging
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import nbformat
import papermill
import pytest
from papermill.engines import papermill_engines
from papermill.exceptions import PapermillExecutionError

from nightbook_executor.engine import NightbookEngine


def notebook(*cells):
    made = [cell if isinstance(cell, dict) else nbformat.v4.new_code_cell(cell) for cell in cells]
    spec = {"name": "python3", "display_name": "Python", "language": "python"}
    return nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": spec})


def tagged(source, tag):
    return nbformat.v4.new_code_cell(source, metadata={"tags": [tag]})


def execute(source, out, parameters=None, **options):
    options = {"engine_name": "nightbook", "progress_bar": False, **options}
    return papermill.execute_notebook(source, out, parameters, **options)


def read(path):
    copy = nbformat.read(path, as_version=4)
    nbformat.validate(copy)
    return copy


def statuses(copy):
    return [cell.metadata.papermill.status for cell in copy.cells if "papermill" in cell.metadata]


def printed(copy):
    outputs = [output for cell in copy.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.ipynb"
    nbformat.write(notebook(tagged("alpha = 0.5\nname = 'x'", "parameters"), "print(alpha, name)"), path)
    return path


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.ipynb"


def test_execute_from_path_to_path(source, out):
    execute(source, out)

    assert printed(read(out)) == "0.5 x\n"
    assert read(out).metadata.papermill.input_path == str(source)


def test_parameterize(source, out):
    execute(str(source), str(out), {"alpha": 0.6, "name": 'Ana\'s "ü"'})

    copy = read(out)
    assert printed(copy) == '0.6 Ana\'s "ü"\n'
    assert [cell.metadata.tags for cell in copy.cells] == [["parameters"], ["injected-parameters"], []]
    assert copy.metadata.papermill.parameters == {"alpha": 0.6, "name": 'Ana\'s "ü"'}


def test_parameters_without_a_cell_for_them_stand_on_top(out):
    copy = execute(notebook("print(x)"), str(out), {"x": 1})

    assert copy.cells[0].metadata.tags == ["injected-parameters"]


def test_a_path_may_hold_parameters(source, tmp_path):
    execute(str(source), str(tmp_path / "out-{alpha}.ipynb"), {"alpha": 2})

    assert printed(read(tmp_path / "out-2.ipynb")) == "2 x\n"


def test_the_command_line(source, out):
    argv = [
        Path(sys.executable).parent / "papermill",
        source,
        out,
        "--engine",
        "nightbook",
        "-p",
        "alpha",
        "0.7",
    ]
    subprocess.run(argv, check=True, capture_output=True)

    assert printed(read(out)) == "0.7 x\n"
    assert sorted(path.name for path in out.parent.iterdir()) == ["in.ipynb", "out.ipynb"]


@pytest.mark.parametrize(
    "leave", ["import sys; sys.exit()", "import sys; sys.exit(0)", "raise SystemExit(0)"]
)
def test_sys_exit_with_zero_returns_and_runs_no_more(out, leave):
    copy = execute(notebook("print(1)", leave, "print(2)"), str(out))

    assert printed(copy).startswith("1\n")
    assert statuses(copy) == ["completed", "completed", "pending"]
    assert copy.metadata.papermill.exception is None


@pytest.mark.parametrize("leave", ["import sys; sys.exit(1)", "import sys; sys.exit('no')"])
def test_sys_exit_with_anything_else_raises(out, leave):
    with pytest.raises(PapermillExecutionError, match="SystemExit"):
        execute(notebook("print(1)", leave, "print(2)"), str(out))

    assert statuses(read(out)) == ["completed", "failed", "pending"]


def test_an_error_raises_and_the_copy_shows_where(out):
    with pytest.raises(PapermillExecutionError, match="ZeroDivisionError") as caught:
        execute(notebook("1", "1/0", "2"), str(out))

    assert (caught.value.cell_index, caught.value.ename) == (1, "ZeroDivisionError")
    tags = [cell.metadata.get("tags", []) for cell in read(out).cells]
    assert tags.count(["papermill-error-cell-tag"]) == 2
    assert read(out).metadata.papermill.exception is True


def test_a_copy_with_markers_can_be_the_input_again(out, tmp_path):
    with pytest.raises(PapermillExecutionError):
        execute(notebook(tagged("x = 0", "parameters"), "print(1/x)"), str(out))

    copy = execute(str(out), str(tmp_path / "again.ipynb"), {"x": 1})

    assert printed(copy) == "1.0\n"
    assert statuses(copy) == ["completed"] * 3


def test_report_mode_hides_the_sources(out):
    copy = execute(notebook(tagged("x = 1", "parameters"), "x"), str(out), {"x": 2}, report_mode=True)

    assert all(cell.metadata.jupyter.source_hidden for cell in copy.cells)


def test_a_notebook_in_memory_is_taken_and_left_out_of_the_metadata(out):
    given = notebook("print(1)")

    copy = execute(given, str(out))

    assert printed(copy) == "1\n"
    assert copy.metadata.papermill.input_path is None
    assert given.cells[0].outputs == []


def test_no_output_path_writes_nothing(tmp_path):
    assert printed(execute(notebook("print(1)"), None)) == "1\n"
    assert list(tmp_path.iterdir()) == []


def test_an_engine_of_ones_own_may_stand_on_ours(out, monkeypatch):
    class Noting(NightbookEngine):
        noted: ClassVar[list[str]] = []

        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, **kwargs):
            cls.noted.append(kernel_name)
            return super().execute_managed_notebook(nb_man, kernel_name, **kwargs)

    monkeypatch.setattr(papermill_engines, "_engines", dict(papermill_engines._engines))
    papermill.engines.papermill_engines.register("noting", Noting)

    assert printed(execute(notebook("print(1)"), str(out), engine_name="noting")) == "1\n"
    assert Noting.noted == ["python3"]


def test_prepare_only_runs_nothing(source, out):
    copy = execute(str(source), str(out), {"alpha": 3}, prepare_only=True)

    assert "alpha = 3" in copy.cells[1].source
    assert printed(read(out)) == ""
    assert {cell.execution_count for cell in copy.cells} == {None}


def test_cells_tagged_skip_execution_are_skipped(out):
    copy = execute(notebook("x = 1", tagged("x = 2", "skip-execution"), "print(x)"), str(out))

    assert printed(copy) == "1\n"
    assert copy.cells[1].execution_count is None


def test_a_cell_tagged_raises_exception_lets_the_rest_run_and_papermill_raises_at_the_end(out):
    with pytest.raises(PapermillExecutionError):
        execute(notebook(tagged("1/0", "raises-exception"), "print('after')"), str(out))

    assert "after" in printed(read(out))


def test_allow_errors_lets_all_cells_run(out):
    with pytest.raises(PapermillExecutionError):
        execute(notebook("1/0", "print('after')"), str(out), allow_errors=True)

    assert "after" in printed(read(out))


def test_log_output_goes_to_papermills_log(out, caplog):
    with caplog.at_level(logging.INFO, logger="papermill"):
        execute(
            notebook("import sys\nprint('told')\nprint('loud', file=sys.stderr)\n6 * 7"),
            str(out),
            log_output=True,
        )

    told = [(record.levelname, record.getMessage().strip()) for record in caplog.records]
    assert ("INFO", "told") in told
    assert ("INFO", "42") in told
    assert any(words == "loud" for _, words in told)


def test_stdout_and_stderr_go_to_files_of_the_caller(out):
    stdout, stderr = io.StringIO(), io.StringIO()

    execute(
        notebook("import sys\nprint('told')\nprint('loud', file=sys.stderr)"),
        str(out),
        stdout_file=stdout,
        stderr_file=stderr,
    )

    assert (stdout.getvalue(), stderr.getvalue()) == ("told\n", "loud\n")


def test_cwd_is_the_folder_of_the_kernel_and_paths_stay_those_of_the_caller(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work").mkdir()
    nbformat.write(notebook("import os\nprint(os.getcwd())"), "in.ipynb")

    execute("in.ipynb", "out.ipynb", cwd="work")

    assert printed(read("out.ipynb")).strip() == str(tmp_path / "work")
    assert Path.cwd() == tmp_path


def test_execution_timeout_is_the_limit_of_a_cell(out):
    with pytest.raises(PapermillExecutionError, match="CellTimeoutError"):
        execute(notebook("import time; time.sleep(60)", "2"), str(out), execution_timeout=1)

    assert statuses(read(out)) == ["failed", "pending"]


def test_kernel_and_language_may_be_named(out):
    bare = notebook("print(x)")
    bare.metadata.clear()

    assert printed(execute(bare, str(out), {"x": 1}, kernel_name="python3", language="python")) == "1\n"


def test_inspect_notebook_reads_the_copy(source, out):
    execute(str(source), str(out), {"alpha": 1})

    assert papermill.inspect_notebook(str(out))["alpha"]["default"] == "0.5"
