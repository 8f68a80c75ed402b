"""The client against the real server: what its docstrings and the manual promise."""

import doctest
import hashlib
import re
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from nightbook import client as package
from nightbook.client import Client, Damaged, Record, Stale, WaitTimedOut, resources, runs

MANUAL = Path(__file__).parents[2] / "docs" / "client.md"
DAILY = {"kind": "cron", "expression": "0 9 * * *"}


@pytest.fixture
def world(client, house, notebook, monkeypatch):
    """What an example may use: a server that knows a notebook, a run that succeeded, one that failed."""
    monkeypatch.setenv("NIGHTBOOK_API_URL", house.url)
    monkeypatch.setenv("NIGHTBOOK_TOKEN", house.ana)
    folder = notebook.parent / "fetched"
    folder.mkdir()
    client.notebooks.upload(notebook)
    run = client.runs.wait(client.runs.create("daily_sales.ipynb").id, timeout=20)
    if not [*client.runs.list(state="failed")]:
        client.runs.wait(client.runs.create("daily_sales.ipynb", {"region": "nowhere"}).id, timeout=20)
    if not [*client.schedules.list()]:
        client.schedules.create("Weekly", "daily_sales.ipynb", {"kind": "manual"})
    return {"client": client, "Client": Client, "Record": Record, "run": run, "folder": folder}


def examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = (package, resources, runs)
    found = [test for module in modules for test in finder.find(module) if test.examples]
    # The manual is read from top to bottom: what one block makes, the next one uses.
    manual = "\n".join(re.findall(r"```pycon\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL))
    return [*found, doctest.DocTestParser().get_doctest(manual, {}, "docs/client.md", str(MANUAL), 0)]


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_examples_do_what_they_show(example, world):
    example.globs = {**world}
    told = []

    failed = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(
        example, out=told.append, clear_globs=False
    )
    example.globs["client"].close()

    assert failed.failed == 0, "".join(told)


def test_a_span_of_time_tells_what_ran_and_will_run(client, world):
    ended = world["run"].finished_at
    made = client.schedules.create("Every hour", "daily_sales.ipynb", {"kind": "interval", "every": "PT1H"})

    lanes = client.timeline(ended - timedelta(hours=1), ended + timedelta(hours=6)).lanes
    days = client.calendar(ended.date(), ended.date() + timedelta(days=2)).days

    assert world["run"].id in {bar.run_id for lane in lanes for bar in lane.runs}
    assert [len(lane.coming) >= 5 for lane in lanes if lane.schedule_id == made.id] == [True]
    assert sum(day.succeeded for day in days) >= 1
    assert days[1].coming >= 24
    client.schedules.delete(made.id)


def test_an_edit_on_an_old_view_is_refused(client, world):
    seen = client.schedules.create("Edited twice", "daily_sales.ipynb", DAILY)
    client.schedules.edit(seen, description="first")

    with pytest.raises(Stale):
        client.schedules.edit(seen, description="second")

    assert client.schedules.show(seen.id).description == "first"
    client.schedules.delete(seen.id)


def test_null_empties_a_field(client, world):
    made = client.schedules.create("Emptied", "daily_sales.ipynb", DAILY, runbook_url="https://example.org/r")

    edited = client.schedules.edit(made.id, runbook_url=None)

    assert edited.runbook_url is None
    client.schedules.delete(made.id)


def test_waiting_has_an_end(client, world):
    run = client.runs.create("daily_sales.ipynb", {"region": "forever"})

    with pytest.raises(WaitTimedOut):
        client.runs.wait(run.id, timeout=0.1)

    client.runs.cancel(run.id, "enough")
    assert client.runs.wait(run.id, timeout=20).state == "cancelled"


def test_what_is_downloaded_is_whole(client, world):
    run, folder = world["run"], world["folder"]

    files = [
        client.runs.download(run.id, artifact.name, folder) for artifact in client.runs.artifacts(run.id)
    ]

    kept = {artifact.name: artifact.sha256 for artifact in client.runs.artifacts(run.id)}
    found = {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}
    assert found == kept
    assert "outputs/report.csv" in kept


def test_damaged_bytes_never_become_a_file(script, tmp_path):
    server = script(httpx.Response(200, content=b"cut", headers={"etag": f'"{"0" * 64}"'}))

    with pytest.raises(Damaged):
        server.client().runs.download("x", "report.csv", tmp_path)

    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a\\..\\evil", "c:evil"])
def test_a_servers_artifact_name_never_leaves_the_folder(script, tmp_path, name):
    with pytest.raises(package.NightbookError, match="file name"):
        script().client().runs.download("x", name, tmp_path)


def test_a_feed_of_a_run_that_is_over_tells_all_of_it(client, world):
    heard = [*client.runs.follow(world["run"].id)]

    kinds = [event.kind for event in heard if isinstance(event, Record)]
    assert kinds == ["begin", "cell", "done", "cell", "text", "done", "end"]


def test_a_token_is_shown_once_and_ends_when_revoked(client, house):
    made = client.tokens.create("ci", ["runs:read"], expires_in_days=1)

    with Client(house.url, made.token) as theirs:
        assert theirs.me().scopes == ["runs:read"]
        client.tokens.revoke(made.id)
        with pytest.raises(package.NotAuthenticated):
            theirs.me()
    assert next(token for token in client.tokens.list() if token.id == made.id).token is None
