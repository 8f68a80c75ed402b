"""One attempt, supervised: a folder, a child, its journal on its way, its end, its artifacts.

The worker reads neither notebook nor kernel messages. It publishes only under the fence that it was given.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from nightbook.schemas import FinishDraft, RunOrder
from nightbook_executor import endings
from nightbook_executor.api import RefusedError
from nightbook_executor.cgroups import CHILD_BYTES
from nightbook_executor.children import Child, Facts
from nightbook_executor.control import Channel, Message
from nightbook_executor.endings import Stop
from nightbook_executor.folders import Folders, Host
from nightbook_executor.guard import Limits
from nightbook_executor.journal import opened
from nightbook_executor.judgement import Done, judged
from nightbook_executor.kernels.environments import Environment
from nightbook_executor.kernels.guards import KernelGuard
from nightbook_executor.launching import exit_code, launched
from nightbook_executor.publication import PUBLISH_SECONDS, AbandonedError, Publication
from nightbook_executor.recovery import recovered
from nightbook_executor.upload import JournalUpload

_CANCEL_SECONDS = 25.0  # interrupt 10 s, terminate 10 s, kill
_OVERTIME_SECONDS = 60.0  # the child's own clock comes first
_LAST_SECONDS = 90.0  # and where we are stopped ourselves, its guard comes last
_SLICE_SECONDS = 0.2
_MAX_WHY = 300
_log = logging.getLogger(__name__)


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
        self._publication = Publication(host, order, self._started, self._why_over)
        self._channel: Channel | None = None
        self._child: Child | None = None
        self._kernel_guard: KernelGuard | None = None
        self._upload: JournalUpload | None = None

    # ------------------------------------------------------------ what the lease says

    def renewed(self) -> None:
        if self._channel is not None and self._child is not None:
            self._channel.send("alive")
            self._child.renewed()

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
        self._kill_child()

    @property
    def _is_over(self) -> bool:
        return self._why_over() is not None

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
            state = self._publication.finish_without_artifacts(endings.storage(error.strerror or "error"))
        finally:
            self._host.leases.release(order.attempt_id)
            if folders is not None and self._publication.is_answered:
                folders.remove(self._host)
            elif folders is not None:
                folders.leave(self._host)
        seconds = time.monotonic() - started
        _log.info(
            "attempt.ended run_id=%s fence=%d state=%s seconds=%.1f",
            order.run_id,
            order.fence,
            state,
            seconds,
        )

    def _supervised(self, folders: Folders) -> str:
        try:
            self._fetch_source(folders)
            done = self._child_to_its_end(folders)
        except AbandonedError:
            if self._gate == "handed_back":
                back = FinishDraft(fence=self._order.fence, state="handed_back", reason="drain")
                return self._publication.finish(back)
            raise
        return self._publish(folders, done)

    def _fetch_source(self, folders: Folders) -> None:
        order = self._order
        if order.source is not None:
            folders.order.source.write_text(order.source, encoding="utf-8")
            return

        def fetch() -> None:
            self._host.api.fetch_source(order.attempt_id, order.fence, folders.order.source)

        self._publication.persist(fetch)

    def _why_over(self) -> str | None:
        if self._lost is not None:
            return f"lost: {self._lost}"
        return "killed" if self._killed else "handed_back" if self._gate == "handed_back" else None

    # ------------------------------------------------------------ the child

    def _child_to_its_end(self, folders: Folders) -> Done:
        child = self._start_child(folders)
        assert self._channel is not None
        report: Message | None = None
        try:
            report = self._listen(self._channel, folders)
        finally:
            # The child closes its end only by ending; nothing of it is left after this.
            facts = self._facts_of(child)
            self._channel.close()
        if self._is_over:
            raise AbandonedError(self._why_over())
        done = judged(report, facts, cancel=self._cancel, overdue=self._overdue())
        if report is None or not folders.order.copy.is_file():
            done = recovered(self._host, folders, done)
        return done

    def _start_child(self, folders: Folders) -> Child:
        channel, theirs = Channel.pair()
        journal = opened(folders.order.journal)
        try:
            with theirs:
                child = launched(self._host, folders, theirs.fileno(), journal, self._limits(folders))
        finally:
            os.close(journal)
        folders.remember(child.pid)
        with self._lock:
            self._child, self._channel = child, channel
            cancel = self._cancel
        if cancel is not None:
            channel.send("cancel", by=cancel.by)
        if self._is_over:
            self._kill()
        return child

    def _limits(self, folders: Folders) -> Limits:
        memory = folders.order.limits.memory_bytes
        return Limits(
            memory_bytes=memory + CHILD_BYTES if memory is not None else None,
            seconds=self._order.timeout_seconds + _LAST_SECONDS,
            silence_seconds=folders.order.silence_seconds,
            cgroup=str(folders.order.cgroup) if folders.order.cgroup is not None else None,
        )

    def _listen(self, channel: Channel, folders: Folders) -> Message | None:
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
            elif message and message["k"] in ("environment", "kernel"):
                self._hear_of_zygote(message)
            elif message and message["k"] == "ended":
                report = message
            if time.monotonic() >= min(overtime, self._cancel_until):
                self._kill_child()
                return report

    def _hear_of_zygote(self, message: Message) -> None:
        """A kernel came from one, or could have come faster; then the next one may."""
        zygotes = self._host.zygotes
        if zygotes is None:
            return
        environment = Environment(str(message["python"]), tuple(message["options"]))
        if message["k"] == "kernel":
            zygotes.gave(environment)
            self._kernel_guard = KernelGuard(int(message["guard"]), self._host.processes)
        elif message["why"] is not None:
            zygotes.gave_none(environment, str(message["why"])[:_MAX_WHY])
        else:
            zygotes.want(environment)

    def _kill_child(self) -> None:
        with self._lock:
            child = self._child
        if child is not None:
            child.kill()

    def _open_gate(self, channel: Channel, folders: Folders) -> None:
        """From here on the attempt counts as begun, whether or not the server's answer arrives."""
        with self._lock:
            if self._gate != "closed":
                return
            self._gate = "open"
            self._upload = self._journal_upload(folders, lambda: _say_begin(channel))
        self._upload.start()

    def _journal_upload(self, folders: Folders, on_begun: Callable[[], None]) -> JournalUpload:
        order = self._order
        return JournalUpload(
            self._host.api,
            order.attempt_id,
            order.fence,
            folders.order.journal,
            on_begun=on_begun,
            on_lost=self.lost,
        )

    def _facts_of(self, child: Child) -> Facts | None:
        """Wait until nothing of it is left, and hear what its guard saw."""
        facts = child.wait()
        if self._kernel_guard is not None:
            self._kernel_guard.wait()
        left = self._host.processes.kill_orphans() + (facts.unkilled if facts is not None else 0)
        if left:
            _log.error("attempt.left_processes run_id=%s count=%d", self._order.run_id, left)
        if facts is None or facts.code is None:
            return facts
        return replace(facts, code=exit_code(self._host, facts.code))

    def _overdue(self) -> Stop | None:
        seconds = self._order.timeout_seconds
        spent = (datetime.now(UTC) - self._started).total_seconds()
        return Stop("run_timeout", seconds=seconds) if spent > seconds else None

    # ------------------------------------------------------------ publishing

    def _publish(self, folders: Folders, done: Done) -> str:
        if self._upload is None:
            with self._lock:
                self._gate = "open"  # from here on it ends as it ended
                self._upload = self._journal_upload(folders, lambda: None)
            self._upload.start()
        sent = self._upload.finish(PUBLISH_SECONDS)
        if self._is_over:
            raise AbandonedError(self._why_over())
        return self._publication.publish(folders.order, done, sent)


def _say_begin(channel: Channel) -> None:
    channel.send("begin")
