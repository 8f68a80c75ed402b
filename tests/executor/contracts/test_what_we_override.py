"""Names of other people's libraries that we override or rely on though nobody promised them.

When one of these fails, a library has changed under us: read what its release says about the name, then
look at the module of ours that the test names. Run on the lowest and the highest versions that we allow.
"""

import asyncio
import inspect
import sys
from pathlib import Path
from typing import ClassVar

import ipykernel_launcher
import nbformat
import papermill
import pytest
from ipykernel import ipkernel
from ipykernel.iostream import OutStream
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from IPython.core.application import BaseIPythonApplication
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from jupyter_client.session import Session
from nbclient import NotebookClient
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NBClientEngine, NotebookExecutionManager, papermill_engines
from papermill.iorw import LocalHandler, papermill_io
from traitlets.config import Application

from nightbook_executor.kernels.provisioner import NAME, NightbookProvisioner
from nightbook_executor.runner import Runner
from nightbook_executor.statuses import Statuses


def parameters(function):
    return list(inspect.signature(function).parameters)


# ---------------------------------------- papermill: engine.py, statuses.py, runner.py


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (NBClientEngine.execute_notebook, ["nb", "kernel_name"]),
        (NBClientEngine.execute_managed_notebook, ["nb_man", "kernel_name"]),
        (
            NotebookExecutionManager.__init__,
            ["self", "nb", "output_path", "progress_bar", "autosave_cell_every"],
        ),
        (NotebookExecutionManager.cell_start, ["self", "cell", "cell_index"]),
        (NotebookExecutionManager.cell_exception, ["self", "cell", "cell_index"]),
        (NotebookExecutionManager.cell_complete, ["self", "cell", "cell_index"]),
        (PapermillNotebookClient.__init__, ["self", "nb_man", "km"]),
        (LocalHandler.write, ["self", "buf", "path"]),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_papermill_takes_what_we_give(function, wanted):
    found = [name for name in parameters(function) if name != "cls"]
    assert [name for name in found if name in wanted] == wanted


def test_papermill_has_the_methods_that_our_engine_overrides():
    assert issubclass(NBClientEngine, Engine)
    for name in ("save", "autosave_cell", "notebook_start", "notebook_complete", "now"):
        assert callable(getattr(NotebookExecutionManager, name)), name
    for name in ("execute", "papermill_execute_cells"):
        assert callable(getattr(PapermillNotebookClient, name)), name
    assert not asyncio.iscoroutinefunction(PapermillNotebookClient.execute)
    assert papermill_engines.get_engine("nightbook").__name__ == "NightbookEngine"


def test_papermill_still_calls_what_we_override(tmp_path, monkeypatch):
    """Our overrides are no dead code: papermill comes through each of them."""
    called = []
    for owner, name in (
        (Statuses, "notebook_start"),
        (Statuses, "cell_start"),
        (Statuses, "cell_complete"),
        (Statuses, "notebook_complete"),
        (Runner, "execute"),
    ):
        original = getattr(owner, name)

        def spy(self, *args, _name=name, _original=original, **kwargs):
            called.append(_name)
            return _original(self, *args, **kwargs)

        monkeypatch.setattr(owner, name, spy)
    papermill.execute_notebook(
        notebook("1"), str(tmp_path / "out.ipynb"), engine_name="nightbook", progress_bar=False
    )
    assert called == ["notebook_start", "execute", "cell_start", "cell_complete", "notebook_complete"]


def notebook(*sources):
    spec = {"name": "python3", "display_name": "Python", "language": "python"}
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec})


def test_papermill_registers_our_handler_of_files(tmp_path):
    assert type(papermill_io.get_handler(str(tmp_path / "x.ipynb"))).__name__ == "WholeFileHandler"


# ---------------------------------------- nbclient: runner.py


def test_nbclient_has_what_our_runner_leans_on():
    client = NotebookClient(notebook("1"))
    for name in ("handle_comm_msg", "set_widgets_metadata", "reset_execution_trackers"):
        assert callable(getattr(client, name)), name
    client.reset_execution_trackers()
    for name in ("output_hook_stack", "widget_state", "comm_objects", "skip_cells_with_tag", "allow_errors"):
        assert hasattr(client, name), name
    assert parameters(client.handle_comm_msg) == ["outs", "msg", "cell_index"]


# ---------------------------------------- jupyter_client: kernel.py, wire.py, provisioner.py


def test_jupyter_client_starts_kernels_through_a_provisioner_that_we_may_choose():
    assert "default_provisioner_name" in KernelProvisionerFactory.class_trait_names()
    for name in ("poll", "wait", "send_signal", "kill", "terminate", "cleanup", "launch_kernel"):
        assert asyncio.iscoroutinefunction(getattr(LocalProvisioner, name)), name
    assert parameters(LocalProvisioner.launch_kernel) == ["self", "cmd", "kwargs"]
    assert isinstance(inspect.getattr_static(LocalProvisioner, "has_process"), property)
    assert KernelProvisionerFactory.instance().is_provisioner_available(_Spec())


def test_jupyter_client_sleeps_around_a_start_that_we_can_call_without_it():
    start = AsyncKernelManager.start_kernel
    assert start.__wrapped__.__name__ == "_async_start_kernel"  # type: ignore[attr-defined]
    assert "sleep(0.01)" in inspect.getsource(inspect.getmodule(start).in_pending_state)
    assert asyncio.iscoroutinefunction(start.__wrapped__)  # type: ignore[attr-defined]


def test_ipykernel_ends_its_children_in_the_method_that_a_forked_kernel_spares():
    method = IPythonKernel._progressively_terminate_all_children
    assert asyncio.iscoroutinefunction(method)
    assert method.__name__ in inspect.getsource(IPythonKernel._at_shutdown)


def test_ipykernel_parses_its_options_in_the_method_that_a_forked_kernel_spares():
    assert "self.parse_command_line(argv)" in inspect.getsource(BaseIPythonApplication.initialize)
    taken = inspect.getsource(inspect.unwrap(Application.parse_command_line))
    for told in ("self.argv =", "self.extra_args =", "self.cli_config =", "self.update_config("):
        assert told in taken


def test_ipykernel_lists_modules_where_a_forked_kernel_shows_it_none():
    assert ipkernel.sys is sys
    listed = inspect.getsource(IPythonKernel.__init__).count("sys.modules")  # not before 7.1
    assert inspect.getsource(ipkernel).count("sys.modules") == listed <= 1  # nothing else is shown none


class _Spec:
    """A kernelspec that asks for our provisioner."""

    metadata: ClassVar = {"kernel_provisioner": {"provisioner_name": NAME}}


def test_the_connection_that_a_provisioner_returns_wins(tmp_path):
    """Our forked kernels bring sockets of their own."""
    source = inspect.getsource(AsyncKernelManager._async_launch_kernel)
    assert "_reconcile_connection_info" in source
    assert NAME == "nightbook"
    assert issubclass(NightbookProvisioner, LocalProvisioner)


def test_jupyter_client_has_the_methods_of_manager_client_and_session_that_we_call():
    for name in ("start_kernel", "interrupt_kernel", "request_shutdown", "cleanup_resources", "is_alive"):
        assert callable(getattr(AsyncKernelManager, name)), name
    for name in ("kernel_info", "execute", "start_channels", "stop_channels"):
        assert callable(getattr(AsyncKernelClient, name)), name
    assert {"shell", "iopub", "stdin", "hb", "control"} <= set(parameters(AsyncKernelClient.start_channels))
    session = Session(key=b"k")
    frames = session.serialize(session.msg("status", {"a": 1}))
    _, parts = session.feed_identities(frames)
    # signature, header, parent header, metadata, content: wire.py reads them by their places.
    assert session.unpack(parts[1])["msg_type"] == "status"
    assert session.unpack(parts[2]) == {}
    assert session.deserialize(parts)["content"] == {"a": 1}


# ---------------------------------------- ipykernel: kernels/forked.py, kernels/zygote.py


def test_ipykernel_can_be_initialised_apart_from_its_start():
    traits = IPKernelApp.class_trait_names()
    assert {"parent_handle", "connection_file", "quiet"} <= set(traits)
    for name in ("initialize", "start", "close", "init_sockets", "init_io", "init_kernel"):
        assert callable(getattr(IPKernelApp, name)), name
    assert parameters(IPKernelApp.init_iopub) == ["self", "context"]
    source = inspect.getsource(IPKernelApp)
    for word in ("control_thread", "iopub_thread", "atexit.register(self.close)"):
        assert word in source, word


def test_ipykernels_streams_are_what_we_mend():
    assert isinstance(OutStream.flush_interval, float)
    assert parameters(OutStream.write) == ["self", "string"]
    assert "_original_stdstream_copy" in inspect.getsource(OutStream)
    assert Path(ipykernel_launcher.__file__).name == "ipykernel_launcher.py"
