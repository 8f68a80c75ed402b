"""Which kernels may be forked, and when an environment is another one than before."""

import os
import sys
from pathlib import Path

import pytest

from nightbook_executor.kernels import environments
from nightbook_executor.kernels.environments import Environment, environment_of

LAUNCH = ["-m", "ipykernel_launcher", "-f", "c.json"]


@pytest.fixture
def prefix(tmp_path):
    """An environment with one package, as far as its folders tell."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib/python3.11/site-packages/one-1.0.dist-info").mkdir(parents=True)
    return tmp_path


def fingerprint(prefix: Path) -> str:
    return Environment(str(prefix / "bin/python")).fingerprint


@pytest.mark.parametrize("options", [[], ["-Xfrozen_modules=off"]])
def test_ipykernels_launcher_is_forked(options):
    assert environment_of(["/opt/x/bin/python3.12", *options, *LAUNCH]) == Environment(
        "/opt/x/bin/python3.12", tuple(options)
    )


def test_a_bare_python_is_the_one_that_runs_the_worker():
    assert environment_of(["python", *LAUNCH]) == Environment(sys.executable)


@pytest.mark.parametrize(
    ("argv", "language", "why"),
    [
        (["/opt/R", "--slave", "-e", "IRkernel::main()"], "R", "not Python"),
        (["/opt/x/bin/python", "-m", "bash_kernel", "-f", "c.json"], "bash", "not Python"),
        ([], "python", "not Python"),
        (["/opt/x/bin/python", "-m", "xpython_launcher", "-f", "c.json"], "python", "something else"),
        (["/opt/x/bin/python", "-O", *LAUNCH], "python", "something else"),
        (["/opt/x/bin/python", *LAUNCH, "--debug"], "python", "something else"),
        (["/opt/x/bin/conda", "run", "python", *LAUNCH], "python", "not Python"),
    ],
)
def test_everything_else_starts_the_ordinary_way_with_a_reason(argv, language, why):
    assert why in str(environment_of(argv, language))


def test_other_systems_start_the_ordinary_way(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert environment_of(["/opt/x/bin/python", *LAUNCH]) == "only Linux kernels are forked"


@pytest.mark.parametrize(
    "name", ["PYTHONHASHSEED", "LD_PRELOAD", "OMP_NUM_THREADS", "NUMBA_CACHE_DIR", "LC_ALL", "MPLCONFIGDIR"]
)
def test_what_must_be_set_before_python_starts_is_not_forked(name):
    zygote = {"HOME": "/a", "LANG": "C.UTF-8"}

    assert name in str(environments.changed_too_late({**zygote, name: "1"}, zygote))
    assert name in str(environments.changed_too_late(zygote, {**zygote, name: "1"}))
    assert environments.changed_too_late({**zygote, name: "1"}, {**zygote, name: "1"}) is None


def test_other_variables_may_differ():
    assert environments.changed_too_late({"HOME": "/b", "MY_LANG": "x"}, {"HOME": "/a"}) is None


def test_a_package_that_comes_goes_or_is_upgraded_changes_the_fingerprint(prefix):
    packages = prefix / "lib/python3.11/site-packages"
    seen = [fingerprint(prefix)]

    (packages / "two-1.0.dist-info").mkdir()
    seen.append(fingerprint(prefix))
    (packages / "two-1.0.dist-info").rename(packages / "two-1.1.dist-info")
    seen.append(fingerprint(prefix))
    (packages / "project.pth").write_text("/srv/project")
    seen.append(fingerprint(prefix))
    os.utime(packages / "one-1.0.dist-info", (1, 1))  # installed again
    seen.append(fingerprint(prefix))

    assert len(set(seen)) == 5
    (packages / "two.py").write_text("x = 1")
    assert fingerprint(prefix) == seen[-1]


def test_packages_below_the_environment_count_where_it_uses_them(prefix, tmp_path_factory):
    below = tmp_path_factory.mktemp("below")
    (below / "lib/python3.11/site-packages").mkdir(parents=True)
    config = f"home = {below / 'bin'}\ninclude-system-site-packages = {{}}\n"
    (prefix / "pyvenv.cfg").write_text(config.format("true"))
    before = fingerprint(prefix)
    (below / "lib/python3.11/site-packages/three-1.dist-info").mkdir()
    assert fingerprint(prefix) != before

    (prefix / "pyvenv.cfg").write_text(config.format("false"))
    before = fingerprint(prefix)
    (below / "lib/python3.11/site-packages/four-1.dist-info").mkdir()
    assert fingerprint(prefix) == before


def test_each_interpreter_with_its_options_has_a_key_of_its_own(prefix):
    python = str(prefix / "bin/python")
    keys = {
        Environment(python).key,
        Environment(python + "3").key,
        Environment(python, ("-Xfrozen_modules=off",)).key,
    }
    assert len(keys) == 3
    assert Environment(python).key in keys
