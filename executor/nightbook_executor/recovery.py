"""The executed copy of an attempt whose child could not make it, from the journal.

It is made by a process of its own, because what it reads came from other people's code.
"""

import json
import logging
import subprocess
import sys

from nightbook_executor.endings import Ending
from nightbook_executor.folders import Folders, Host
from nightbook_executor.judgement import Done

_REBUILD_SECONDS = 120
_log = logging.getLogger(__name__)


def recovered(host: Host, folders: Folders, done: Done) -> Done:
    """Make the copy, and complete *done* by what the journal knows; without a copy storage has failed."""
    ending, order = done.ending, folders.order
    words = {"state": ending.state, "class": ending.class_, "reason": ending.reason}
    argv = [
        sys.executable,
        "-P",
        "-m",
        "nightbook_executor.rebuild",
        str(order.folder),
        json.dumps(words),
    ]
    process = host.processes.start(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=folders.environment(host),
        cwd=order.folder,
    )
    try:
        printed, _ = process.communicate(timeout=_REBUILD_SECONDS)
        told = json.loads(printed)
    except (subprocess.TimeoutExpired, ValueError):
        process.kill()
        _log.warning("attempt.no_copy run_id=%s", order.run_id)
        return Done(Ending("failed", "storage", ending.reason), done.report)
    finally:
        host.processes.ended(process)
    cell = told.get("cell") if ending.cell is None else ending.cell
    rest = {"cells_done": told.get("cells_done"), "cells_total": told.get("cells_total")}
    return Done(Ending(ending.state, ending.class_, ending.reason, cell), {**rest, **done.report})
