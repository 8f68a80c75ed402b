"""What of the host a sandbox shows: environments of kernels, and nothing that a person keeps beside them."""

import os
import sys
from pathlib import Path

import pytest

from nightbook_executor import readable
from nightbook_executor.readable import Place, TooBroadError, environment_of


def folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def program(path: Path) -> Path:
    folder(path.parent)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def shown_in(home: Path, *wanted: Path, hidden: tuple[Path, ...] = ()) -> dict[Path, bool]:
    found = readable.places(home=home, host={"PATH": "/usr/bin"}, wanted=wanted, hidden=hidden)
    return {place.path: place.is_shown for place in found}


def test_the_workers_own_environment_is_shown_and_its_neighbours_are_not(tmp_path):
    shown = shown_in(tmp_path)

    for prefix in (sys.prefix, sys.base_prefix):
        assert any(Path(prefix).is_relative_to(path) for path in [*shown, *readable.SYSTEM])
    assert not any(Path.home().is_relative_to(path) for path in shown)
    assert all(shown.values())


def test_a_program_brings_its_environment_and_the_one_that_this_is_made_from(tmp_path):
    base = folder(tmp_path / "versions" / "3.12")
    program(base / "bin" / "python3.12")
    environment = folder(tmp_path / "environment")
    folder(environment / "bin")
    (environment / "bin" / "python").symlink_to("python3")
    (environment / "bin" / "python3").symlink_to(base / "bin" / "python3.12")
    home = folder(tmp_path / "home")

    assert set(environment_of(environment / "bin" / "python", home)) == {environment, base}


def test_a_copied_interpreter_brings_the_base_that_its_environment_names(tmp_path):
    base = folder(tmp_path / "base")
    environment = folder(tmp_path / "environment")
    copied = program(environment / "bin" / "python")
    (environment / "pyvenv.cfg").write_text(f"home = {base / 'bin'}\nversion = 3.12.1\n")

    assert environment_of(copied, folder(tmp_path / "home")) == [environment, base]


def test_a_program_in_somebodys_home_brings_itself_alone(tmp_path):
    home = folder(tmp_path / "ana")

    assert environment_of(program(home / "bin" / "kernel"), home) == [home / "bin" / "kernel"]
    assert environment_of(program(home / ".local" / "bin" / "ir"), home) == [
        home / ".local" / "bin",
        home / ".local" / "lib",
    ]


def test_a_worker_whose_environment_is_a_home_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))

    with pytest.raises(TooBroadError, match="holds more than programs"):
        shown_in(folder(tmp_path / "ana"))


def test_a_token_within_a_shown_folder_is_hidden_and_programs_within_a_hidden_one_are_shown(tmp_path):
    opt = folder(tmp_path / "opt" / "nightbook")
    token = program(opt / "token")
    state = folder(opt / "state")
    environment = folder(state / "environment")
    plain = folder(environment / "lib")

    shown = shown_in(folder(tmp_path / "home"), opt, environment, plain, hidden=(token, state))

    assert {path: kind for path, kind in shown.items() if path.is_relative_to(opt)} == {
        opt: True,
        token: False,
        state: False,
        environment: True,
    }
    assert list(shown).index(opt) < list(shown).index(state) < list(shown).index(environment)


def test_what_is_hidden_outside_of_all_shown_places_needs_no_word(tmp_path):
    secret = program(tmp_path / "elsewhere" / "token")

    assert secret not in shown_in(folder(tmp_path / "home"), hidden=(secret,))


def test_a_linked_folder_is_shown_under_both_names(tmp_path):
    real = folder(tmp_path / "disk" / "data")
    linked = tmp_path / "data"
    linked.symlink_to(real)

    shown = shown_in(folder(tmp_path / "home"), linked)

    assert shown[linked] and shown[real]


def test_libraries_and_certificates_that_the_environment_names_come_along(tmp_path):
    libraries = folder(tmp_path / "cuda" / "lib")
    certificates = program(tmp_path / "ca.pem")
    host = {
        "PATH": "/usr/bin",
        "LD_LIBRARY_PATH": f"{libraries}{os.pathsep}/home",
        "SSL_CERT_FILE": str(certificates),
    }

    found = readable.places(home=folder(tmp_path / "home"), host=host, wanted=(), hidden=())

    assert Place(libraries, True) in found and Place(certificates, True) in found
    assert Place(Path("/home"), True) not in found


def test_no_key_and_no_password_of_the_system_is_shown():
    named = {str(path) for path in (*readable.CONFIGURATION, *readable.NAMES)}

    assert not named & {"/etc", "/etc/passwd", "/etc/shadow", "/etc/ssl", "/etc/pki", "/etc/ssl/private"}
