"""A process with threads must not fork, so only three files may: child server, zygote and guard."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
FORKING = {"child_server.py", "guard.py", "kernels/zygote.py"}
_FORKS = {"fork", "forkpty"}


def test_only_child_server_zygote_and_guard_fork():
    package = ROOT / "executor" / "nightbook_executor"

    found = {str(path.relative_to(package)) for path in package.rglob("*.py") if _forks(path)}

    assert found == FORKING


def test_nothing_else_of_ours_forks():
    every = [path for part in ("server", "extension/nightbook_lab") for path in (ROOT / part).rglob("*.py")]

    assert every
    assert not [str(path) for path in every if _forks(path)]


def _forks(path: Path) -> bool:
    return any(_is_fork(node) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def _is_fork(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.value.id == "os" and node.attr in _FORKS
    if isinstance(node, ast.ImportFrom):
        names = {name.name for name in node.names}
        return (node.module == "os" and bool(names & _FORKS)) or _is_multiprocessing(node.module or "")
    return isinstance(node, ast.Import) and any(_is_multiprocessing(name.name) for name in node.names)


def _is_multiprocessing(name: str) -> bool:
    return name.partition(".")[0] == "multiprocessing" or name == "concurrent.futures.process"
