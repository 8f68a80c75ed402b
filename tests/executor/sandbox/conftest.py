"""What a machine must have for these tests. A person may lack it, continuous integration may not."""

import os
import shutil

import pytest


@pytest.fixture(scope="session")
def needs_bubblewrap() -> None:
    in_ci = os.environ.get("CI", "").lower() in {"1", "true"}
    if shutil.which("bwrap") is None and not in_ci:
        pytest.skip("there is no 'bwrap'; install the package bubblewrap")
