"""Both faces in a real browser, in front of the whole product as `nightbook up` starts it."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    expect,
    sync_playwright,
)

from nightbook.client import Client

REPOSITORY = Path(__file__).parents[2]
PICTURES = REPOSITORY / "tests" / "ui" / "__screenshots__"
AXE = REPOSITORY / "extension" / "node_modules" / "axe-core" / "axe.min.js"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Stack:
    """A running `nightbook up`: where its faces answer and what opens them."""

    web_url: str
    lab_url: str
    token: str
    folder: Path

    @property
    def api_url(self) -> str:
        return re.sub(r"[/#].*$", "", self.web_url.removeprefix("http://")).join(["http://", ""])


def _chromium() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    # A short path: the broker's socket must fit into 107 bytes.
    with tempfile.TemporaryDirectory(prefix="nb-ui-") as name:
        folder = Path(name)
        notebooks = folder / "notebooks"
        shutil.copytree(REPOSITORY / "notebooks", notebooks)
        _write_lab_configuration(folder)
        process, log = _start(folder, notebooks)
        try:
            yield _read(process, log, folder)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def _write_lab_configuration(folder: Path) -> None:
    labconfig = folder / "jupyter" / "labconfig"
    labconfig.mkdir(parents=True)
    silence = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (labconfig / "page_config.json").write_text(json.dumps(silence))
    (folder / "jupyter" / "jupyter_server_config.json").write_text(
        json.dumps({name: {"expose_app_in_browser": True} for name in ("LabApp", "JupyterNotebookApp")})
    )


def _start(folder: Path, notebooks: Path) -> tuple["subprocess.Popen[bytes]", Path]:
    log = folder / "up.log"
    command = [sys.executable, "-m", "nightbook", "up", "--home", str(folder / "home")]
    ports = ["--port", str(_free_port()), "--lab-port", str(_free_port()), "--lab-dir", str(notebooks)]
    environment = {
        **os.environ,
        "HOME": str(folder),
        "COLUMNS": "250",
        **_of_jupyter(folder),
    }
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [*command, *ports], stdout=sink, stderr=subprocess.STDOUT, env=environment, cwd=folder
        )
    return process, log


def _of_jupyter(folder: Path) -> dict[str, str]:
    """Where Jupyter keeps what it keeps: nothing of this machine's own is read or changed."""
    return {
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),
        "JUPYTER_DATA_DIR": str(folder / "jupyter-data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "jupyter-run"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "lab-settings"),
    }


def _read(process: "subprocess.Popen[bytes]", log: Path, folder: Path) -> Stack:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        said = log.read_text(errors="replace")
        web = re.search(r"http://\S+/#login=\S+", said)
        lab = re.search(r"http://\S+\?token=\S+", said)
        if web and lab:
            token = (folder / "home" / "token").read_text().strip()
            return Stack(web.group(), lab.group(), token, folder)
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise AssertionError(f"nightbook up did not come up:\n{log.read_text(errors='replace')}")


class Jupyter:
    """One more Jupyter server in front of the same stack, started as a person would start it."""

    def __init__(
        self, stack: Stack, app: str, packages: Path, options: Sequence[str], base: str, more: dict[str, str]
    ) -> None:
        self.token = "of-a-test"
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}{base}"
        folder = Path(tempfile.mkdtemp(prefix="jupyter-", dir=stack.folder))
        _write_lab_configuration(folder)
        self.log = folder / "jupyter.log"
        command = [sys.executable, "-m", app, "--no-browser", "--allow-root", *options]
        command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1"]
        command += [f"--ServerApp.base_url={base}", f"--IdentityProvider.token={self.token}"]
        command += [f"--ServerApp.root_dir={stack.folder / 'notebooks'}"]
        environment = {
            **os.environ,
            **_of_jupyter(folder),
            "NIGHTBOOK_API_URL": stack.api_url,
            "NIGHTBOOK_TOKEN_FILE": str(stack.folder / "home" / "lab-token"),
            "PYTHONPATH": str(packages),
            "JUPYTER_PATH": str(packages / "share" / "jupyter"),
            **more,
        }
        with self.log.open("wb") as sink:
            self._process = subprocess.Popen(
                command, stdout=sink, stderr=subprocess.STDOUT, env=environment, cwd=folder
            )
        self._await()

    def _await(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                httpx.get(f"{self.url}api/status?token={self.token}", trust_env=False).raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.2)
            else:
                return
        self.stop()
        raise AssertionError(f"Jupyter did not come up:\n{self.log.read_text(errors='replace')}")

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            # A Jupyter server that is told to end while a page connects to a kernel can wait for ever.
            self._process.kill()
            self._process.wait()


@pytest.fixture(scope="session")
def stamped() -> Callable[[str, str], Path]:
    """Finds what `make install` puts into a folder of its own: by the folder, and a package in it."""

    def find(name: str, package: str) -> Path:
        folder = REPOSITORY / ".stamps" / name
        if not (folder / package).is_dir():
            words = f"{package} is not there; make install puts it into .stamps/{name}"
            (pytest.fail if os.environ.get("CI") else pytest.skip)(words)
        return folder

    return find


@pytest.fixture(scope="module")
def start_jupyter(stack: Stack) -> Iterator[Callable[..., Jupyter]]:
    """Starts a Jupyter server of its own: by module, the folder of more packages, options, environment."""
    started: list[Jupyter] = []

    def act(app: str, packages: Path, *options: str, base: str = "/", **environment: str) -> Jupyter:
        started.append(Jupyter(stack, app, packages, options, base, environment))
        return started[-1]

    yield act
    for jupyter in started:
        jupyter.stop()


@pytest.fixture(scope="session")
def api(stack: Stack) -> Iterator[Client]:
    with Client(stack.api_url, stack.token) as client:
        yield client


@pytest.fixture
def log_in_by_link(page: Page, stack: Stack) -> Callable[[], None]:
    """Opens the web page by a fresh one-time link."""

    def act() -> None:
        answer = httpx.post(
            f"{stack.api_url}/api/v1/sessions/codes", headers={"Authorization": f"Bearer {stack.token}"}
        )
        page.goto(f"{stack.api_url}/#login={answer.json()['code']}")
        page.get_by_role("heading", name="Overview").wait_for()

    return act


@pytest.fixture(scope="session")
def known_cookies() -> list[Any]:
    """Those of the first log-in: only so many log-ins a minute are allowed."""
    return []


@pytest.fixture
def log_in(
    page: Page, stack: Stack, log_in_by_link: Callable[[], None], known_cookies: list[Any]
) -> Callable[[], None]:
    """Opens the web page, logged in."""

    def act() -> None:
        if not known_cookies:
            log_in_by_link()
            known_cookies.extend(page.context.cookies())
            return
        page.context.add_cookies(known_cookies)
        page.goto(f"{stack.api_url}/")
        page.get_by_role("heading", name="Overview").wait_for()

    return act


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = _chromium()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing: install it, or name it in $CHROMIUM")
        pytest.skip("Chromium is not installed; name it in $CHROMIUM")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=ARGUMENTS)


@pytest.fixture
def findings(page: Page) -> Callable[..., list[str]]:
    """Every rule of the accessibility checker that the page breaks, with the first elements that break it.

    In JupyterLab only what is *within* a selector is ours to answer for.
    """
    source = AXE.read_text(encoding="utf-8")

    def act(within: str | None = None) -> list[str]:
        # As the debugger evaluates it, so the page's own policy need not be opened for it.
        page.evaluate(source + "; null")
        found: dict[str, Any] = page.evaluate(
            "within => axe.run(within ?? document, {resultTypes: ['violations']})", within
        )
        return [
            f"{rule['impact']}: {rule['id']} at {[node['target'] for node in rule['nodes']][:3]}"
            for rule in found["violations"]
        ]

    return act


class Shots:
    """Pictures that a person looks at, in the folder that the README's pictures are taken from."""

    def __init__(self, page: Page, name: str) -> None:
        self.page, self.name = page, name

    def __call__(self, step: str) -> Path:
        PICTURES.mkdir(exist_ok=True)
        path = PICTURES / f"{self.name}-{step}.png"
        # Ending the animations would end the toasts too: their time bar is one.
        self.page.screenshot(path=path, caret="hide")
        return path


@pytest.fixture
def shots(page: Page, request: pytest.FixtureRequest) -> Shots:
    name = request.node.name.removeprefix("test_")
    return Shots(page, re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-"))


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def context(browser: Browser, scheme: str) -> Iterator[BrowserContext]:
    opened = browser.new_context(
        viewport={"width": 1280, "height": 860},
        timezone_id="Europe/Berlin",
        locale="en-GB",
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    opened.set_default_timeout(20_000)
    yield opened
    opened.close()


@pytest.fixture
def foreign_errors() -> set[str]:
    """Errors that pages raise which are not ours."""
    return set()


@pytest.fixture
def page(context: BrowserContext, foreign_errors: set[str]) -> Iterator[Page]:
    """A tab in which any error of a script fails the test."""
    opened, errors = context.new_page(), []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda message: errors.append(message.text) if _is_refusal(message) else None)
    yield opened
    assert [error for error in errors if error not in foreign_errors] == []


THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


@pytest.fixture
def execute(page: Page) -> Callable[[str, dict[str, Any]], None]:
    """Begins a command of JupyterLab."""

    def act(command: str, arguments: dict[str, Any]) -> None:
        page.evaluate(
            "([name, args]) => { void window.jupyterapp.commands.execute(name, args) }", [command, arguments]
        )

    return act


@pytest.fixture
def lab(page: Page, stack: Stack, scheme: str, execute: Callable[[str, dict[str, Any]], None]) -> Page:
    """JupyterLab in a workspace of its own, ready, in the theme of this test."""
    address, _, token = stack.lab_url.partition("?token=")
    base = address.split("/lab")[0]
    page.goto(f"{base}/lab/workspaces/t-{uuid4().hex[:8]}?token={token}")
    page.wait_for_function("window.jupyterapp !== undefined")
    page.evaluate("window.jupyterapp.restored")
    page.locator("#jupyterlab-splash").wait_for(state="detached")
    execute("apputils:change-theme", {"theme": THEMES[scheme]})
    return page


def _is_refusal(message: ConsoleMessage) -> bool:
    return message.type == "error" and "Content Security Policy" in message.text


@pytest.fixture
def open_form(page: Page) -> Callable[[], Locator]:
    """Press Schedule and get to the form; JupyterLab itself may have changed the notebook's metadata."""

    def act() -> Locator:
        page.get_by_role("button", name="Schedule this notebook").click(timeout=60_000)
        form = page.get_by_role("form", name="Schedule a notebook")
        save = page.get_by_role("button", name="Save and schedule")
        expect(form.or_(save)).to_be_visible(timeout=30_000)
        if save.is_visible():
            save.click()
        expect(form).to_be_visible()
        return form

    return act
