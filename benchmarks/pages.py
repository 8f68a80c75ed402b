"""How long people wait for pages, in a real browser against a real platform.

Rows: `list` (an address is opened until the first of 100,000 runs is drawn),
`form` (a click on a notebook until its form can be typed into), `start` (JupyterLab from its address until
it is restored, with our extension and without, by turns). Printed are lower quartile, median and upper
quartile. Exits with 1 where a target is missed.

    python benchmarks/pages.py
    python benchmarks/pages.py --only list form --rounds 20
"""

import argparse
import json
import os
import platform
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from engine_parts import house, sources
from engine_parts.figures import Row
from engine_parts.house import House
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import text

from nightbook.adapters.database import open_engine

RUNS = 100_000
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
_PATIENCE = 60_000  # milliseconds


def main() -> int:
    options = _options()
    measured: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="nb-pages-") as name, _browser() as browser:
        if {"list", "form"} & set(options.only):
            with house.opened(Path(name), slots=1, level="process") as home:
                _fill(home, Path(name) / "home" / "nightbook.db")
                page = _logged_in(home, browser)
                if "list" in options.only:
                    measured.append(_list(home, page, options.rounds))
                if "form" in options.only:
                    measured.append(_form(home, page, options.rounds))
        if "start" in options.only:
            measured.append(_start(Path(name), browser, options.rounds))
    for one in measured:
        print(one.line())
    facts = {
        "rounds": options.rounds,
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "nightbook": version("nightbook"),
        "jupyterlab": version("jupyterlab"),
    }
    print(json.dumps(facts))
    if options.json:
        document = {"schema_version": 1, **facts, "rows": [one.record() for one in measured]}
        options.json.write_text(json.dumps(document, indent=1))
    return int(any(one.is_met is False for one in measured))


@contextmanager
def _browser() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise SystemExit("Chromium is missing: install it, or name it in CHROMIUM")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)


def _fill(home: House, database: Path) -> None:
    """Make the runs out of one that succeeded, some minutes apart from each other."""
    client = home.client
    client.notebooks.upload(sources.TRIVIAL, path="trivial.ipynb")
    client.runs.wait(client.runs.create("trivial.ipynb").id, timeout=120)
    engine = open_engine(f"sqlite:///{database}", pool_size=1)
    with engine.begin() as connection:
        columns = [row[1] for row in connection.exec_driver_sql("PRAGMA table_info(runs)")]
        made = [{"id": "lower(hex(randomblob(16)))"}.get(name, name) for name in columns]
        connection.execute(
            text(
                f"INSERT INTO runs ({', '.join(columns)}) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL "
                f"SELECT n + 1 FROM c WHERE n < :count) SELECT {', '.join(made)} "
                "FROM (SELECT * FROM runs LIMIT 1), c"
            ),
            {"count": RUNS - 1},
        )
    with engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()


def _logged_in(home: House, browser: Browser) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    page.goto(f"{home.client.url}/#login={home.client.login_code().code}")
    page.get_by_role("heading", name="Overview").wait_for()
    return page


def _list(home: House, page: Page, rounds: int) -> Row:
    first = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        page.goto(f"{home.client.url}/runs")
        page.get_by_role("link", name="trivial.ipynb").first.wait_for(timeout=_PATIENCE)
        first.append(time.perf_counter() - begun)
    return Row("list", f"{RUNS} runs: address -> first row drawn", "s", first[1:], 1.0)


def _form(home: House, page: Page, rounds: int) -> Row:
    taken = []
    for _ in range(rounds + 1):
        page.goto(f"{home.client.url}/notebooks")
        link = page.get_by_role("link", name="trivial.ipynb").first
        link.wait_for()
        begun = time.perf_counter()
        link.click()
        page.get_by_label("Name of the schedule").wait_for(timeout=_PATIENCE)
        taken.append((time.perf_counter() - begun) * 1000)
    return Row("form", "click -> form can be typed into", "ms", taken[1:], 300)


# ---------------------------------------------------------------- JupyterLab


def _start(folder: Path, browser: Browser, rounds: int) -> Row:
    """Seconds until JupyterLab is restored, with the extension and without; its cost is the difference."""
    with _lab(folder / "with", enabled=True) as ours, _lab(folder / "without", enabled=False) as bare:
        taken: dict[str, list[float]] = {ours: [], bare: []}
        for _ in range(rounds + 1):
            for url in random.sample([ours, bare], 2):
                taken[url].append(_restored(browser, url))
    costs = [a - b for a, b in zip(taken[ours][1:], taken[bare][1:], strict=True)]
    share = [a / b for a, b in zip(taken[ours][1:], taken[bare][1:], strict=True)]
    beside = {
        "with it, seconds": _three(taken[ours][1:]),
        "without it, seconds": _three(taken[bare][1:]),
        "what it adds, seconds": _three(costs),
    }
    return Row("start", "JupyterLab with our extension / without", "", share, 1.1, beside=beside)


def _three(values: list[float]) -> list[float]:
    ranked = sorted(values)
    return [ranked[len(ranked) // 4], ranked[len(ranked) // 2], ranked[(3 * len(ranked)) // 4]]


def _restored(browser: Browser, url: str) -> float:
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    try:
        begun = time.perf_counter()
        page.goto(url)
        page.wait_for_function("window.jupyterapp !== undefined", timeout=_PATIENCE)
        page.evaluate("window.jupyterapp.restored.then(() => null)")
        return time.perf_counter() - begun
    finally:
        page.close()


@contextmanager
def _lab(folder: Path, *, enabled: bool) -> Iterator[str]:
    """A JupyterLab of its own, whose address is yielded once it answers."""
    settings = folder / "config" / "labconfig"
    settings.mkdir(parents=True)
    off = {} if enabled else {"disabledExtensions": {"nightbook-lab": True}}
    (settings / "page_config.json").write_text(json.dumps(off))
    (folder / "files").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"),
        *(f"--ServerApp.port={port}", "--IdentityProvider.token=bench", f"--notebook-dir={folder / 'files'}"),
    ]
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(folder / "config"), "HOME": str(folder)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        _until_up(f"http://127.0.0.1:{port}/api?token=bench", process)
        yield f"http://127.0.0.1:{port}/lab?token=bench"
    finally:
        process.kill()
        process.wait()


def _until_up(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise SystemExit("JupyterLab did not start")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("JupyterLab did not come up")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    rows = ("list", "form", "start")
    parser.add_argument("--only", nargs="+", choices=rows, default=rows)
    parser.add_argument("--rounds", type=int, default=10, help="how often each is measured (default 10)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the record there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
