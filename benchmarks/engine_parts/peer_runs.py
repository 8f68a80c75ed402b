"""How each peer runs a notebook once, from its own environment, already warm.

A peer is one process that has imported what it needs and started its services; a line on its standard input
runs the notebook once, and a line on its output says that it has ended well.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

#: An HTTP server with jupyter-scheduler's extension: POST a job, ask until it is completed.
JUPYTER_SCHEDULER = """
import json, os, pathlib, re, subprocess, sys, time, urllib.request
source = pathlib.Path(sys.argv[1])
log = open(os.environ['PEER_LOG'], 'wb')
import socket
with socket.socket() as s:
    s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]
server = subprocess.Popen([sys.executable, '-m', 'jupyter_server', '--no-browser', '--allow-root',
    f'--ServerApp.port={port}', '--ServerApp.token=', '--ServerApp.password=',
    '--ServerApp.disable_check_xsrf=True',
    '--ServerApp.jpserver_extensions={"jupyter_scheduler": True}',
    f'--ServerApp.root_dir={source.parent}', f'--SchedulerApp.db_url=sqlite:///{source.parent}/scheduler.sqlite'],
    stdout=log, stderr=log)
def ask(method, path, body=None):
    request = urllib.request.Request(f'http://127.0.0.1:{port}{path}', method=method,
        data=json.dumps(body).encode() if body else None, headers={'Content-Type': 'application/json'})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
for _ in range(300):
    try:
        ask('GET', '/scheduler/runtime_environments'); break
    except OSError:
        time.sleep(0.1)
environment = ask('GET', '/scheduler/runtime_environments')[0]['name']
print('ready', flush=True)
try:
    for _ in sys.stdin:
        job = ask('POST', '/scheduler/jobs', {'name': 'bench', 'input_uri': source.name,
            'runtime_environment_name': environment, 'output_formats': ['ipynb']})['job_id']
        status, until = '', time.monotonic() + 60
        # STOPPED is also what a job is before it begins.
        while status not in ('COMPLETED', 'FAILED') and time.monotonic() < until:
            time.sleep(0.02)
            status = ask('GET', f'/scheduler/jobs/{job}')['status']
        print('done' if status == 'COMPLETED' else status, flush=True)
finally:
    server.terminate(); server.wait(20)
"""

#: A Prefect server, a served deployment of a flow that runs papermill, run_deployment.
PREFECT = """
import os, subprocess, sys, time
source = sys.argv[1]
import socket
with socket.socket() as s:
    s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]
os.environ['PREFECT_API_URL'] = f'http://127.0.0.1:{port}/api'
log = open(os.environ['PEER_LOG'], 'wb')
server = subprocess.Popen([sys.executable, '-m', 'prefect', 'server', 'start', '--port', str(port)],
                          stdout=log, stderr=log)
import pathlib, httpx
flow_file = pathlib.Path(source).with_name('peer_flow.py')
flow_file.write_text('''
import sys
from prefect import flow
import papermill
@flow
def run_notebook(source: str, target: str):
    papermill.execute_notebook(source, target, progress_bar=False)
if __name__ == '__main__':
    run_notebook.serve(name='bench', query_seconds=1)
''')
for _ in range(600):
    try:
        httpx.get(os.environ['PREFECT_API_URL'] + '/health').raise_for_status(); break
    except httpx.HTTPError:
        time.sleep(0.1)
runner = subprocess.Popen([sys.executable, str(flow_file)], stdout=log, stderr=log)
from prefect.deployments import run_deployment
given = {'source': source, 'target': source + '.out'}
for _ in range(100):
    try:
        run_deployment('run-notebook/bench', parameters=given, timeout=0); break
    except Exception:
        time.sleep(0.5)
time.sleep(5)
print('ready', flush=True)
try:
    for _ in sys.stdin:
        run = run_deployment('run-notebook/bench', parameters=given, timeout=120, poll_interval=0.1)
        print('done' if run.state.is_completed() else run.state.name, flush=True)
finally:
    runner.terminate(); server.terminate(); runner.wait(20); server.wait(20)
"""

Opened = Callable[[Path, Path, Path], AbstractContextManager[Callable[[], None]]]


def _peer(script: str) -> Opened:
    @contextmanager
    def opened(python: Path, source: Path, folder: Path) -> Iterator[Callable[[], None]]:
        plain = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        home = folder / f"peer-{python.parent.parent.name}"
        home.mkdir(exist_ok=True)
        environment = {**plain, "HOME": str(home), "PREFECT_HOME": str(home), "PEER_LOG": str(home / "log")}
        environment |= {"PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
        copy = home / source.name
        copy.write_bytes(source.read_bytes())
        with subprocess.Popen(
            [str(python), "-c", script, str(copy)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        ) as process:
            assert process.stdin is not None and process.stdout is not None

            def expect(word: str) -> None:
                line = process.stdout.readline().strip()
                if line != word:
                    raise SystemExit(f"the peer said {line!r}; see {home / 'log'}")

            def run() -> None:
                process.stdin.write("run\n")
                process.stdin.flush()
                expect("done")

            try:
                expect("ready")
                yield run
            finally:
                process.stdin.close()

    return opened


PEERS: dict[str, Opened] = {"jupyter_scheduler": _peer(JUPYTER_SCHEDULER), "prefect": _peer(PREFECT)}
