"""The manifest: the list, with hashes, of what an attempt was and left; canonical JSON, written last."""

import functools
import importlib.metadata
import json
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nightbook.schemas import SCHEMA_VERSION, FinishedArtifact, RunOrder
from nightbook_executor.endings import Ending


def compose(
    order: RunOrder,
    ending: Ending,
    artifacts: Sequence[FinishedArtifact],
    *,
    kernel: dict[str, str | None],
    packages: dict[str, str] | None,
    worker: str,
    started: datetime,
) -> bytes:
    """The bytes of the manifest. It lists every other artifact, the executed notebook first."""
    facts = {
        "schema_version": SCHEMA_VERSION,
        "run_id": str(order.run_id),
        "attempt_id": str(order.attempt_id),
        "attempt": order.attempt,
        "fence": order.fence,
        "notebook": {"path": order.notebook.path, "sha256": order.notebook.sha256},
        "parameters": order.parameters,
        "kernel": kernel,
        "packages": packages,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "created_at": _instant(order.created_at),
        "started_at": _instant(started),
        "finished_at": _instant(datetime.now(UTC)),
        "triggered_by": order.triggered_by,
        "trigger": order.trigger,
        "schedule_id": str(order.schedule_id) if order.schedule_id else None,
        "fire_at": _instant(order.fire_at) if order.fire_at else None,
        "rerun_of": str(order.rerun_of) if order.rerun_of else None,
        "pool": order.pool,
        "worker": worker,
        "state": ending.state,
        "class": ending.class_,
        "reason": ending.reason,
        "outputs": [{"name": one.name, "sha256": one.sha256, "size": one.size} for one in artifacts],
    }
    return json.dumps(
        facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def packages_of(kernel: str | None) -> dict[str, str] | None:
    """The packages of a kernel that runs in our own environment; None for one that we cannot look into."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    if kernel is None:
        return None
    try:
        argv = KernelSpecManager().get_kernel_spec(kernel).argv
    except NoSuchKernel:
        return None
    program = Path(argv[0]) if argv else Path()
    ours = program.name.startswith("python") and (
        not program.is_absolute() or program.parent == Path(sys.executable).parent
    )
    return _our_packages() if ours else None


@functools.cache
def _our_packages() -> dict[str, str]:
    found = importlib.metadata.distributions()
    return dict(sorted((one.metadata["Name"], one.version) for one in found if one.metadata["Name"]))


def kernel_facts(report: dict[str, Any]) -> dict[str, str | None]:
    """The kernel of an attempt: its name, how it was started and why so, what its environment was."""
    start = report.get("kernel_start")
    start = start if isinstance(start, dict) else {}
    return {
        "name": report.get("kernel"),
        "language": report.get("language"),
        "start": start.get("kernel_start"),
        "start_reason": start.get("reason"),
        "fingerprint": start.get("fingerprint"),
    }
