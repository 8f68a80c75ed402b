"""The papermill engine `nightbook`: papermill's injection and metadata, our runner and our truth.

Usable by itself: `papermill.execute_notebook(…, engine_name="nightbook")`. papermill loads this module
whenever it is imported, so it stays light until a notebook runs.
"""

from typing import Any

from papermill.engines import NBClientEngine
from papermill.log import logger

from nightbook.core import journal as core_journal
from nightbook_executor.parts import versions

INJECTED_ID = "injected-parameters"
#: Options of papermill's client that mean the same to ours.
_CLIENT_OPTIONS = (
    "allow_errors",
    "log_output",
    "skip_cells_with_tag",
    "stderr_file",
    "stdout_file",
    "store_widget_state",
)


class NightbookEngine(NBClientEngine):  # type: ignore[misc]
    """Runs a notebook's cells; an `Execution` may come as `execution=`."""

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, **kwargs: Any) -> Any:
        """Run *nb*. papermill's options about saving and progress have no effect here."""
        from nightbook_executor.execution import Execution
        from nightbook_executor.statuses import Statuses

        execution = kwargs.pop("execution", None) or Execution(
            timeout_seconds=None,
            cell_timeout_seconds=kwargs.get("execution_timeout"),
            start_timeout_seconds=kwargs.get("start_timeout") or 60,
        )
        _name_injected(nb)
        statuses = Statuses(nb, execution.path)
        statuses.notebook_start()
        _begin(nb, execution)
        try:
            options = {name: kwargs[name] for name in _CLIENT_OPTIONS if kwargs.get(name) is not None}
            cls.execute_managed_notebook(statuses, kernel_name, execution=execution, **options)
        finally:
            statuses.notebook_complete()
        return statuses.nb

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> Any:
        from nightbook_executor.runner import Runner

        execution = kwargs.pop("execution")
        return Runner(nb_man, execution, kernel_name=kernel_name, log=logger, **kwargs).execute()


def _name_injected(notebook: Any) -> None:
    """Give the injected cell the same id in every run, so that copies can be compared."""
    taken = {cell.get("id") for cell in notebook.cells}
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []) and INJECTED_ID not in taken:
            cell["id"] = INJECTED_ID


def _begin(notebook: Any, execution: Any) -> None:
    """Write the first record and have it on the disk before anybody asks to begin."""
    injected = [
        {"index": index, "id": cell.id, "source": cell.source}
        for index, cell in enumerate(notebook.cells)
        if "injected-parameters" in cell.metadata.get("tags", [])
    ]
    execution.cells_total = len(notebook.cells)
    execution.journal.begin(
        version=core_journal.VERSION,
        injected=injected[0] if injected else None,
        ids=[cell.id for cell in notebook.cells],
        parameters=notebook.metadata.papermill.get("parameters", {}),
        versions=versions(),
        path=execution.path,
        **execution.begin_facts,
    )
    execution.journal.sync()
    execution.ask_to_begin.set()
