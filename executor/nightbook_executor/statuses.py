"""papermill's book of cell statuses, kept honestly: a cell that did not run stays `pending`.

papermill's own turns every pending cell into `completed` at the end, after a dead kernel too, and
writes the whole notebook at each step. This one writes nothing; the journal does.
"""

from typing import Any

from papermill.engines import NotebookExecutionManager


class Statuses(NotebookExecutionManager):  # type: ignore[misc]
    """The statuses and times of a notebook's cells while it runs."""

    def __init__(self, notebook: Any, path: str | None) -> None:
        super().__init__(notebook, output_path=None, progress_bar=False, autosave_cell_every=0)
        self._path = path

    def notebook_start(self, **kwargs: Any) -> None:
        super().notebook_start(**kwargs)
        told = self.nb.metadata.papermill
        if self._path is not None:
            # papermill has put the whole input notebook, or a path of this host, here.
            told["input_path"] = told["output_path"] = self._path
        elif not isinstance(told.get("input_path"), str):
            told["input_path"] = None

    def save(self, **kwargs: Any) -> None:
        """Write nothing."""

    def autosave_cell(self, **kwargs: Any) -> None:
        """Write nothing."""

    def notebook_complete(self, **_kwargs: Any) -> None:
        """Note the end, and leave every status as it is."""
        self.end_time = self.now()
        self.nb.metadata.papermill["end_time"] = self.end_time.isoformat()
        if self.start_time is not None:
            self.nb.metadata.papermill["duration"] = (self.end_time - self.start_time).total_seconds()
