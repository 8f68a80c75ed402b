"""The repository itself: one version everywhere, exact pins without addresses, links that lead somewhere."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]


def test_python_package_extension_and_changelog_name_the_same_version() -> None:
    extension = json.loads((ROOT / "extension/package.json").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", changelog, re.MULTILINE)

    assert newest is not None
    assert {extension["version"], newest[1]} == {PROJECT["version"]}


def test_every_constraint_is_an_exact_version_and_nothing_else() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)] == []


def test_every_package_that_we_name_is_pinned() -> None:
    pinned = {plain(line) for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()}
    extras = PROJECT["optional-dependencies"].values()
    named = [requirement for group in (PROJECT["dependencies"], *extras) for requirement in group]

    assert {plain(requirement) for requirement in named} - pinned == {"nightbook"}


def plain(requirement: str) -> str:
    """The name in a requirement, as package indexes compare names."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement)[0]).lower()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)|(?:src|srcset)=\"([^\"]+)\"", text)
    links = [a or b for a, b in targets if not re.match(r"[a-z]+:", a or b)]

    assert [link for link in links if not (page.parent / link.strip()).exists()] == []


def test_every_make_target_that_the_pages_name_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    pages = [*PAGES, *(ROOT / "docs").glob("**/*.md")]
    named = {name for page in pages for name in re.findall(r"\bmake ([a-z][a-z-]*)\b`?", code_of(page))}

    assert named - targets == set()


def code_of(page: Path) -> str:
    """The code blocks and code spans of a page, line by line."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", page.read_text(encoding="utf-8"), re.DOTALL))
