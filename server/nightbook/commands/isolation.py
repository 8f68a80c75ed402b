"""The check-up of the sandbox level: a trial on this machine, where it can run a worker."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from nightbook.commands.checks import Check, doubtful, well, wrong
from nightbook.settings import Settings

_NAME = "sandbox"


def sandbox(settings: Settings) -> Iterator[Check]:
    """Whether attempts would be kept apart here as the settings promise; nothing where no worker can be."""
    if importlib.util.find_spec("papermill") is None:
        return
    levels = importlib.import_module("nightbook_executor.levels")
    try:
        proven = levels.proven(settings)
    except levels.CannotSandboxError as error:
        step = f"{error.next_step[0].upper()}{error.next_step[1:]}."
        yield wrong(_NAME, f"{settings.sandbox} does not work here: {error.why}", step)
        return
    if settings.sandbox == "container":
        yield doubtful(
            _NAME,
            "container: left to the platform around the worker",
            "See to it that each attempt has its own.",
        )
    elif settings.sandbox == "bubblewrap" and sys.platform != "win32" and os.getuid() == 0:
        yield doubtful(_NAME, f"{proven}, but this is root", "Run the worker as a user of its own.")
    else:
        yield well(_NAME, proven)
    if settings.cgroup is not None:
        yield _cgroup(settings.cgroup)


def _cgroup(folder: Path) -> Check:
    """Whether the memory of runs can be kept by the system, as the settings promise."""
    cgroups = importlib.import_module("nightbook_executor.cgroups")
    try:
        cgroups.check(folder)
    except (cgroups.NotDelegatedError, OSError) as error:
        step = "Delegate one with memory and pids, or leave NIGHTBOOK_CGROUP out: then memory is sampled."
        return wrong("memory limits", str(error), step)
    return well("memory limits", f"kept by cgroups below {folder}")
