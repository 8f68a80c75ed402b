"""Orders: a person who asks for runs while everything breaks, and repeats each order until it is answered."""

import threading
import uuid
from typing import Any

import httpx
from fleet import Fleet

_ANSWER_SECONDS = 20.0


class Orders:
    """Orders one run every few seconds; each has a key of its own, which its repetitions carry too."""

    def __init__(
        self, fleet: Fleet, draft: dict[str, Any], *, every: float, at_most: int | None = None
    ) -> None:
        self._token = (fleet.home / "token").read_text().strip()
        self._url = f"{fleet.url}/api/v1/runs"
        self._draft, self._every, self._at_most = draft, every, at_most
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask_always, name="orders", daemon=True)
        self.answered: dict[str, uuid.UUID | None] = {}
        self.server_faults: list[str] = []
        self.repeated = 0

    def __enter__(self) -> "Orders":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(2 * _ANSWER_SECONDS)

    def _ask_always(self) -> None:
        with httpx.Client(timeout=_ANSWER_SECONDS) as http:
            while len(self.answered) != self._at_most and not self._stop.wait(self._every):
                self._until_answered(http, str(uuid.uuid4()))

    def _until_answered(self, http: httpx.Client, note: str) -> None:
        headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": note}
        self.answered[note] = None
        while self.answered[note] is None:
            try:
                answer = http.post(self._url, json={**self._draft, "note": note}, headers=headers)
            except httpx.TransportError:
                self.repeated += 1
            else:
                self._take(note, answer)
            if self.answered[note] is None and self._stop.wait(0.5):
                return

    def _take(self, note: str, answer: httpx.Response) -> None:
        if answer.is_success:
            self.answered[note] = uuid.UUID(answer.json()["id"])
        elif answer.status_code == 503 or answer.status_code == 429:
            self.repeated += 1
            if "retry-after" not in answer.headers:
                self.server_faults.append(f"{answer.status_code} without Retry-After: {answer.text}")
        else:
            self.server_faults.append(f"{answer.status_code} for an order: {answer.text}")
