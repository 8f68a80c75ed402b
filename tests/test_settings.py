"""Settings: a wrong value stops the start with one line, and no promise is dropped silently."""

from pathlib import Path

import pytest

from nightbook.settings import WrongSettings, load


def set_all(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"NIGHTBOOK_{name.upper()}", value)


def test_notebooks_have_no_network_in_bubblewrap_unless_it_is_opened(monkeypatch):
    assert load(sandbox="process").notebooks_network == "open"
    assert load(sandbox="bubblewrap").notebooks_network == "none"
    assert load(sandbox="bubblewrap", network="open").notebooks_network == "open"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"sandbox": "jail"}, "NIGHTBOOK_SANDBOX: .*bubblewrap"),
        ({"sandbox": "process", "network": "none"}, "NIGHTBOOK_NETWORK: .*needs the sandbox bubblewrap"),
        ({"sandbox": "container", "network": "none"}, "NIGHTBOOK_NETWORK: .*needs the sandbox bubblewrap"),
        ({"sandbox_readable": '["/data"]'}, "NIGHTBOOK_SANDBOX_READABLE: .*needs the sandbox bubblewrap"),
        ({"sandbox": "bubblewrap", "sandbox_readable": '["data"]'}, "NIGHTBOOK_SANDBOX_READABLE: .*absolute"),
        ({"sandbox": "bubblewrap", "sandbox_readable": "/data"}, "NIGHTBOOK_SANDBOX_READABLE: .*JSON"),
    ],
)
def test_a_level_that_cannot_keep_a_promise_is_refused_with_the_key(monkeypatch, values, words):
    set_all(monkeypatch, **values)

    with pytest.raises(WrongSettings, match=words) as refused:
        load()

    assert "\n" not in str(refused.value)


def test_the_files_that_settings_come_from_are_private(monkeypatch, tmp_path):
    config = tmp_path / "nightbook.toml"
    config.write_text('pool = "nights"\n')
    (tmp_path / "broker").write_text("unix:///run/broker\n")
    token = tmp_path / "token"
    set_all(
        monkeypatch,
        home=str(tmp_path / "home"),
        token_file=str(token),
        broker_url_file=str(tmp_path / "broker"),
    )

    private = load(config).private_paths

    assert {tmp_path / "home", token, config, tmp_path / "broker"} <= set(private)
    assert all(isinstance(path, Path) for path in private)
