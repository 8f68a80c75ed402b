"""Sweeper: makes the copies that no worker could make, and clears away what nobody needs any more."""

import json
import logging
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import Session, col

from nightbook.adapters.storage import ArtifactStore
from nightbook.core import journal
from nightbook.core.strict_json import dumps_canonical
from nightbook.records import artifacts, journals, leases, notebooks, pools, runs
from nightbook.records.access import Answer, LoginCode, WebSession
from nightbook.records.runs import Attempt, Run
from nightbook.schemas import FinishedArtifact

log = logging.getLogger(__name__)

ANSWERS_KEPT = timedelta(hours=24)
SILENT_WORKERS_KEPT = timedelta(days=1)
NOTEBOOK_TYPE = "application/x-ipynb+json"


def tick(session: Session, now: datetime, store: ArtifactStore) -> int:
    """End what no worker took in time; make the copies that ended attempts still lack. Return how many."""
    if expired := runs.expire(session, now):
        log.info("run.expired runs=%d", expired)
    made = 0
    for run, attempt in leases.without_copy(session):
        _make_copy(session, run, attempt, store, now)
        attempt.needs_copy = False
        session.add(attempt)
        made += 1
    session.flush()
    return made


def tidy(session: Session, now: datetime) -> int:
    """Forget day-old answers (those of runs are kept), ended web sessions, spent codes, silent workers."""
    session.execute(delete(Answer).where(col(Answer.created_at) < now - ANSWERS_KEPT, ~col(Answer.kept)))
    session.execute(delete(WebSession).where(col(WebSession.created_at) < now - timedelta(days=7)))
    session.execute(delete(LoginCode).where(col(LoginCode.expires_at) < now))
    return pools.forget_silent(session, now, after=SILENT_WORKERS_KEPT)


def _make_copy(session: Session, run: Run, attempt: Attempt, store: ArtifactStore, now: datetime) -> None:
    if run.notebook_sha256 is None:
        return
    raw = journals.read(session, attempt.id)
    version = notebooks.require_version(session, run.notebook_sha256)
    source = json.loads(store.read(version.content_sha256))
    copy = journal.executed_copy(source, journal.parse(raw))
    left = [
        _put(store, "notebook.ipynb", "notebook", NOTEBOOK_TYPE, dumps_canonical(copy)),
        _put(store, "journal.jsonl", "journal", "application/jsonl", raw),
    ]
    manifest = {
        "schema_version": 1,
        "run_id": str(run.id),
        "attempt_id": str(attempt.id),
        "fence": attempt.fence,
        "notebook": {"path": run.notebook_path, "sha256": run.notebook_sha256},
        "parameters": run.parameters,
        "kernel": {"name": run.kernel},
        "trigger": run.kind,
        "triggered_by": run.created_by,
        "worker": attempt.worker_name,
        "state": attempt.state,
        "class": attempt.failure_class,
        "reason": attempt.reason,
        "made_by": "server",
        "times": {"created": run.created_at.isoformat(), "started": attempt.started_at.isoformat()},
        "outputs": [{"name": a.name, "sha256": a.sha256, "size": a.size} for a in left],
    }
    left.append(_put(store, "manifest.json", "manifest", "application/json", dumps_canonical(manifest)))
    known = {artifact.name for artifact in artifacts.of_attempt(session, run.id, attempt.fence)}
    artifacts.keep(session, run.id, attempt.fence, [one for one in left if one.name not in known], now)
    log.info("attempt.copy_made run_id=%s fence=%s", run.id, attempt.fence)


def _put(store: ArtifactStore, name: str, role: str, media_type: str, body: bytes) -> FinishedArtifact:
    stored = store.put([body], limit=1 << 30)
    return FinishedArtifact.model_validate(
        {"name": name, "sha256": stored.sha256, "size": stored.size, "media_type": media_type, "role": role}
    )
