"""The check-up of forked kernels: how each kernel of this machine starts, and why so."""

import json

import pytest


def kernel_of(said, name):
    items = said.json if isinstance(said.json, list) else said.json["items"]
    return next(check for check in items if check["name"] == f"kernel {name}")


@pytest.fixture
def own_kernel(tmp_path, monkeypatch):
    """A kernelspec named `own`, with the fields that a test gives it."""

    def make(argv, **fields):
        folder = tmp_path / "share" / "kernels" / "own"
        folder.mkdir(parents=True)
        spec = {"argv": argv, "display_name": "own", "language": "python", **fields}
        (folder / "kernel.json").write_text(json.dumps(spec))
        monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))

    return make


LAUNCH = ["/opt/x/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]


def test_a_kernel_without_a_worker_yet_can_be_forked(bare, own_kernel):
    own_kernel(LAUNCH)

    check = kernel_of(bare("doctor", "--output", "json"), "own")

    assert (check["verdict"], check["message"].partition(";")[0]) == ("ok", "can be forked")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"language": "R"}, "not Python"),
        ({"env": {"PYTHONHASHSEED": "0"}}, "PYTHONHASHSEED must be set before Python starts"),
        (
            {"metadata": {"kernel_provisioner": {"provisioner_name": "local-provisioner"}}},
            "a provisioner of its own",
        ),
    ],
)
def test_a_kernel_that_is_not_forked_is_told_with_the_reason(bare, own_kernel, fields, why):
    own_kernel(LAUNCH, **fields)

    check = kernel_of(bare("doctor", "--output", "json"), "own")

    assert check["verdict"] == "ok"
    assert check["message"].startswith("ordinary start: ")
    assert why in check["message"]


def test_forking_that_is_switched_off_is_told_for_each_kernel(bare, own_kernel, monkeypatch):
    own_kernel(LAUNCH)
    monkeypatch.setenv("NIGHTBOOK_FORK_KERNELS", "false")

    check = kernel_of(bare("doctor", "--output", "json"), "own")

    assert check["message"] == "ordinary start: NIGHTBOOK_FORK_KERNELS is off"
