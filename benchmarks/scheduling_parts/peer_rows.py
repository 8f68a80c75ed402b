"""The same work for each scheduler: so many schedules of one small notebook, all due in the same minute.

Of each run: seconds from the fire time until it began, and until it had ended, by the scheduler's own
record. A peer is one program in its own environment that prints these pairs as JSON.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine_parts import house, sources
from engine_parts.figures import Row, skipped

Pairs = list[tuple[float, float]]

_COMMON = """
import json, os, pathlib, socket, subprocess, sys, time, urllib.request
from datetime import datetime, timedelta, timezone
source, count, seconds = pathlib.Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
log = open(os.environ['PEER_LOG'], 'wb')
with socket.socket() as s:
    s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]
def ask(method, path, body=None):
    request = urllib.request.Request(f'http://127.0.0.1:{port}{path}', method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={'Content-Type': 'application/json'})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)
def until_up(path):
    for _ in range(900):
        try:
            return ask('GET', path)
        except OSError:
            time.sleep(0.1)
    raise SystemExit('it did not come up')
def minute(ahead):
    now = datetime.now(timezone.utc) + timedelta(seconds=ahead)
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1)
"""

#: Job definitions with a cron expression of one minute of the day.
JUPYTER_SCHEDULER = (
    _COMMON
    + """
server = subprocess.Popen([sys.executable, '-m', 'jupyter_server', '--no-browser', '--allow-root',
    f'--ServerApp.port={port}', '--ServerApp.token=', '--ServerApp.password=',
    '--ServerApp.disable_check_xsrf=True', '--ServerApp.jpserver_extensions={"jupyter_scheduler": True}',
    f'--ServerApp.root_dir={source.parent}',
    f'--SchedulerApp.db_url=sqlite:///{source.parent}/scheduler.sqlite'],
    stdout=log, stderr=log)
try:
    environment = until_up('/scheduler/runtime_environments')[0]['name']
    at = minute(10 + count)
    for number in range(count):
        ask('POST', '/scheduler/job_definitions', {'name': f'bench {number}', 'input_uri': source.name,
            'runtime_environment_name': environment, 'output_formats': ['ipynb'], 'timezone': 'UTC',
            'schedule': f'{at.minute} {at.hour} * * *'})
    due, jobs, seen = at.timestamp(), [], (0.0, None)
    if time.time() >= due:
        raise SystemExit('making the schedules took longer than it was until their fire time')
    while time.time() < due + seconds:
        time.sleep(2)
        jobs = ask('GET', f'/scheduler/jobs?max_items={count * 2}')['jobs'] if time.time() > due else []
        ended = sum(job['status'] in ('COMPLETED', 'FAILED', 'STOPPED') for job in jobs)
        seen = seen if seen[1] == ended else (time.time(), ended)
        # Of many at once some stay "in progress" for ever, with no process that works on them.
        if ended >= count or (ended and time.time() - seen[0] > 120):
            break
    print(json.dumps([[job['start_time'] / 1000 - due, job['end_time'] / 1000 - due]
                      for job in jobs if job['status'] == 'COMPLETED']), flush=True)
finally:
    server.kill(); server.wait()
"""
)

#: Deployments with a cron expression, served by one runner, which may start all of them at once.
PREFECT = (
    _COMMON
    + """
os.environ['PREFECT_API_URL'] = f'http://127.0.0.1:{port}/api'
flow_file = source.with_name('peer_flow.py')
flow_file.write_text('''
import sys
from prefect import flow, serve
@flow
def run_notebook(source: str, target: str):
    import papermill
    papermill.execute_notebook(source, target, progress_bar=False)
if __name__ == '__main__':
    source, count, cron = sys.argv[1:]
    serve(*(run_notebook.to_deployment(name=f'bench-{n}', cron=cron, parameters=
        {'source': source, 'target': f'{source}.{n}.out'}) for n in range(int(count))),
        query_seconds=1, limit=int(count))
''')
server = subprocess.Popen([sys.executable, '-m', 'prefect', 'server', 'start', '--port', str(port)],
                          stdout=log, stderr=log)
runner = None
try:
    until_up('/api/health')
    at = minute(30 + count * 0.5)
    runner = subprocess.Popen([sys.executable, str(flow_file), str(source), str(count),
        f'{at.minute} {at.hour} * * *'], stdout=log, stderr=log)
    due, runs = at.timestamp(), []
    soon = (at + timedelta(seconds=1)).isoformat()
    wanted = {'flow_runs': {'expected_start_time': {'before_': soon}}, 'limit': 200}
    while time.time() < due + seconds:
        time.sleep(2)
        runs = ask('POST', '/api/flow_runs/filter', wanted) if time.time() > due else []
        if sum(run['state_type'] in ('COMPLETED', 'FAILED', 'CRASHED') for run in runs) >= count:
            break
    def late(text):
        return datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp() - due
    print(json.dumps([[late(run['start_time']), late(run['end_time'])]
                      for run in runs if run['state_type'] == 'COMPLETED']), flush=True)
finally:
    for process in (runner, server):
        if process is not None:
            process.kill(); process.wait()
"""
)


def rows(
    folder: Path, environments: Path | None, count: int, seconds: float, only: Sequence[str]
) -> Iterator[Row]:
    """Each scheduler in turn, on the same machine; all that began must end within *seconds*."""
    for name, measure in SCHEDULERS.items():
        if name not in only:
            continue
        python = environments / name / "bin" / "python" if environments else None
        if name != "nightbook" and (python is None or not python.exists()):
            yield skipped("minute", f"{name}: no environment; see peers.py install")
            continue
        place = folder / f"minute-{name}"
        place.mkdir()
        try:
            pairs = measure(place, python, count, seconds)
        except (RuntimeError, SystemExit, subprocess.SubprocessError) as error:
            if isinstance(error, SystemExit) and isinstance(error.code, int):
                raise  # told to end, by a signal
            # The others are measured all the same.
            yield Row("minute", f"{name}: could not be measured", "", [float("inf")], 0, note=str(error))
        else:
            yield from _rows(name, pairs, count, seconds)


def _rows(name: str, pairs: Pairs, count: int, seconds: float) -> list[Row]:
    if not pairs:
        return [skipped("minute", f"{name}: no run succeeded within {seconds:.0f} s")]
    note = (
        ""
        if len(pairs) == count
        else f"{count - len(pairs)} of {count} had not succeeded after {seconds:.0f} s"
    )
    begun, ended = ([pair[at] for pair in pairs] for at in (0, 1))
    return [
        Row("minute", f"{name}, {count} schedules, begun", "s", begun, beside={"last": [max(begun)]}),
        Row(
            "minute",
            f"{name}, {count} schedules, ended",
            "s",
            ended,
            beside={"last": [max(ended)]},
            note=note,
        ),
    ]


def _nightbook(folder: Path, _python: Path | None, count: int, seconds: float) -> Pairs:
    with house.opened(folder, slots=4, level="process") as home:
        client = home.client
        client.notebooks.upload(sources.TRIVIAL, path="bench.ipynb")
        at = (datetime.now(UTC) + timedelta(seconds=5 + count * 0.3)).replace(second=0, microsecond=0)
        at += timedelta(minutes=1)
        trigger = {"kind": "cron", "expression": f"{at.minute} {at.hour} * * *", "timezone": "UTC"}
        for number in range(count):
            client.schedules.create(f"bench {number}", "bench.ipynb", trigger)
        if datetime.now(UTC) >= at:
            raise RuntimeError("making the schedules took longer than it was until their fire time")
        time.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))
        while (datetime.now(UTC) - at).total_seconds() < seconds:
            ended = list(client.runs.list(state=["succeeded", "failed", "lost"], limit=200))
            if len(ended) >= count:
                break
            time.sleep(2)
        return [
            ((run.started_at - at).total_seconds(), (run.finished_at - at).total_seconds())
            for run in ended
            if run.state == "succeeded" and run.started_at and run.finished_at
        ]


def _peer(script: str) -> Callable[[Path, Path | None, int, float], Pairs]:
    def measure(folder: Path, python: Path | None, count: int, seconds: float) -> Pairs:
        assert python is not None
        source = folder / "bench.ipynb"
        source.write_text(json.dumps(sources.TRIVIAL))
        plain = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment = {
            **plain,
            "HOME": str(folder),
            "PREFECT_HOME": str(folder / "prefect"),
            "PEER_LOG": str(folder / "log"),
            "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        }
        words = [str(python), "-c", script, str(source), str(count), str(seconds)]
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, env=environment, start_new_session=True
        ) as process:
            try:
                told, _ = process.communicate(timeout=seconds + 400)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # what of it is still there
        if process.returncode:
            said = (folder / "log").read_text(errors="replace")[-1500:] if (folder / "log").exists() else ""
            raise RuntimeError(f"{python.parent.parent.name} failed: {said}")
        pairs: Pairs = [tuple(pair) for pair in json.loads(told)]
        return pairs

    return measure


SCHEDULERS = {
    "nightbook": _nightbook,
    "jupyter_scheduler": _peer(JUPYTER_SCHEDULER),
    "prefect": _peer(PREFECT),
}
