"""A real server on a free port, with a worker that runs no code: runs end as their `region` says."""

import hashlib
import json
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn

from nightbook import manage
from nightbook.api.app import create_app
from nightbook.settings import Settings

WORKER = "0190a7e0-0000-7000-8000-000000000001"
NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "nightbook": {"files": ["parts/report_parts.py"]},
    },
    "cells": [
        {
            "id": "parameters",
            "cell_type": "code",
            "metadata": {"tags": ["parameters"]},
            "source": 'region: str = "all"  # which one\ndays: int = 7\n',
            "outputs": [],
            "execution_count": None,
        },
        {
            "id": "work",
            "cell_type": "code",
            "metadata": {},
            "source": 'print("12 regions")',
            "outputs": [],
            "execution_count": None,
        },
    ],
}


def write_notebook(folder: Path, name: str = "daily_sales.ipynb") -> Path:
    """The notebook and the file that it declares."""
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    (folder / "parts" / "report_parts.py").write_text("def part(): ...\n")
    (folder / name).write_text(json.dumps(NOTEBOOK))
    return folder / name


class House:
    """What a test needs of the server: where it is and who may ask."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home, port=0, beat=False)
        self.files = manage.initialise(self.settings)
        everything = {"owner": "ana", "kind": "pat", "pools": [], "expires_in_days": 1}
        reading = {**everything, "owner": "cleo"}
        self.ana = manage.create_token(self.settings, "ana", ["admin:*"], everything).token
        self.cleo = manage.create_token(self.settings, "cleo", ["runs:read"], reading).token
        self.url = ""

    @contextmanager
    def open(self):
        server = uvicorn.Server(uvicorn.Config(create_app(self.settings), log_config=None, lifespan="on"))
        listener = manage._listen(self.settings)
        self.url = manage._url_of(listener)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        worker = Worker(self.url, self.files["worker"].read_text().strip())
        worker.start()
        try:
            yield self
        finally:
            worker.stop()
            server.should_exit = True
            thread.join()


class Worker:
    """Ends what waits: `nowhere` fails, `forever` runs until it is cancelled, all else succeeds."""

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.Client(
            base_url=f"{url}/api/v1/worker", headers={"Authorization": f"Bearer {token}"}, trust_env=False
        )
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def start(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                self._register()
                break
            except httpx.ConnectError:
                assert time.monotonic() < deadline
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        self._http.close()

    def _register(self) -> None:
        self._post(
            "/register",
            {
                "id": WORKER,
                "name": "by hand",
                "pool": "default",
                "slots": 4,
                "host": "here",
                "pid": 1,
                "version": "0",
                "kernels": [{"name": "python3", "display_name": "Python 3", "language": "python"}],
            },
        )

    def _work(self) -> None:
        slots = []
        while not self._over.wait(0.02):
            order = self._post("/claim", {"worker_id": WORKER})["order"]
            if order is not None:
                slots.append(threading.Thread(target=self._run, args=(order,)))
                slots[-1].start()
        for slot in slots:
            slot.join()

    def _run(self, order: dict) -> None:
        region = order["parameters"].get("region", "all")
        state = {"nowhere": "failed", "forever": "cancelled"}.get(region, "succeeded")
        at, fence = f"/attempts/{order['attempt_id']}", order["fence"]
        journal = _journal(state)
        begun = self._http.put(f"{at}/journal", params={"fence": fence, "offset": 0}, content=journal)
        assert begun.is_success, begun.text
        while state == "cancelled" and not self._over.wait(0.02) and not self._is_cancelled():
            pass
        finish = {"fence": fence, "state": state, "cells_done": 2, "cells_total": 2}
        if state == "failed":
            finish |= {"class": "code", "reason": "KeyError: 'nowhere'", "failed_cell": 1}
        files = {
            "notebook.ipynb": json.dumps(NOTEBOOK).encode(),
            "manifest.json": b"{}",
            "journal.jsonl": journal,
            "outputs/report.csv": b"region,total\nnorth,12\n",
        }
        finish["artifacts"] = [self._keep(at, fence, name, body) for name, body in files.items()]
        self._post(f"{at}/finish", finish)

    def _is_cancelled(self) -> bool:
        answer = self._http.get("/cancels", params={"worker_id": WORKER})
        return bool(answer.json()["items"])

    def _keep(self, at: str, fence: int, name: str, body: bytes) -> dict:
        answer = self._http.put(f"{at}/artifacts/{name}", params={"fence": fence}, content=body)
        assert answer.json()["sha256"] == hashlib.sha256(body).hexdigest()
        return answer.json()

    def _post(self, path: str, body: dict) -> dict:
        answer = self._http.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()


def _journal(state: str) -> bytes:
    begin = {"k": "begin", "at": "2026-11-23T07:30:00Z", "attempt": 1, "ids": ["parameters", "work"]}
    error = {"ename": "KeyError", "evalue": "'nowhere'"} if state == "failed" else None
    status = "failed" if error else "succeeded"
    records = [
        {**begin, "version": 1, "source": "", "injected": None},
        {"k": "cell", "i": 0},
        {"k": "done", "i": 0, "status": "succeeded", "started": 0, "ended": 2},
        {"k": "cell", "i": 1},
        {"k": "text", "i": 1, "name": "stdout", "s": "12 regions\n"},
        {"k": "done", "i": 1, "status": status, "started": 2, "ended": 402, "error": error},
        {"k": "end", "state": state},
    ]
    if state == "cancelled":
        records = records[:5]
    lines = (json.dumps({"n": n, "t": 100 * n, **record}) for n, record in enumerate(records))
    return "".join(f"{line}\n" for line in lines).encode()
