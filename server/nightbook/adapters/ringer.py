"""Ringer: rings after a commit, on a thread of its own, so that no request waits for the broker."""

import queue
import threading
from uuid import UUID

from nightbook.adapters.broker import Doorbell


class Ringer:
    """Takes rings at once and passes them on in their order. What a stop leaves, the dispatcher rings."""

    def __init__(self, doorbell: Doorbell) -> None:
        self._doorbell = doorbell
        self._rings: queue.SimpleQueue[tuple[str, UUID] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="ringer", daemon=True)
        self._thread.start()

    def ring(self, pool: str, run_id: UUID) -> None:
        self._rings.put((pool, run_id))

    def check(self) -> bool:
        """Say whether the broker answers now."""
        return self._doorbell.check()

    def close(self) -> None:
        self._rings.put(None)
        self._thread.join(timeout=2)

    def _work(self) -> None:
        while (ring := self._rings.get()) is not None:
            self._doorbell.ring(ring[0], str(ring[1]))
