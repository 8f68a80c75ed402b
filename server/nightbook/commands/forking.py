"""The check-up of forked kernels: for each kernel of this machine, how it starts and why so."""

import importlib
import importlib.util
from collections.abc import Iterator

from nightbook.commands.checks import Check, doubtful, well
from nightbook.settings import Settings


def forking(settings: Settings) -> Iterator[Check]:
    """Nothing where no worker can be."""
    if importlib.util.find_spec("papermill") is None:
        return
    examination = importlib.import_module("nightbook_executor.kernels.examination")
    for found in examination.findings(settings):
        name = f"kernel {found.kernel}"
        if found.next_step is None:
            yield well(name, found.words)
        else:
            yield doubtful(name, found.words, found.next_step)
