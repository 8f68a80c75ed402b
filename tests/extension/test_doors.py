import subprocess
import sys
import warnings

import httpx
import pytest
from jupyter_server.auth import Authorizer
from jupyter_server.utils import JupyterServerAuthWarning

import nightbook_lab
from nightbook_lab.app import NightbookApp
from nightbook_lab.handlers import UPSTREAM
from nightbook_lab.upstream import token_source

ROUTES = [
    ("GET", "nightbook/api/v1/runs"),
    ("POST", "nightbook/api/v1/runs"),
    ("PATCH", "nightbook/api/v1/schedules/1"),
    ("PUT", "nightbook/api/v1/schedules/1"),
    ("DELETE", "nightbook/api/v1/schedules/1"),
    ("GET", "nightbook/api/v1/events/stream"),
    ("POST", "nightbook/snapshot"),
    ("GET", "nightbook/contents/"),
    ("GET", "nightbook/download/runs/1/log"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_stranger_is_refused_at_every_verb(browser, nightbook, method, path):
    answer = await browser.fetch(path, method, auth=False)

    assert answer.status_code == 403
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert nightbook.requests == []


class NothingOfNightbook(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return resource != "nightbook"


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_the_authorizer_of_jupyter_is_asked_at_every_verb(
    browser, nightbook, jp_serverapp, method, path
):
    jp_serverapp.web_app.settings["authorizer"] = NothingOfNightbook(
        identity_provider=jp_serverapp.identity_provider
    )

    answer = await browser.fetch(path, method)

    assert answer.status_code == 403
    assert nightbook.requests == []


class NoFiles(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return resource != "contents"


async def test_a_snapshot_needs_the_right_to_read_files(browser, nightbook, jp_serverapp):
    jp_serverapp.web_app.settings["authorizer"] = NoFiles(identity_provider=jp_serverapp.identity_provider)

    answer = await browser.fetch("nightbook/snapshot", "POST", json={"path": "a.ipynb"})

    assert answer.status_code == 403


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if route[0] != "GET"])
async def test_a_logged_in_browser_needs_the_xsrf_header_to_change_anything(
    browser, nightbook, jp_serverapp, jp_http_port, method, path
):
    nightbook.answer("runs", 201, json={})
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{jp_http_port}/a%40b/", trust_env=False) as page:
        # As a browser logs in: with the token once, then by cookie.
        await page.get("api/status", params={"token": jp_serverapp.identity_provider.token})

        by_cookie = await page.get("api/status")
        without = await page.request(method, path)

    assert by_cookie.status_code == 200
    assert without.status_code == 403
    assert nightbook.requests == []


async def test_with_the_xsrf_header_a_logged_in_browser_may(browser, nightbook, jp_serverapp, jp_http_port):
    nightbook.answer("runs", 201, json={})
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{jp_http_port}/a%40b/", trust_env=False) as page:
        await page.get("tree", params={"token": jp_serverapp.identity_provider.token})
        await page.get("login")

        answer = await page.post("nightbook/api/v1/runs", headers={"X-XSRFToken": page.cookies["_xsrf"]})

    assert answer.status_code == 201
    assert "Cookie" not in nightbook.last.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "nightbook/snapshot"),
        ("POST", "nightbook/download/runs/1/log"),
    ],
)
async def test_other_verbs_are_not_taken(browser, method, path):
    answer = await browser.fetch(path, method)

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_runs_are_not_written(browser, nightbook, method):
    answer = await browser.fetch("nightbook/contents/x", method)

    assert (answer.status_code, answer.json()["code"]) == (405, "read_only")
    assert "kept as they were" in answer.json()["message"]
    assert nightbook.requests == []


def test_no_verb_is_left_open_to_strangers(jp_configurable_serverapp):
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", JupyterServerAuthWarning)

        app = jp_configurable_serverapp()

    assert UPSTREAM in app.web_app.settings
    assert [str(warning.message) for warning in warned if "nightbook" in str(warning.message)] == []


# ---------------------------------------------------------------- configuration


def app_of(serverapp):
    (app,) = serverapp.extension_manager.extension_apps["nightbook_lab"]
    return app


def test_address_and_token_file_come_from_the_environment(monkeypatch, jp_configurable_serverapp, token_file):
    monkeypatch.setenv("NIGHTBOOK_API_URL", "https://night.example/base/")
    monkeypatch.setenv("NIGHTBOOK_TOKEN_FILE", str(token_file))

    serverapp = jp_configurable_serverapp()

    assert serverapp.web_app.settings[UPSTREAM].root == "/base/api/v1/"
    assert app_of(serverapp).token_file == str(token_file)


async def test_under_jupyterhub_the_servers_own_token_is_sent(monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "hub-token")
    monkeypatch.delenv("NIGHTBOOK_TOKEN_FILE", raising=False)

    assert token_source(NightbookApp().token_file)() == "hub-token"


def test_a_token_file_outweighs_the_hub(monkeypatch, token_file):
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "hub-token")
    monkeypatch.setenv("NIGHTBOOK_TOKEN_FILE", str(token_file))

    assert token_source(NightbookApp().token_file)() == "nb_pat_abc_secret"


def test_without_configuration_the_token_of_nightbook_up_is_found(monkeypatch, tmp_path):
    monkeypatch.delenv("JUPYTERHUB_API_TOKEN", raising=False)
    monkeypatch.delenv("NIGHTBOOK_TOKEN_FILE", raising=False)
    monkeypatch.setenv("NIGHTBOOK_HOME", str(tmp_path))
    (tmp_path / "lab-token").write_text("nb_pat_of_up")

    assert token_source(NightbookApp().token_file)() == "nb_pat_of_up"


# ---------------------------------------------------------------- packaging


def test_the_package_names_its_two_halves():
    (paths,) = nightbook_lab._jupyter_labextension_paths()
    (point,) = nightbook_lab._jupyter_server_extension_points()

    assert paths == {"src": "labextension", "dest": "nightbook-lab"}
    assert point == {"module": "nightbook_lab", "app": NightbookApp}


def test_importing_the_package_does_not_import_jupyter():
    check = "import sys, nightbook_lab; sys.exit('jupyter_server' in sys.modules or 'fastapi' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
