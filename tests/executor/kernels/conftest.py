"""One zygote for all tests of forked kernels."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

import house


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """Where the zygotes of the session listen."""
    with house.zygotes(tmp_path_factory.mktemp("zygotes")) as made:
        yield made.base


@pytest.fixture
def run(base, tmp_path):
    """Run cells with a forked kernel, and see that it was one."""

    def forked(*sources, **fields):
        ran = house.run(base, tmp_path / "work", *sources, **fields)
        assert ran.kernel.get("kernel_start") in {"forked", "pool"}, ran.kernel
        return ran

    return forked
