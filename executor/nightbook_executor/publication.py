"""What an attempt leaves, on its way to the server: artifacts, the manifest that lists them, the `finish`.

Everything is sent under the attempt's fence, and as often as it takes to be answered. Nothing here
knows how the attempt came to its end.
"""

import base64
import logging
import os
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from nightbook.schemas import FinishDraft, JournalTail, LeftArtifact, RunOrder, Usage
from nightbook_executor import manifest, outputs, packages, upload
from nightbook_executor.api import RefusedError
from nightbook_executor.endings import Ending
from nightbook_executor.folders import Host
from nightbook_executor.judgement import Done
from nightbook_executor.order import Order
from nightbook_executor.upload import Sent

PUBLISH_SECONDS = 15 * 60.0
#: What is this small goes along with `finish`, until all of it together is this much.
_SMALL_BYTES = 64 * 1024
_ALONG_BYTES = 400 * 1024
#: What a child may say of its kernel; it is not believed blindly.
_STARTS = ("pool", "forked", "ordinary")
_REASON = 500
_log = logging.getLogger(__name__)

Role = Literal["notebook", "manifest", "journal", "spill", "output"]


class AbandonedError(Exception):
    """The attempt is not ours to publish: lost, handed back, or the worker ends at once."""


class Publication:
    """The publishing of one attempt; *why_over* says why it is no longer wanted, or None."""

    def __init__(
        self, host: Host, order: RunOrder, started: datetime, why_over: Callable[[], str | None]
    ) -> None:
        self._host = host
        self._order = order
        self._started = started
        self._why_over = why_over
        self._along_bytes = 0
        self.is_answered = False  # nothing of the attempt is needed any more

    def persist(self, act: Callable[[], object]) -> None:
        """Do what the server must answer. Raises AbandonedError where that is no longer wanted."""
        answered = upload.persistently(
            act, seconds=PUBLISH_SECONDS, may_go_on=lambda: self._why_over() is None
        )
        if not answered:
            raise AbandonedError(self._why_over() or "given up: the server did not answer")

    def publish(self, own: Order, done: Done, sent: Sent) -> str:
        """Put what is large, then finish with the rest. Return the state that the server has accepted."""
        try:
            left, tail = self._put_all(own, done, sent), _tail(sent)
            try:
                return self.finish(self._draft(done, left, tail))
            except RefusedError as error:
                if error.code != "not_uploaded":
                    raise
            # The server's journal is another one than ours, so it gets ours whole.
            _log.warning("journal.uploaded_whole attempt_id=%s", self._order.attempt_id)
            self._put(own.folder, own.journal.name, own.journal.name, "journal", may_go_along=False)
            return self.finish(self._draft(done, left, tail))
        except RefusedError as error:
            if error.is_lost:
                raise
            reason = f"The server refused an artifact ({error.code})."
            return self.finish_without_artifacts(Ending("failed", "storage", reason, done.ending.cell))

    def finish_without_artifacts(self, ending: Ending) -> str:
        return self.finish(self._draft(Done(ending, {}), []))

    def finish(self, draft: FinishDraft) -> str:
        """Say how it ended. An attempt that was handed back says so here, so only a loss stops this."""
        order = self._order
        until = time.monotonic() + PUBLISH_SECONDS

        def go_on() -> bool:
            return self._why_over() in (None, "handed_back") and time.monotonic() < until

        def finish() -> None:
            self._host.api.finish(order.attempt_id, draft)
            self.is_answered = True

        answered = upload.persistently(finish, seconds=PUBLISH_SECONDS, may_go_on=go_on)
        return draft.state if answered else self._why_over() or "given up: the server did not answer"

    def _draft(
        self, done: Done, artifacts: Sequence[LeftArtifact], tail: JournalTail | None = None
    ) -> FinishDraft:
        ending, report = done.ending, done.report
        usage = report.get("usage")
        start = manifest.kernel_facts(report)
        how, why = start["start"], start["start_reason"]
        return FinishDraft.model_validate(
            {
                "fence": self._order.fence,
                "state": ending.state,
                "class": ending.class_,
                "reason": ending.reason[:4000] if ending.reason else None,
                "failed_cell": ending.cell if ending.state != "succeeded" else None,
                "cells_done": report.get("cells_done"),
                "cells_total": report.get("cells_total"),
                "artifacts": artifacts,
                "journal": tail,
                "usage": Usage.model_validate(usage) if isinstance(usage, dict) else Usage(),
                "kernel_start": how if how in _STARTS else None,
                "kernel_start_reason": why[:_REASON] if isinstance(why, str) else None,
            }
        )

    def _put_all(self, own: Order, done: Done, sent: Sent) -> list[LeftArtifact]:
        """Journal, notebook and declared files, then the manifest that lists them."""
        self._along_bytes = _ALONG_BYTES
        put = []
        if own.copy.is_file():
            put.append(self._put(own.made, own.copy.name, own.copy.name, "notebook"))
        if sent.is_whole and sent.size:
            put.append(_known_journal(own, sent.size))
        elif own.journal.is_file():
            put.append(self._put(own.folder, own.journal.name, own.journal.name, "journal"))
        if own.spill.is_file():
            put.append(self._put(own.made, own.spill.name, own.spill.name, "spill"))
        for found in _results(own):
            put.append(self._put(own.outputs, found.name, f"outputs/{found.name}", "output"))
        kernel = manifest.kernel_facts(done.report)
        written = manifest.compose(
            self._order,
            done.ending,
            put,
            kernel=kernel,
            environment=packages.record_of(kernel["name"]),
            worker=self._host.name,
            started=self._started,
        )
        (own.folder / "manifest.json").write_bytes(written)
        return [*put, self._put(own.folder, "manifest.json", "manifest.json", "manifest")]

    def _put(
        self, folder: Path, found: str, name: str, role: Role, *, may_go_along: bool = True
    ) -> LeftArtifact:
        order, kind, content = self._order, _media_type(name), None
        with outputs.opened(folder, found) as descriptor:
            size = os.fstat(descriptor).st_size
            digest = outputs.digest(descriptor, size)

            def put() -> None:
                pieces = outputs.chunks(descriptor, size)
                self._host.api.put_artifact(order.attempt_id, order.fence, name, pieces, size, kind)

            if may_go_along and size <= min(_SMALL_BYTES, self._along_bytes):
                self._along_bytes -= size
                content = base64.b64encode(b"".join(outputs.chunks(descriptor, size))).decode()
            else:
                self.persist(put)
        return LeftArtifact(name=name, sha256=digest, size=size, media_type=kind, role=role, content=content)


def _known_journal(own: Order, size: int) -> LeftArtifact:
    """The journal as the server has it already: its first *size* bytes."""
    name = own.journal.name
    with outputs.opened(own.folder, name) as descriptor:
        digest = outputs.digest(descriptor, size)
    return LeftArtifact(name=name, sha256=digest, size=size, media_type=_media_type(name), role="journal")


def _tail(sent: Sent) -> JournalTail | None:
    if not sent.tail:
        return None
    return JournalTail(offset=sent.offset, content=base64.b64encode(sent.tail).decode())


def _results(own: Order) -> list[outputs.Found]:
    try:
        return outputs.collect(own.outputs, file_bytes=own.caps.file_bytes, files=own.caps.files)
    except outputs.BadResultError:
        return []  # the child has judged and said so


def _media_type(name: str) -> str:
    return "application/jsonl" if name == "journal.jsonl" else outputs.media_type(name)
