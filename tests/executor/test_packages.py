"""The environment record, read from folder names."""

import json
import sys

import pytest

from nightbook_executor import packages


@pytest.fixture
def python(tmp_path):
    """An environment with three packages, one of them installed in place."""
    site = tmp_path / "lib" / "python3.12" / "site-packages"
    for name in ("numpy-2.1.0", "Typing_Extensions-4.12.2", "mine-0.1.dev0+g12"):
        (site / f"{name}.dist-info").mkdir(parents=True)
    url = {"url": "file:///home/ana/mine", "dir_info": {"editable": True}}
    (site / "mine-0.1.dev0+g12.dist-info" / "direct_url.json").write_text(json.dumps(url))
    (site / "numpy-2.1.0.dist-info" / "direct_url.json").write_text("[")
    (site / "not-a-package.txt").write_text("")
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.12.4\n")
    return str(tmp_path / "bin" / "python")


def test_packages_are_listed_by_normalised_name_in_order(python):
    found = packages.record([python, "-m", "ipykernel_launcher", "-f", "x"])

    assert list(found.packages.items()) == [
        ("mine", "0.1.dev0+g12"),
        ("numpy", "2.1.0"),
        ("typing-extensions", "4.12.2"),
    ]
    assert found.editable == {"mine": "file:///home/ana/mine"}
    assert (found.python, found.executable) == ("3.12.4", python)


def test_the_fingerprint_changes_with_a_package_and_so_does_the_list(python, tmp_path):
    before = packages.record([python])

    (tmp_path / "lib" / "python3.12" / "site-packages" / "pandas-2.2.0.dist-info").mkdir()
    after = packages.record([python])

    assert before.fingerprint != after.fingerprint
    assert set(after.packages) - set(before.packages) == {"pandas"}


def test_our_own_environment_has_what_runs_notebooks():
    found = packages.record([sys.executable, "-m", "ipykernel_launcher", "-f", "x"])

    assert {"papermill", "ipykernel"} <= set(found.packages)
    assert found.versions["papermill"] == found.packages["papermill"]
    assert found.editable["nightbook"].startswith("file://")


def test_a_kernel_of_another_language_has_no_packages():
    found = packages.record(["/usr/bin/bash_kernel"])

    assert (found.packages, found.python, found.fingerprint) == ({}, None, None)
    assert found.kernel_release
