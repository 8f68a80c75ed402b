"""The manifest as the worker makes it: what an attempt was, where it ran, and what it left."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from nightbook.schemas import FinishedArtifact, RunOrder
from nightbook.schemas.manifests import EnvironmentRecord, Manifest, ManifestOutput
from nightbook_executor.endings import Ending


def compose(
    order: RunOrder,
    ending: Ending,
    artifacts: Sequence[FinishedArtifact],
    *,
    kernel: dict[str, str | None],
    environment: EnvironmentRecord,
    worker: str,
    started: datetime,
) -> bytes:
    """The bytes of the manifest. It lists every other artifact, the executed notebook first."""
    return Manifest(
        made_by="worker",
        run_id=order.run_id,
        attempt_id=order.attempt_id,
        attempt=order.attempt,
        fence=order.fence,
        notebook={"path": order.notebook.path, "sha256": order.notebook.sha256},
        parameters=order.parameters,
        kernel=kernel,
        environment=environment,
        packages=environment.packages or None,
        git=order.git,
        created_at=order.created_at,
        started_at=started,
        finished_at=datetime.now(UTC),
        triggered_by=order.triggered_by,
        trigger=order.trigger,
        schedule_id=order.schedule_id,
        fire_at=order.fire_at,
        rerun_of=order.rerun_of,
        pool=order.pool,
        worker=worker,
        state=ending.state,
        class_=ending.class_,
        reason=ending.reason,
        outputs=[ManifestOutput(name=one.name, sha256=one.sha256, size=one.size) for one in artifacts],
    ).canonical()


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
