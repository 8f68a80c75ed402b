"""Sources: the notebooks that the benchmark runs, as plain dicts."""

from typing import Any

CELLS, CELL_BYTES = 200, 100_000


def notebook(*cells: str) -> dict[str, Any]:
    """A notebook of these code cells, for the ordinary Python kernel."""
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "metadata": {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for number, source in enumerate(cells)
        ],
    }


TRIVIAL = notebook("print(1)")
LIBRARIES = notebook(
    "import time\nbegun = time.perf_counter()\nimport numpy, pandas\nprint(time.perf_counter() - begun)"
)
LARGE = notebook(*[f"print(('{number:03d} ' * 25_000)[:{CELL_BYTES - 1}])" for number in range(CELLS)])
PRINTS = notebook(
    "import time\nfor _ in range(20):\n    print('at', time.time(), flush=True)\n    time.sleep(0.25)"
)
ENDLESS = notebook("kept = 1\nprint('kept')", "import time\nwhile True:\n    time.sleep(0.01)")
#: Its kernel has children that left its session and its group.
BREEDING = notebook(
    "import os, subprocess, time\n"
    "children = [subprocess.Popen(['sleep', '300'], start_new_session=True) for _ in range(3)]\n"
    "print('pids', os.getpid(), *[child.pid for child in children], flush=True)\n"
    "time.sleep(300)"
)


def sleeping(seconds: float) -> dict[str, Any]:
    return notebook(f"import time\nprint('asleep', flush=True)\ntime.sleep({seconds})")


def report_of_50_cells() -> dict[str, Any]:
    """An executed notebook: prose, code, tables and text, 50 cells."""
    table = "<table>" + "<tr><td>north</td><td>12</td></tr>" * 20 + "</table>"
    made = notebook(*[f"for row in range({n}):\n    print('row', row, {{'n': row}})" for n in range(25)])
    cells = []
    for number, cell in enumerate(made["cells"]):
        text = "".join(f"row {row} {{'n': {row}}}\n" for row in range(20))
        cell["execution_count"] = number + 1
        cell["outputs"] = [
            {"output_type": "stream", "name": "stdout", "text": text},
            {
                "output_type": "execute_result",
                "execution_count": number + 1,
                "metadata": {},
                "data": {"text/plain": "north 12", "text/html": table},
            },
        ]
        prose = {"cell_type": "markdown", "id": f"prose-{number}", "metadata": {}}
        cells += [{**prose, "source": f"## Part {number}\n\nSome *words*, `code` and a [link](#a)."}, cell]
    return {**made, "cells": cells}
