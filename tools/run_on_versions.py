"""Runs the contract tests of the engine on the lowest and on the highest versions that pyproject.toml allows.

Each gets a small virtual environment of its own with our wheel, its extra `worker` and pytest. Lowest are
the lower bounds of that extra, highest what pip finds without constraints; where these are the ones that are
installed here, on which all tests run anyway, they are not tested twice. `--junitxml FILE` gets the tests of
both; further arguments go to pytest.
"""

# ruff: noqa: T201, S314 -- it speaks on the terminal, and reads only reports that our own tests wrote

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import xml.etree.ElementTree as ElementTree
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / ".stamps" / "versions"
TOOLS = ["pytest", "pytest-timeout", "pytest-xdist"]
# Forked kernels are told apart by what numpy holds; %store of an early IPython needs pickleshare.
FOR_TESTS = ["numpy", "pickleshare"]
TESTS = [
    "tests/executor/contracts",
    "tests/executor/kernels/test_forked.py",
    "tests/executor/test_engine.py",
    "tests/executor/test_iohandler.py",
    "tests/executor/test_papermill_examples.py",
]
SHOWN = ("papermill", "nbclient", "nbformat", "jupyter_client", "ipykernel", "ipython", "pyzmq")


def lowest() -> list[str]:
    """The lower bounds of the extra `worker`, as constraints."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bounds = []
    for requirement in project["optional-dependencies"]["worker"]:
        found = re.match(r"([\w.-]+)(?:\[[\w,]+\])?>=([\w.]+)", requirement)
        if found is None:
            sys.exit(f"✗ {requirement!r} of the extra `worker` has no lower bound")
        bounds.append(f"{found[1]}=={found[2]}")
    return bounds


def wheel() -> Path:
    """Build our wheel with the pages as they are."""
    folder = PLACE / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    return next(folder.glob("*.whl"))


def pip(*arguments: str, python: Path | None = None) -> None:
    """Run pip quietly, here or for the environment of *python*."""
    for_other = ["--python", str(python)] if python else []
    argv = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *for_other, *arguments]
    environment = {**os.environ, "SKIP_JUPYTER_BUILDER": "1"}
    done = subprocess.run(argv, env=environment, text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stderr}✗ pip could not: {' '.join(arguments)}")


def environment(name: str, ours: Path, constraints: list[str]) -> Path:
    """A fresh virtual environment; return its Python."""
    folder = PLACE / name
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    bounds = PLACE / f"{name}.txt"
    bounds.write_text("\n".join([*constraints, ""]), encoding="utf-8")
    pip("install", f"{ours}[worker]", *TOOLS, *FOR_TESTS, "--constraint", str(bounds), python=python)
    return python


def newer(ours: Path) -> list[str]:
    """Which libraries of the extra `worker` pip would install otherwise than here, as `name version`."""
    argv = [sys.executable, "-m", "pip", "--quiet", "install", "--dry-run", "--ignore-installed"]
    argv += ["--report", "-", f"{ours}[worker]"]
    done = subprocess.run(argv, text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stderr}✗ pip could not say what it would install")
    wanted = [one["metadata"] for one in json.loads(done.stdout)["install"]]
    names = {canonical(bound.partition("==")[0]) for bound in lowest()}
    found = {(canonical(one.name), one.version) for one in metadata.distributions()}
    return sorted(
        f"{one['name']} {one['version']}"
        for one in wanted
        if canonical(one["name"]) in names and (canonical(one["name"]), one["version"]) not in found
    )


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def versions(python: Path) -> str:
    code = (
        "import importlib.metadata as m, sys; print(*(f'{n} {m.version(n)}' for n in sys.argv[1:]), sep=', ')"
    )
    done = subprocess.run([python, "-c", code, *SHOWN], text=True, capture_output=True, check=True)
    return done.stdout.strip()


def tests(python: Path, report: Path, further: list[str]) -> int:
    # The conftest of all tests wants the server, which is not installed there.
    argv = [
        str(python),
        "-m",
        "pytest",
        "-q",
        "-n",
        "2",
        "-p",
        "no:cacheprovider",
        "--confcutdir=tests/executor",
    ]
    path = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
    command = [*argv, f"--junitxml={report}", *TESTS, *further]
    return subprocess.call(command, cwd=ROOT, env={**variables, "PATH": path})


def joined(reports: list[Path], target: Path) -> None:
    both = ElementTree.Element("testsuites")
    for report in reports:
        if report.exists():
            both.extend(ElementTree.parse(report).getroot().iter("testsuite"))
    ElementTree.ElementTree(both).write(target, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--junitxml", type=Path)
    parser.add_argument("--only", choices=["lowest", "highest"])
    options, further = parser.parse_known_args()
    PLACE.mkdir(parents=True, exist_ok=True)
    ours = wheel()
    codes, reports = [], []
    for name, constraints in (("lowest", lowest()), ("highest", [])):
        if options.only not in (None, name):
            continue
        if name == "highest" and options.only is None:
            changed = newer(ours)
            if not changed:
                print("  highest: the ones that are installed here, on which all tests run", flush=True)
                continue
            print(f"  newer than here: {', '.join(changed)}", flush=True)
        began = time.monotonic()
        python = environment(name, ours, constraints)
        print(f"  {name} (installed in {time.monotonic() - began:.0f} s): {versions(python)}", flush=True)
        reports.append(PLACE / f"{name}.xml")
        reports[-1].unlink(missing_ok=True)
        codes.append(tests(python, reports[-1], further))
        if codes[-1]:
            print(f"✗ on the {name} versions: see above; alone: {Path(__file__).name} --only {name}")
    if options.junitxml:
        joined(reports, options.junitxml)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
