"""Where a notebook lies in a repository: commit, remote and whether its folder has changes.

Asked of git itself, when the notebook is uploaded. It takes a second at most, asks nobody for a password,
runs no hook or program that the repository names, and where git says nothing there is nothing to tell.
"""

import os
import subprocess
import time
from pathlib import Path

from nightbook.core.remotes import without_credentials
from nightbook.schemas.notebooks import GitDraft

_SECONDS = 1.0
_QUIET = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "-c", "credential.helper=")
_ENVIRONMENT = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_ASKPASS": "", "LC_ALL": "C"}


def git_of(folder: Path) -> GitDraft | None:
    """The state of the repository around *folder*; None where there is none, or git cannot say."""
    until = time.monotonic() + _SECONDS
    commit = _ask(folder, until, "rev-parse", "--verify", "HEAD")
    if not commit:
        return None
    remote = _ask(folder, until, "config", "--get", "remote.origin.url")
    changes = _ask(folder, until, "status", "--porcelain", "--", ".")
    try:
        return GitDraft(
            commit=commit,
            remote=without_credentials(remote) if remote else None,
            is_dirty=None if changes is None else bool(changes),
        )
    except ValueError:
        return None


def _ask(folder: Path, until: float, *words: str) -> str | None:
    """What git answers; None where it fails, is not there, or the time is up."""
    try:
        answer = subprocess.run(
            ["git", *_QUIET, *words],
            cwd=folder,
            env={**os.environ, **_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=max(0.01, until - time.monotonic()),
            check=True,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return answer.stdout.strip()
