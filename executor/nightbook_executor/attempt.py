"""One attempt, supervised: a folder, a child, its journal on its way, its end, its artifacts.

The worker reads neither notebook nor kernel messages. It joins what the child reports with what the
process did, and publishes only under the fence that it was given.
"""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from nightbook.schemas import FinishDraft, FinishedArtifact, RunOrder, Usage
from nightbook_executor import endings, manifest, outputs, sandbox, upload
from nightbook_executor.api import RefusedError
from nightbook_executor.control import Channel, Message
from nightbook_executor.endings import Ending, Stop
from nightbook_executor.folders import Folders, Host
from nightbook_executor.journal import opened
from nightbook_executor.launching import Start, exit_code, start_of_child
from nightbook_executor.order import Order
from nightbook_executor.upload import JournalUpload

_CANCEL_SECONDS = 25.0  # interrupt 10 s, terminate 10 s, kill
_OVERTIME_SECONDS = 60.0  # the child's own clock comes first
_PUBLISH_SECONDS = 15 * 60.0
_REBUILD_SECONDS = 120
_SLICE_SECONDS = 0.2
_log = logging.getLogger(__name__)

Role = Literal["notebook", "manifest", "journal", "output"]


@dataclass(frozen=True)
class _Done:
    """What is known at the end: the ending, and the child's own report of the rest."""

    ending: Ending
    report: dict[str, Any]


class AbandonedError(Exception):
    """The attempt is not ours to publish: lost, handed back, or the worker ends at once."""


class Attempt:
    """From a claimed order to its answered `finish`."""

    def __init__(self, host: Host, order: RunOrder, claimed: float) -> None:
        self._host = host
        self._order = order
        self._claimed = claimed
        self._lock = threading.Lock()
        self._gate: Literal["closed", "open", "handed_back"] = "closed"
        self._lost: str | None = None
        self._killed = False
        self._cancel: Stop | None = None
        self._cancel_until = float("inf")
        self._started = datetime.now(UTC)
        self._channel: Channel | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._upload: JournalUpload | None = None

    # ------------------------------------------------------------ what the lease says

    def renewed(self) -> None:
        if self._channel is not None:
            self._channel.send("alive")

    def cancelled(self, by: str | None) -> None:
        with self._lock:
            if self._cancel is not None:
                return
            self._cancel = Stop("cancel", by=by)
            self._cancel_until = time.monotonic() + _CANCEL_SECONDS
        if self._channel is not None:
            self._channel.send("cancel", by=by)

    def lost(self, why: str) -> None:
        self._lost = self._lost or why
        self._kill()

    def kill(self) -> None:
        """End it at once, without a word to the server: its lease will run out."""
        self._killed = True
        self._kill()

    def hand_back(self) -> bool:
        """Give the attempt back if its first cell cannot have begun; say whether that was so."""
        with self._lock:
            if self._gate != "closed":
                return self._gate == "handed_back"
            self._gate = "handed_back"
        self._kill()
        return True

    def _kill(self) -> None:
        if self._upload is not None:
            self._upload.abandon()
        with self._lock:
            child = self._child
        if child is not None and child.returncode is None:
            sandbox.kill_tree(child.pid)

    @property
    def _is_over(self) -> bool:
        return self._lost is not None or self._killed or self._gate == "handed_back"

    # ------------------------------------------------------------ its life

    def run(self) -> None:
        """Run it to its end. Raises nothing that belongs to this attempt only."""
        order = self._order
        started = time.monotonic()
        _log.info(
            "attempt.started run_id=%s attempt_id=%s fence=%d", order.run_id, order.attempt_id, order.fence
        )
        self._host.leases.hold(order.attempt_id, order.fence, order.lease_seconds, self._claimed, self)
        folders: Folders | None = None
        try:
            folders = Folders.make(self._host, order)
            state = self._supervised(folders)
        except AbandonedError as error:
            state = str(error)
        except RefusedError as error:
            state = f"refused ({error.code})"
        except OSError as error:
            state = self._finish_without_artifacts(endings.storage(error.strerror or "error"))
        finally:
            self._host.leases.release(order.attempt_id)
            if folders is not None:
                folders.remove()
        seconds = time.monotonic() - started
        _log.info(
            "attempt.ended run_id=%s fence=%d state=%s seconds=%.1f",
            order.run_id,
            order.fence,
            state,
            seconds,
        )

    def _supervised(self, folders: "Folders") -> str:
        try:
            self._fetch_source(folders)
            done = self._child_to_its_end(folders)
        except AbandonedError:
            if self._gate == "handed_back":
                return self._finish(FinishDraft(fence=self._order.fence, state="handed_back", reason="drain"))
            raise
        return self._publish(folders, done)

    def _fetch_source(self, folders: "Folders") -> None:
        order = self._order

        def fetch() -> None:
            self._host.api.fetch_source(order.attempt_id, order.fence, folders.order.source)

        self._persist(fetch)

    def _persist(self, act: Callable[[], object]) -> None:
        """Do what the server must answer. Raises AbandonedError where that is no longer wanted."""
        answered = upload.persistently(act, seconds=_PUBLISH_SECONDS, may_go_on=lambda: not self._is_over)
        if not answered:
            raise AbandonedError(self._why_over() or "given up: the server did not answer")

    def _why_over(self) -> str | None:
        if self._lost is not None:
            return f"lost: {self._lost}"
        return "handed_back" if self._gate == "handed_back" else "killed" if self._killed else None

    # ------------------------------------------------------------ the child

    def _child_to_its_end(self, folders: "Folders") -> _Done:
        child = self._start_child(folders)
        assert self._channel is not None
        report: Message | None = None
        try:
            report = self._listen(self._channel, folders)
        finally:
            # The child closes its end only by ending; nothing of it is left after this.
            self._wait_for(child)
            self._channel.close()
        if self._is_over:
            raise AbandonedError(self._why_over())
        done = self._judged(report, exit_code(self._host, child.returncode))
        if report is None or not folders.order.copy.is_file():
            done = self._rebuilt(folders, done)
        return done

    def _start_child(self, folders: "Folders") -> "subprocess.Popen[bytes]":
        order = folders.order
        channel, theirs = Channel.pair()
        journal = opened(order.journal)
        start: Start | None = None
        try:
            start = start_of_child(self._host, folders, theirs.fileno(), journal)
            with order.log.open("ab") as log, theirs:
                child = self._host.processes.start(
                    start.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=order.folder,
                    env=start.environment,
                    pass_fds=start.files,
                    start_new_session=True,
                )
        finally:
            os.close(journal)
            if start is not None:
                start.close()
        folders.remember(child.pid)
        with self._lock:
            self._child, self._channel = child, channel
            cancel = self._cancel
        if cancel is not None:
            channel.send("cancel", by=cancel.by)
        if self._is_over:
            self._kill()
        return child

    def _listen(self, channel: Channel, folders: "Folders") -> Message | None:
        """Hear the child until it is gone; return its report."""
        report: Message | None = None
        overtime = time.monotonic() + self._order.timeout_seconds + _OVERTIME_SECONDS
        while True:
            try:
                message = channel.receive(_SLICE_SECONDS)
            except EOFError:
                return report
            if message and message["k"] == "begin?":
                self._open_gate(channel, folders)
            elif message and message["k"] == "ended":
                report = message
            if time.monotonic() >= min(overtime, self._cancel_until):
                self._kill_child()
                return report

    def _kill_child(self) -> None:
        if self._child is not None:
            sandbox.kill_tree(self._child.pid)

    def _open_gate(self, channel: Channel, folders: "Folders") -> None:
        """From here on the attempt counts as begun, whether or not the server's answer arrives."""
        with self._lock:
            if self._gate != "closed":
                return
            self._gate = "open"
            self._upload = self._journal_upload(folders, lambda: _say_begin(channel))
        self._upload.start()

    def _journal_upload(self, folders: "Folders", on_begun: Callable[[], None]) -> JournalUpload:
        order = self._order
        return JournalUpload(
            self._host.api,
            order.attempt_id,
            order.fence,
            folders.order.journal,
            on_begun=on_begun,
            on_lost=self.lost,
        )

    def _wait_for(self, child: "subprocess.Popen[bytes]") -> None:
        left = self._host.processes.ended(child)
        if left:
            _log.error("attempt.left_processes run_id=%s count=%d", self._order.run_id, left)

    def _judged(self, report: Message | None, code: int) -> _Done:
        """Join what the child saw with what its process did."""
        if report is not None:
            with contextlib.suppress(KeyError, TypeError, ValueError):
                return _Done(_reported(report), report)
        if self._cancel is not None:
            return _Done(endings.stopped(self._cancel, None, "kill"), {})
        if code == -signal.SIGKILL and time.time() - self._started.timestamp() > self._order.timeout_seconds:
            stop = Stop("run_timeout", seconds=self._order.timeout_seconds)
            return _Done(endings.stopped(stop, None, "kill"), {})
        words = endings.exit_words(code)
        return _Done(endings.platform(f"The process that runs the notebook ended with {words}."), {})

    def _rebuilt(self, folders: "Folders", done: _Done) -> _Done:
        """Make the copy from the journal, in a process of its own."""
        ending = done.ending
        words = {"state": ending.state, "class": ending.class_, "reason": ending.reason}
        argv = [
            sys.executable,
            "-P",
            "-m",
            "nightbook_executor.rebuild",
            str(folders.order.folder),
            json.dumps(words),
        ]
        process = self._host.processes.start(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=folders.environment(self._host),
            cwd=folders.order.folder,
        )
        try:
            printed, _ = process.communicate(timeout=_REBUILD_SECONDS)
            told = json.loads(printed)
        except (subprocess.TimeoutExpired, ValueError):
            process.kill()
            _log.warning("attempt.no_copy run_id=%s", self._order.run_id)
            return _Done(Ending("failed", "storage", ending.reason), done.report)
        finally:
            self._host.processes.ended(process)
        cell = told.get("cell") if ending.cell is None else ending.cell
        rest = {"cells_done": told.get("cells_done"), "cells_total": told.get("cells_total")}
        return _Done(Ending(ending.state, ending.class_, ending.reason, cell), {**rest, **done.report})

    # ------------------------------------------------------------ publishing

    def _publish(self, folders: "Folders", done: _Done) -> str:
        if self._upload is None:
            with self._lock:
                self._gate = "open"  # from here on it ends as it ended
                self._upload = self._journal_upload(folders, lambda: None)
            self._upload.start()
        self._upload.finish(_PUBLISH_SECONDS)
        if self._is_over:
            raise AbandonedError(self._why_over())
        try:
            artifacts = self._put_all(folders, done)
        except RefusedError as error:
            if error.is_lost:
                raise
            reason = f"The server refused an artifact ({error.code})."
            return self._finish_without_artifacts(Ending("failed", "storage", reason, done.ending.cell))
        return self._finish(self._draft(done, artifacts))

    def _draft(self, done: _Done, artifacts: list[FinishedArtifact]) -> FinishDraft:
        ending, report = done.ending, done.report
        usage = report.get("usage")
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
                "usage": Usage.model_validate(usage) if isinstance(usage, dict) else Usage(),
            }
        )

    def _put_all(self, folders: "Folders", done: _Done) -> list[FinishedArtifact]:
        """Journal, notebook and declared files, then the manifest that lists them."""
        own, put = folders.order, []
        if own.copy.is_file():
            put.append(self._put(own.made, own.copy.name, own.copy.name, "notebook"))
        if own.journal.is_file():
            put.append(self._put(own.folder, own.journal.name, own.journal.name, "journal"))
        for found in self._results(own):
            put.append(self._put(own.outputs, found.name, f"outputs/{found.name}", "output"))
        kernel = manifest.kernel_facts(done.report)
        written = manifest.compose(
            self._order,
            done.ending,
            put,
            kernel=kernel,
            packages=manifest.packages_of(kernel["name"]),
            worker=self._host.name,
            started=self._started,
        )
        (own.folder / "manifest.json").write_bytes(written)
        return [*put, self._put(own.folder, "manifest.json", "manifest.json", "manifest")]

    def _results(self, own: Order) -> list[outputs.Found]:
        try:
            return outputs.collect(own.outputs, file_bytes=own.caps.file_bytes, files=own.caps.files)
        except outputs.BadResultError:
            return []  # the child has judged and said so

    def _put(self, folder: Path, found: str, name: str, role: Role) -> FinishedArtifact:
        order, kind = self._order, _media_type(name)
        with outputs.opened(folder, found) as descriptor:
            size = os.fstat(descriptor).st_size
            digest = outputs.digest(descriptor, size)

            def put() -> None:
                pieces = outputs.chunks(descriptor, size)
                self._host.api.put_artifact(order.attempt_id, order.fence, name, pieces, size, kind)

            self._persist(put)
        return FinishedArtifact(name=name, sha256=digest, size=size, media_type=kind, role=role)

    def _finish_without_artifacts(self, ending: Ending) -> str:
        return self._finish(self._draft(_Done(ending, {}), []))

    def _finish(self, draft: FinishDraft) -> str:
        order = self._order
        until = time.monotonic() + _PUBLISH_SECONDS

        def go_on() -> bool:
            return self._lost is None and not self._killed and time.monotonic() < until

        def finish() -> None:
            self._host.api.finish(order.attempt_id, draft)

        answered = upload.persistently(finish, seconds=_PUBLISH_SECONDS, may_go_on=go_on)
        return draft.state if answered else self._why_over() or "given up: the server did not answer"


def _say_begin(channel: Channel) -> None:
    channel.send("begin")


def _reported(report: Message) -> Ending:
    """The child's own words. Raises KeyError, TypeError or ValueError where they are none."""
    cell = report["cell"]
    draft = FinishDraft.model_validate(
        {
            "fence": 0,
            "state": report["state"],
            "class": report["class"],
            "reason": report["reason"],
            "failed_cell": cell,
        }
    )
    return Ending(draft.state, draft.class_, draft.reason, draft.failed_cell)


def _media_type(name: str) -> str:
    return "application/jsonl" if name == "journal.jsonl" else outputs.media_type(name)
