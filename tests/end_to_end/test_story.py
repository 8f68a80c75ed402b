"""A schedule fires at its time, the copy is what its manifest says, a program runs it again."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import nbformat
import pytest
from cluster import GALLERY, Cluster
from facts import executed_copy, fetch, injected, instant, require_whole, soon, story_of
from waiting import until

from nightbook.client import Client
from nightbook.schemas import RunView, ScheduleView

SALES = "daily_sales.ipynb"
LONG = "long_progress.ipynb"
BRIEF = {"steps": 1, "seconds": 0.1}
PUNCTUAL = timedelta(seconds=2)


def first_run(api: Client, schedule: ScheduleView, *, seconds: float) -> RunView:
    """The oldest run of a schedule, as soon as there is one."""
    return until(
        lambda: list(api.runs.list(schedule_id=schedule.id)), seconds=seconds, what="the schedule fires"
    )[-1]


@pytest.fixture(scope="module", autouse=True)
def each_minute(api: Client, shared_cluster: Cluster) -> Iterator[ScheduleView]:
    """A cron schedule that is there from the first test on, so that the last need not wait for long."""
    api.notebooks.upload(GALLERY / LONG, path=LONG)
    cron = {"kind": "cron", "expression": "* * * * *", "timezone": "Europe/Berlin"}
    schedule = api.schedules.create(
        "Each minute", LONG, cron, parameters=BRIEF, pool=shared_cluster.pool, overlap="skip"
    )
    yield schedule
    api.schedules.delete(schedule.id)


@pytest.fixture(scope="module")
def sales_run(api: Client, shared_cluster: Cluster) -> RunView:
    """The run of `daily_sales`, uploaded, scheduled for a moment some seconds ahead, and over."""
    api.notebooks.upload(GALLERY / SALES, path=SALES)
    at = soon(4)
    schedule = api.schedules.create(
        "Daily sales",
        SALES,
        {"kind": "once", "at": instant(at)},
        parameters={"region": "south"},
        pool=shared_cluster.pool,
    )
    run = api.runs.wait(first_run(api, schedule, seconds=20).id, timeout=120)
    assert (run.state, run.reason, run.fire_at) == ("succeeded", None, at)
    return run


def test_a_schedule_fires_at_its_time_and_leaves_a_whole_copy(
    cluster: Cluster, api: Client, sales_run: RunView
) -> None:
    manifest = require_whole(cluster, sales_run)

    assert sales_run.fire_at is not None
    assert timedelta(0) <= sales_run.created_at - sales_run.fire_at < PUNCTUAL
    assert sales_run.trigger == manifest["trigger"] == "scheduled"
    assert manifest["parameters"] == {"region": "south"}
    assert 'region = "south"' in injected(cluster, sales_run)
    schedule_id = sales_run.schedule_id
    assert schedule_id is not None
    ledger = [(o.fire_at, o.state, o.run_id) for o in api.schedules.occurrences(schedule_id)]
    assert ledger == [(sales_run.fire_at, "succeeded", sales_run.id)]
    assert api.schedules.latest(schedule_id, successful=True).id == sales_run.id


def test_a_program_runs_it_again_with_another_region_and_the_original_pins(
    cluster: Cluster, api: Client, sales_run: RunView
) -> None:
    changed = json.loads((GALLERY / SALES).read_text(encoding="utf-8"))
    changed["cells"][0]["source"] = "# Daily sales, the second edition"
    newer = api.notebooks.upload(
        changed, path=SALES, files={"data/sales.csv": (GALLERY / "data" / "sales.csv").read_bytes()}
    )

    again = api.runs.wait(api.runs.rerun(sales_run.id, {"region": "east"}).id, timeout=120)

    assert (again.state, again.rerun_of, again.trigger) == ("succeeded", sales_run.id, "rerun")
    assert again.notebook.sha256 == sales_run.notebook.sha256 != newer.sha256
    assert (again.parameters, again.fire_at) == ({"region": "east"}, sales_run.fire_at)
    manifest = require_whole(cluster, again)
    assert 'region = "east"' in injected(cluster, again)
    attempt = again.attempts[-1]
    assert (attempt.peak_memory_bytes or 0) > 10_000_000
    assert (attempt.cpu_seconds or 0) > 0
    assert attempt.kernel_start == manifest["kernel"]["start"]


def test_the_page_of_a_run_can_be_read_and_runs_no_script(cluster: Cluster, sales_run: RunView) -> None:
    page = fetch(cluster, f"/runs/{sales_run.id}/notebook.html?code=hidden")

    assert page.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert page.headers["content-type"].startswith("text/html")
    assert "<script" not in page.text
    assert "data:image/png" in page.text


def test_an_interval_fires_at_its_anchor(cluster: Cluster, api: Client) -> None:
    anchor = soon(3)
    every = {"kind": "interval", "every": "PT1H", "anchor": instant(anchor)}
    schedule = api.schedules.create("Hourly", LONG, every, parameters=BRIEF, pool=cluster.pool)

    run = api.runs.wait(first_run(api, schedule, seconds=15).id, timeout=60)

    assert (run.state, run.fire_at) == ("succeeded", anchor)
    assert timedelta(0) <= run.created_at - anchor < PUNCTUAL
    assert api.schedules.show(schedule.id).next_fire_at == anchor + timedelta(hours=1)


def test_a_failed_run_keeps_its_copy_with_the_cell_marked(cluster: Cluster, api: Client) -> None:
    api.notebooks.upload(GALLERY / "fails_halfway.ipynb", path="fails_halfway.ipynb")

    run = api.runs.wait(api.runs.create("fails_halfway.ipynb", pool=cluster.pool).id, timeout=120)

    assert (run.state, run.class_) == ("failed", "code")
    assert run.reason is not None
    assert "ValueError" in run.reason
    require_whole(cluster, run)
    states = [cell.state for cell in api.runs.cells(run.id)]
    assert states.count("failed") == 1
    assert states.index("failed") == run.failed_cell
    assert "not_run" in states
    cells = executed_copy(cluster, run)["cells"]
    assert any("papermill-error-cell-tag" in cell["metadata"].get("tags", []) for cell in cells)


@pytest.mark.parametrize("name", ["bash_inventory", "export_customers", "weekly_review"])
def test_the_gallery_runs_on_a_worker(cluster: Cluster, api: Client, name: str) -> None:
    api.notebooks.upload(GALLERY / f"{name}.ipynb", path=f"{name}.ipynb")

    run = api.runs.wait(api.runs.create(f"{name}.ipynb", pool=cluster.pool).id, timeout=120)

    assert (run.state, run.reason) == ("succeeded", None)
    require_whole(cluster, run)


def test_the_files_that_a_notebook_writes_into_outputs_are_artifacts(cluster: Cluster, api: Client) -> None:
    api.notebooks.upload(GALLERY / "export_customers.ipynb", path="export_customers.ipynb")

    run = api.runs.wait(api.runs.create("export_customers.ipynb", pool=cluster.pool).id, timeout=120)

    files = {artifact.name: artifact for artifact in api.runs.artifacts(run.id)}
    table = fetch(cluster, f"/runs/{run.id}/artifacts/outputs/customers.csv")
    assert files["outputs/customers.csv"].role == "output"
    assert table.headers["etag"] == f'"{files["outputs/customers.csv"].sha256}"'
    assert len(table.text.splitlines()) > 1


def test_a_cancelled_run_ends_within_25_seconds_and_keeps_what_it_had(cluster: Cluster, api: Client) -> None:
    run = api.runs.create(LONG, {"steps": 600, "seconds": 0.2}, pool=cluster.pool)
    until(lambda: "batch" in api.runs.log(run.id), seconds=60, what="the first batch is printed")
    assert len(cluster.kernels()) == 1
    asked = datetime.now(UTC)

    api.runs.cancel(run.id)

    ended = api.runs.wait(run.id, timeout=30)
    assert ended.state == "cancelled"
    assert datetime.now(UTC) - asked < timedelta(seconds=25)
    require_whole(cluster, ended)
    assert "batch" in fetch(cluster, f"/runs/{run.id}/notebook").text
    until(lambda: not cluster.kernels(), seconds=5, what="its kernel is gone")


def test_a_cron_schedule_fires_at_the_full_minute(
    cluster: Cluster, api: Client, each_minute: ScheduleView
) -> None:
    run = api.runs.wait(first_run(api, each_minute, seconds=75).id, timeout=60)

    assert run.state == "succeeded"
    assert run.fire_at is not None
    assert (run.fire_at.second, run.fire_at.microsecond) == (0, 0)
    assert timedelta(0) <= run.created_at - run.fire_at < PUNCTUAL
    assert story_of(api, run).count("run.succeeded") == 1
    require_whole(cluster, run)


def test_the_example_of_the_manual_does_what_it_says(cluster: Cluster) -> None:
    manual = (GALLERY.parent / "docs" / "api.md").read_text()
    program = manual.partition("```python\n")[2].partition("```")[0]
    here = program.replace("http://127.0.0.1:8600", cluster.url)
    here = here.replace('Path.home() / ".nightbook/token"', f'Path("{cluster.home}/token")')
    # The example runs in the pool that everybody has; this cluster's worker serves another.
    here = here.replace('Path("executed.ipynb")', f'Path("{cluster.folder}/executed.ipynb")')
    here = here.replace('"notebook":', f'"pool": "{cluster.pool}", "notebook":')
    assert here.count(cluster.pool) == 1

    done = subprocess.run(
        [sys.executable, "-c", here],
        cwd=GALLERY.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    nbformat.validate(nbformat.read(cluster.folder / "executed.ipynb", as_version=4))
