"""Copier: makes the copies that no worker could make, and makes them again when late evidence has come.

No transaction is open while a copy is made. Many copiers may make the same one: the last conditional
update lets one of them publish it.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import sessionmaker
from sqlmodel import Session

from nightbook.adapters import rebuilding
from nightbook.adapters.limited import OverLimitError
from nightbook.adapters.rebuilding import Rebuilt
from nightbook.adapters.storage import ArtifactStore, IntegrityError
from nightbook.core.errors import Unavailable
from nightbook.records import artifacts, evidence, journals, notebooks, runs
from nightbook.records.runs import Attempt, Run
from nightbook.schemas import FinishedArtifact
from nightbook.schemas.manifests import GitRecord, Manifest, ManifestOutput

log = logging.getLogger(__name__)

_MAX_BYTES = 1 << 30


@dataclass(frozen=True)
class _Wanted:
    """A copy to make: values, read in a transaction of their own."""

    source_sha256: str
    journal: bytes
    journal_size: int
    journal_sha256: str | None  # where its pieces have become an artifact
    manifest: Manifest


def tick(
    sessions: sessionmaker[Session], reading: sessionmaker[Session], store: ArtifactStore, now: datetime
) -> int:
    """Make the copies that ended attempts still lack. Return how many."""
    with reading() as session:
        waiting = [(attempt.id, run.id) for run, attempt in evidence.without_copy(session)]
    return sum(_once(attempt_id, run_id, sessions, reading, store, now) for attempt_id, run_id in waiting)


def _once(
    attempt_id: UUID,
    run_id: UUID,
    sessions: sessionmaker[Session],
    reading: sessionmaker[Session],
    store: ArtifactStore,
    now: datetime,
) -> bool:
    with reading() as session:
        wanted = _wanted(session, session.get_one(Run, run_id), session.get_one(Attempt, attempt_id))
    size = wanted.journal_size
    try:
        raw = store.read(wanted.journal_sha256) if wanted.journal_sha256 else wanted.journal
        made = rebuilding.rebuilt(store.read(wanted.source_sha256), raw)
        left = _put_all(store, wanted.manifest, raw, made)
    except Unavailable as error:
        log.warning("attempt.copy_waits run_id=%s why=%s", run_id, error)
        return False
    except (IntegrityError, OverLimitError) as error:
        log.error("attempt.no_copy run_id=%s why=%s", run_id, error)
        with sessions.begin() as session:
            evidence.give_up_copy(session, attempt_id, str(error), journal_size=size, now=now)
        return False
    with sessions.begin() as session:
        kept = evidence.keep_copy(
            session, attempt_id, left, journal_size=size, read_size=made.read_bytes, now=now
        )
    if kept:
        log.info("attempt.copy_made run_id=%s journal_bytes=%d", run_id, size)
    return kept


def _wanted(session: Session, run: Run, attempt: Attempt) -> _Wanted:
    version = notebooks.require_version(session, run.notebook_sha256 or "")
    tries = [one.fence for one in runs.attempts_of(session, [run.id])[run.id]]
    known = artifacts.of_attempt(session, run.id, attempt.fence)
    journal_sha256 = next((one.sha256 for one in known if one.role == "journal"), None)
    others = [
        ManifestOutput(name=one.name, sha256=one.sha256, size=one.size)
        for one in known
        if one.role == "output"
    ]
    manifest = Manifest(
        made_by="server",
        run_id=run.id,
        attempt_id=attempt.id,
        attempt=tries.index(attempt.fence) + 1,
        fence=attempt.fence,
        notebook={"path": run.notebook_path, "sha256": run.notebook_sha256},
        parameters=run.parameters,
        kernel={"name": run.kernel},
        git=GitRecord.model_validate(version.git) if version.git else None,
        created_at=run.created_at,
        started_at=attempt.started_at,
        finished_at=attempt.finished_at,
        triggered_by=run.created_by,
        trigger=run.kind,
        schedule_id=run.schedule_id,
        fire_at=run.fire_at,
        rerun_of=run.rerun_of,
        pool=run.pool,
        worker=attempt.worker_name,
        state=attempt.state,
        class_=attempt.failure_class,
        reason=attempt.reason,
        outputs=others,
    )
    size, raw = attempt.journal_size, journals.read(session, attempt.id)
    return _Wanted(
        source_sha256=version.content_sha256,
        journal=raw,
        journal_size=size,
        journal_sha256=journal_sha256 if not raw else None,
        manifest=manifest,
    )


def _put_all(store: ArtifactStore, manifest: Manifest, raw: bytes, made: Rebuilt) -> list[FinishedArtifact]:
    left = [
        _put(store, "notebook.ipynb", "notebook", "application/x-ipynb+json", made.copy),
        _put(store, "journal.jsonl", "journal", "application/jsonl", raw),
    ]
    listed = [ManifestOutput(name=one.name, sha256=one.sha256, size=one.size) for one in left]
    told = {"kernel": {**manifest.kernel, **made.kernel}, "outputs": [*listed, *manifest.outputs]}
    manifest = manifest.model_copy(update=told)
    return [*left, _put(store, "manifest.json", "manifest", "application/json", manifest.canonical())]


def _put(store: ArtifactStore, name: str, role: str, media_type: str, body: bytes) -> FinishedArtifact:
    stored = store.put([body], limit=_MAX_BYTES)
    return FinishedArtifact.model_validate(
        {"name": name, "sha256": stored.sha256, "size": stored.size, "media_type": media_type, "role": role}
    )
