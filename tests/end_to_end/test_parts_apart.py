"""Each part is installed apart and imports nothing of the others: proved where those are not to be had."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.any_stack

SERVER = {"fastapi", "starlette", "sqlmodel", "sqlalchemy", "alembic", "psycopg", "uvicorn"}
WORKER = {"papermill", "nbclient", "ipykernel", "dramatiq", "redis", "pika"}
LAB = {"jupyterlab", "jupyterlab_server", "jupyter_server"}
OF_THE_SERVER = {"nightbook.api", "nightbook.beat", "nightbook.records", "nightbook.adapters"}

#: Imports each module of the packages named first, on a machine where those named second are not installed.
IMPORT_ALL = """
import importlib, pkgutil, sys
wanted, absent = (words.split() for words in sys.argv[1:])

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if any(name == one or name.startswith(one + ".") for one in absent):
            raise ModuleNotFoundError(f"{name} is not installed here", name=name)

sys.meta_path.insert(0, NotInstalled())
for name in wanted:
    package = importlib.import_module(name)
    below = getattr(package, "__path__", []) if name.startswith("nightbook") else []
    for found in pkgutil.walk_packages(below, f"{name}."):
        # The adapter is for those who have jupyter-scheduler, and nothing else imports it.
        if not found.name.endswith("__main__") and not found.name.startswith("nightbook_lab.compat"):
            importlib.import_module(found.name)
"""


@pytest.mark.parametrize(
    ("wanted", "absent"),
    [
        # papermill loads its engines, ours among them, when it is imported itself.
        pytest.param(
            ("papermill", "nightbook_executor"), SERVER | LAB | OF_THE_SERVER | {"nightbook_lab"}, id="worker"
        ),
        pytest.param(
            ("nightbook_lab",), SERVER | WORKER | OF_THE_SERVER | {"nightbook_executor"}, id="JupyterLab"
        ),
        pytest.param(
            ("nightbook.client", "nightbook.schemas", "nightbook.cli"),
            SERVER | WORKER | LAB | OF_THE_SERVER | {"nightbook_executor", "nightbook_lab"},
            id="client",
        ),
        pytest.param(
            ("nightbook.api", "nightbook.beat", "nightbook.records"),
            (WORKER - {"dramatiq", "redis", "pika"}) | LAB | {"nightbook_executor", "nightbook_lab"},
            id="server",
        ),
    ],
)
def test_a_part_needs_only_what_is_installed_with_it(wanted: tuple[str, ...], absent: set[str]) -> None:
    command = [sys.executable, "-c", IMPORT_ALL, " ".join(wanted), " ".join(sorted(absent))]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stderr
