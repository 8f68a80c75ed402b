"""What a notebook leaves is the same whether its kernel was forked or started the ordinary way."""

import copy
import re
import shutil
from pathlib import Path

import house
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from nightbook.core import journal

GALLERY = Path(__file__).parents[3] / "notebooks"
#: It only waits; its cells are like the others'.
SLOW = {"long_progress"}
PYTHON = sorted(
    path.stem
    for path in GALLERY.glob("*.ipynb")
    if nbformat.read(path, 4).metadata.kernelspec.language == "python" and path.stem not in SLOW
)

FEATURES = (
    "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.title('three')\nplt.show()",
    "!echo from a shell; exit 3\n_exit_code",
    "import asyncio\nasync def later():\n    await asyncio.sleep(0.01)\n    return 'awaited'\nawait later()",
    "from concurrent.futures import ThreadPoolExecutor\n"
    "list(ThreadPoolExecutor(3).map(lambda x: x * x, range(5)))",
    "import multiprocessing\n"
    "def square(x):\n    return x * x\n"
    "with multiprocessing.get_context('fork').Pool(2) as pool:\n    print(pool.map(square, range(5)))",
    "%env NAMED=value\nimport os\nos.environ['NAMED'], os.environ.get('TERM'), os.environ.get('MPLBACKEND')",
    "import sqlite3\nsqlite3.connect(':memory:').execute('select 1 + 1').fetchone()",
    "import subprocess, sys\n"
    "subprocess.run([sys.executable, '-c', 'print(__name__)'], capture_output=True).stdout",
    "import pickle\nclass Point:\n    x = 1\n"
    "Point.__module__, type(pickle.loads(pickle.dumps(Point()))).__name__",
    "from IPython.display import HTML, display, update_display\n"
    "shown = display(HTML('<b>1</b>'), display_id='d')\nshown.update(HTML('<b>2</b>'))",
    "import signal\n"
    "signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.getsignal(signal.SIGTERM)",
    "import sys, threading\nsys.argv[1:2], sys.flags.safe_path, '' in sys.path, sys.stdin.closed, __name__",
    "import tempfile, os\nos.path.dirname(tempfile.mkdtemp()) == tempfile.gettempdir()",
    "import resource\n[resource.getrlimit(n) for n in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)]",
    "import os\nos.getcwd() == os.path.realpath('.'), os.getpgrp() == os.getpid(), os.umask(0o22) >= 0",
    "import logging\nlogging.warning('warned')\nprint('to stderr', file=sys.stderr)",
    "import gc\ngc.isenabled(), gc.get_threshold()",
    "get_ipython().user_ns['_dh'][0] == os.getcwd(), In[1][:6]",
    "x = 1 / 0",
)


@pytest.fixture
def both(base, tmp_path):
    """Run a notebook both ways; return what each left, without what differs by nature."""

    def compared(notebook, files=None):
        left = []
        for number, zygotes in enumerate([base, None]):
            folder = tmp_path / f"{number}" / "work"
            if files is not None:
                shutil.copytree(files, folder)
            (folder / "outputs").mkdir(parents=True, exist_ok=True)
            ran = house.run(zygotes, folder, notebook=copy.deepcopy(notebook))
            expected = {"ordinary"} if zygotes is None else {"forked", "pool"}
            assert ran.kernel["kernel_start"] in expected, ran.kernel
            cells = [_plain(cell) for cell in ran.notebook["cells"]]
            files_left = {path.name: path.stat().st_size for path in sorted((folder / "outputs").iterdir())}
            left.append((ran.ending, cells, files_left))
        check_prefixes(notebook, ran.journal)
        return left

    return compared


def check_prefixes(notebook, raw):
    """Wherever a journal ends, its copy is valid and claims no cell beyond its `done`."""
    ends = [place + 1 for place, byte in enumerate(raw) if byte == 10]
    for end in [0, *ends, *(end - 7 for end in ends)]:
        records = journal.parse(raw[:end])
        made = journal.executed_copy(notebook, records)
        nbformat.validate(made)
        claimed = [cell["metadata"]["papermill"]["status"] for cell in journal.without_markers(made)]
        done = {
            record["i"] for record in records if record["k"] == "done" and record["status"] == "completed"
        }
        assert {place for place, status in enumerate(claimed) if status == "completed"} == done


#: Differ between any two runs: times, addresses, process ids, and the folder that the test gave it.
_VOLATILE = re.compile(
    r"0x[0-9a-f]{6,}|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?|\d+(\.\d+)? ?m?s\b|/tmp/ipykernel_\d+/|"
    r"pytest-\d+/\S*?/[01]/work|ipykernel_\d+"
)


def _plain(cell):
    outputs = []
    for output in cell.get("outputs", []):
        output = {name: value for name, value in output.items() if name != "metadata"}
        if "data" in output:
            # Two pictures of the same figure are equal, but for the times that a file format keeps.
            output["data"] = {kind: _text(value) for kind, value in output["data"].items()}
        if "text" in output:
            output["text"] = _text(output["text"])
        if "traceback" in output:
            output["traceback"] = _text("".join(output["traceback"]))
        outputs.append(output)
    return {"source": cell["source"], "outputs": outputs, "count": cell.get("execution_count")}


def _text(value):
    text = "".join(value) if isinstance(value, list) else value
    return _VOLATILE.sub("…", text) if isinstance(text, str) else text


@pytest.mark.parametrize("name", PYTHON)
def test_a_notebook_of_the_gallery_leaves_the_same(both, name):
    forked, ordinary = both(nbformat.read(GALLERY / f"{name}.ipynb", 4), GALLERY)
    for mine, others in zip(forked[1], ordinary[1], strict=True):
        assert mine == others
    assert forked == ordinary


def test_what_python_and_jupyter_offer_works_the_same(both):
    notebook = new_notebook(cells=[new_code_cell(source) for source in FEATURES])
    forked, ordinary = both(notebook)
    for mine, others in zip(forked[1], ordinary[1], strict=True):
        assert mine == others
    assert forked[0] == ordinary[0]
    assert forked[0].cell == len(FEATURES) - 1  # all before the last one ran
