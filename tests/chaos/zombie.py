"""A zombie: a worker that claims runs, falls silent, and writes long after it was given up.

The worker's own program would kill the attempt first. A zombie does not, so that only the fence is left.
"""

import base64
import hashlib
import json
import uuid
from collections.abc import Callable

from fleet import Fleet
from uuid_utils import compat

from nightbook.schemas import FinishDraft, Heartbeat, HeldAttempt, RunOrder, WorkerKernel, WorkerRegistration
from nightbook_executor.api import Api, RefusedError

_FIRST_LINE = b'{"n":0}\n'


class Zombie:
    """Speaks the lease protocol with the token of the fleet's workers."""

    def __init__(self, fleet: Fleet) -> None:
        token = (fleet.folder / "worker-token").read_text()
        self._api = Api(fleet.url, lambda: token, timeout=20.0)
        self.id = compat.uuid7()
        self.orders: list[RunOrder] = []
        kernel = WorkerKernel(name="python3", display_name="Python 3", language="python")
        self._api.register(
            WorkerRegistration(
                id=self.id,
                name=f"zombie-{self.id}",
                pool=fleet.pool,
                slots=100,
                host="zombie",
                pid=1,
                version="0",
                kernels=[kernel],
            )
        )

    def claim(self, count: int) -> None:
        """Take *count* runs, which must be waiting."""
        for _ in range(count):
            order = self._api.claim(self.id, str(uuid.uuid4())).order
            assert order is not None, "nothing waits"
            self.orders.append(order)

    def begin(self, order: RunOrder) -> None:
        """Open the begin gate: from now on the platform thinks that user code has run."""
        self._api.put_journal(order.attempt_id, order.fence, 0, _FIRST_LINE)

    def write_stale(self) -> list[str]:
        """Try every write of an attempt that was given up. Return those that were accepted."""
        return [
            f"{name} of run {order.run_id} under fence {order.fence}"
            for order in self.orders
            for name, write in self._writes(order).items()
            if self._is_accepted(write)
        ]

    def _writes(self, order: RunOrder) -> dict[str, Callable[[], bool]]:
        attempt, fence = order.attempt_id, order.fence

        def heartbeat() -> bool:
            held = [HeldAttempt(attempt_id=attempt, fence=fence)]
            answer = self._api.heartbeat(Heartbeat(worker_id=self.id, attempts=held))
            return not all(lease.lost for lease in answer.attempts)

        def journal() -> bool:
            self._api.put_journal(attempt, fence, 0, _FIRST_LINE)
            return True

        def artifact() -> bool:
            self._api.put_artifact(attempt, fence, "outputs/stale", [b"stale"], 5, "text/plain")
            return True

        def finish() -> bool:
            self._api.finish(attempt, _made_up_end(fence))
            return True

        return {"heartbeat": heartbeat, "journal": journal, "artifact": artifact, "finish": finish}

    @staticmethod
    def _is_accepted(write: Callable[[], bool]) -> bool:
        try:
            return write()
        except RefusedError:
            return False

    def close(self) -> None:
        self._api.close()


def _made_up_end(fence: int) -> FinishDraft:
    """A success, with a copy that nobody executed."""
    body = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}).encode()
    artifacts = [
        {
            "name": name,
            "sha256": hashlib.sha256(body).hexdigest(),
            "size": len(body),
            "media_type": "application/json",
            "role": role,
            "content": base64.b64encode(body).decode(),
        }
        for name, role in (("notebook.ipynb", "notebook"), ("manifest.json", "manifest"))
    ]
    return FinishDraft.model_validate({"fence": fence, "state": "succeeded", "artifacts": artifacts})
