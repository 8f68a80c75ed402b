"""The app with a little of everything in it, and what every refusal must look like, for the bad inputs."""

import copy
import re
from datetime import UTC, datetime, timedelta

from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlmodel import SQLModel

from nightbook.adapters.database import migrate
from nightbook.api.app import create_app
from nightbook.records import access
from nightbook.settings import Settings

V1 = "/api/v1"
ECHO = "zebracrossing"
UNKNOWN = "0190a7e0-0000-7000-8000-000000000000"
WORKER = "0190a7e0-0000-7000-8000-000000000001"

NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "cells": [
        {
            "id": "params",
            "cell_type": "code",
            "metadata": {"tags": ["parameters"]},
            "source": "region: str = 'north'\ncount: int = 3\nflag: bool = False\ntags: list = []\n",
            "outputs": [],
            "execution_count": None,
        },
        {
            "id": "work",
            "cell_type": "code",
            "metadata": {},
            "source": "1 + 1",
            "outputs": [],
            "execution_count": None,
        },
    ],
}
UPLOAD = {"path": "reports/daily.ipynb", "content": NOTEBOOK}
RUN = {"notebook": "reports/daily.ipynb"}
CRON = {"kind": "cron", "expression": "30 7 * * 1-5", "timezone": "Europe/Berlin"}
SCHEDULE = {"name": "Nightly report", "notebook": "reports/daily.ipynb", "trigger": CRON, "tags": ["night"]}


def changed(body, **changes):
    return {**copy.deepcopy(body), **changes}


LISTS = [
    "/notebooks",
    "/notebooks/reports/daily.ipynb/versions",
    "/schedules",
    "/schedules/{schedule}/occurrences",
    "/runs",
    "/events",
]

READS = [
    "/me",
    "/runs",
    "/schedules",
    "/notebooks",
    "/events",
    "/pools",
    "/workers",
    "/limits",
    "/exports",
    "/tokens",
    "/overview",
    "/timeline",
    "/calendar",
]

VALID = {
    "/notebooks": UPLOAD,
    "/schedules": changed(
        SCHEDULE, parameters={"region": "south", "count": 4}, start_at="2027-01-01T00:00:00Z"
    ),
    "/schedules/preview": {"trigger": CRON, "from": "2027-01-01T00:00:00Z", "count": 3},
    "/runs": changed(RUN, parameters={"tags": [1, {"a": None}]}, note="x", priority=10),
    "/tokens": {"name": "x", "scopes": ["runs:read"], "kind": "pat", "expires_in_days": 3},
    "/pools": {"name": "x", "concurrency": 3},
    "/worker/register": {
        "id": WORKER,
        "name": "w",
        "pool": "default",
        "slots": 2,
        "host": "h",
        "pid": 5,
        "version": "1",
        "kernels": [{"name": "python3", "display_name": "Python 3", "language": "python"}],
    },
    "/worker/heartbeat": {"worker_id": WORKER, "attempts": [{"attempt_id": UNKNOWN, "fence": 1}]},
    f"/worker/attempts/{UNKNOWN}/finish": {
        "fence": 1,
        "state": "failed",
        "class": "code",
        "artifacts": [
            {
                "name": "notebook.ipynb",
                "sha256": "a" * 64,
                "size": 1,
                "media_type": "text/plain",
                "role": "notebook",
            }
        ],
    },
}


class World:
    """The app over an empty home folder, with a token of each kind, a version, a schedule and a run."""

    def __init__(self, home, database_url=None):
        self.settings = Settings(home=home, beat=False, database_url=database_url)
        migrate(self.settings.database)
        self.app = create_app(self.settings)

    def open(self):
        self.client = TestClient(self.app, base_url="http://127.0.0.1:8600")
        self.client.__enter__()
        self.admin = self.token("pat", access.ADMIN_SCOPES)
        self.viewer = self.token("pat", ["schedules:read", "runs:read", "artifacts:read"])
        self.worker = self.token("wrk", ["worker"], pools=["default"])
        self.post("/worker/register", VALID["/worker/register"], token=self.worker)
        self.version = self.post("/notebooks", UPLOAD).json()
        self.schedule = self.post("/schedules", SCHEDULE).json()
        self.run = self.post("/runs", RUN).json()

    def token(self, kind, scopes, pools=(), lives=timedelta(days=1)):
        now = datetime.now(UTC)
        with self.app.state.house.sessions() as session:
            _, text = access.create_token(
                session,
                name="t",
                owner=f"owner-{kind}-{len(scopes)}",
                scopes=scopes,
                kind=kind,
                pools=pools,
                expires_at=now + lives,
                created_by="tests",
                now=now,
            )
            session.commit()
        return text

    def ask(self, method, path, *, token=None, headers=None, **sent):
        headers = {"authorization": f"Bearer {token or self.admin}", **(headers or {})}
        return self.client.request(method, V1 + path, headers=headers, **sent)

    def post(self, path, body, token=None):
        answer = self.ask("POST", path, json=body, token=token)
        assert answer.status_code in {200, 201}, answer.text
        return answer

    def rows(self):
        """How many rows each table has, but for the one that notes when a token was used."""
        with self.app.state.house.reading() as session:
            tables = SQLModel.metadata.sorted_tables
            return {t.name: session.execute(select(func.count()).select_from(t)).scalar_one() for t in tables}

    def fill(self, text):
        """Put real ids into a path."""
        return text.format(schedule=self.schedule["id"], run=self.run["id"], sha256=self.version["sha256"])


def check_refused(answer, statuses, code=None, field=None):
    statuses = {statuses} if isinstance(statuses, int) else set(statuses)
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert re.fullmatch(r"[a-z][a-z0-9_]*", problem["code"])
    assert problem["detail"]
    assert ECHO not in answer.text
    found = {(e["field"], e["code"]) for e in problem["errors"]}
    if code is not None:
        assert code in {problem["code"], *(c for _, c in found)}, problem
    if field is not None:
        assert any(f == field or f.startswith(f"{field}.") for f, _ in found), problem
    return problem
