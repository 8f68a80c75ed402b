"""A schedule fires at its time, the copy is what its manifest says, a program runs it again."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import nbformat
import pytest
from cluster import GALLERY, Cluster, until

from nightbook.client import Client
from nightbook.schemas import RunView


def bytes_of(cluster: Cluster, path: str) -> httpx.Response:
    token = (cluster.home / "token").read_text().strip()
    answer = httpx.get(f"{cluster.url}/api/v1{path}", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return answer


def require_whole(cluster: Cluster, run: RunView) -> dict[str, Any]:
    """The executed copy, once its hash has been found in its manifest. Returns the manifest."""
    copy = bytes_of(cluster, f"/runs/{run.id}/notebook")
    manifest: dict[str, Any] = bytes_of(cluster, f"/runs/{run.id}/manifest").json()
    told = {output["name"]: output["sha256"] for output in manifest["outputs"]}
    assert (
        told["notebook.ipynb"] == hashlib.sha256(copy.content).hexdigest() == copy.headers["etag"].strip('"')
    )
    nbformat.validate(nbformat.reads(copy.text, as_version=4))
    assert manifest["notebook"]["sha256"] == run.notebook.sha256
    return manifest


def injected(cluster: Cluster, run: RunView) -> str:
    copy = json.loads(bytes_of(cluster, f"/runs/{run.id}/notebook").content)
    return "".join(
        "".join(cell["source"])
        for cell in copy["cells"]
        if "injected-parameters" in cell["metadata"].get("tags", [])
    )


def test_a_schedule_fires_and_its_run_is_repeated_with_other_parameters(
    cluster: Cluster, api: Client
) -> None:
    version = api.notebooks.upload(GALLERY / "daily_sales.ipynb", path="daily_sales.ipynb")
    at = (datetime.now(UTC) + timedelta(seconds=3)).replace(microsecond=0)
    schedule = api.schedules.create(
        "Daily sales",
        "daily_sales.ipynb",
        {"kind": "once", "at": at.isoformat().replace("+00:00", "Z")},
        parameters={"region": "south"},
        pool=cluster.pool,
    )
    fired = until(lambda: list(api.runs.list(schedule_id=schedule.id)), seconds=15, what="the schedule fires")

    run = api.runs.wait(fired[0].id, timeout=120)

    assert (run.state, run.reason, run.trigger, run.fire_at) == ("succeeded", None, "scheduled", at)
    assert timedelta(0) <= run.created_at - at < timedelta(seconds=2)
    manifest = require_whole(cluster, run)
    assert (manifest["parameters"], manifest["trigger"]) == ({"region": "south"}, "scheduled")
    assert [(o.fire_at, o.state) for o in api.schedules.occurrences(schedule.id)] == [(at, "succeeded")]
    assert api.schedules.latest(schedule.id, successful=True).id == run.id

    again = api.runs.wait(api.runs.rerun(run.id, {"region": "east"}).id, timeout=120)

    assert (again.state, again.rerun_of, again.notebook.sha256) == ("succeeded", run.id, version.sha256)
    assert again.fire_at == at
    require_whole(cluster, again)
    assert 'region = "south"' in injected(cluster, run)
    assert 'region = "east"' in injected(cluster, again)


def test_a_failed_run_keeps_its_copy_with_the_cell_marked(cluster: Cluster, api: Client) -> None:
    api.notebooks.upload(GALLERY / "fails_halfway.ipynb", path="fails_halfway.ipynb")

    run = api.runs.wait(api.runs.create("fails_halfway.ipynb", pool=cluster.pool).id, timeout=120)

    assert (run.state, run.class_) == ("failed", "code")
    assert run.reason is not None and "ValueError" in run.reason
    require_whole(cluster, run)
    states = [cell.state for cell in api.runs.cells(run.id)]
    assert states.count("failed") == 1
    assert states.index("failed") == run.failed_cell
    assert "not_run" in states
    copy = json.loads(bytes_of(cluster, f"/runs/{run.id}/notebook").content)
    assert any("papermill-error-cell-tag" in cell["metadata"].get("tags", []) for cell in copy["cells"])


@pytest.mark.parametrize("name", ["bash_inventory", "export_customers", "weekly_review"])
def test_the_gallery_runs_on_a_worker(cluster: Cluster, api: Client, name: str) -> None:
    api.notebooks.upload(GALLERY / f"{name}.ipynb", path=f"{name}.ipynb")

    run = api.runs.wait(api.runs.create(f"{name}.ipynb", pool=cluster.pool).id, timeout=120)

    assert (run.state, run.reason) == ("succeeded", None)
    require_whole(cluster, run)
    if name == "export_customers":
        assert {a.name for a in api.runs.artifacts(run.id)} >= {"outputs/customers.csv"}


def test_a_cancelled_run_ends_within_25_seconds_and_keeps_what_it_had(cluster: Cluster, api: Client) -> None:
    api.notebooks.upload(GALLERY / "long_progress.ipynb", path="long_progress.ipynb")
    run = api.runs.create("long_progress.ipynb", {"steps": 600, "seconds": 0.2}, pool=cluster.pool)
    until(lambda: "batch" in api.runs.log(run.id), seconds=60, what="the first batch is printed")
    asked = datetime.now(UTC)

    api.runs.cancel(run.id)

    ended = api.runs.wait(run.id, timeout=30)
    assert ended.state == "cancelled"
    assert datetime.now(UTC) - asked < timedelta(seconds=25)
    require_whole(cluster, ended)
    assert "batch" in bytes_of(cluster, f"/runs/{run.id}/notebook").text


def test_the_safe_page_carries_no_script(cluster: Cluster, api: Client) -> None:
    run = next(iter(api.runs.list(notebook="daily_sales.ipynb", state="succeeded")))

    page = bytes_of(cluster, f"/runs/{run.id}/notebook.html?code=hidden")

    assert page.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert "<script" not in page.text
    assert "data:image/png" in page.text
