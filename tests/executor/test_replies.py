"""What a kernel answers is heard, on sockets whose other end a test holds."""

import asyncio
import time

import nbformat
import papermill
import pytest
import zmq
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.session import Session

from nightbook_executor import wire as wires
from nightbook_executor.execution import Execution
from nightbook_executor.wire import Wire


class Far:
    """A kernel's end of the channels."""

    def __init__(self, folder):
        self.session = Session(key=b"a key")
        self.context = zmq.Context()
        self.shell = self.context.socket(zmq.ROUTER)
        self.iopub = self.context.socket(zmq.XPUB)
        self.shell.bind(f"ipc://{folder}/k-1")
        self.iopub.bind(f"ipc://{folder}/k-2")
        self.client = AsyncKernelClient(
            transport="ipc", ip=f"{folder}/k", session=Session(key=b"a key"),
            shell_port=1, iopub_port=2, stdin_port=3, hb_port=4, control_port=5,
        )  # fmt: skip
        self.client.start_channels(hb=False, stdin=False, control=False)

    def heard(self):
        """The next request, with the identity of who sent it."""
        assert self.shell.poll(5_000)
        who, parts = self.session.feed_identities(self.shell.recv_multipart())
        return who, self.session.deserialize(parts)

    def answer(self, who, request):
        self.session.send(self.shell, "kernel_info_reply", {}, parent=request, ident=who)
        time.sleep(0.1)  # until it has arrived, with nobody there to hear it

    def tell(self, request, state):
        self.session.send(
            self.iopub, "status", {"execution_state": state}, parent=request, ident=b"kernel.status"
        )

    def close(self):
        self.client.stop_channels()
        self.client.context.destroy(linger=0)
        self.context.destroy(linger=0)


@pytest.fixture
def far(tmp_path):
    end = Far(tmp_path)
    yield end
    end.close()


def conversation(far, story):
    async def held():
        wire = Wire(far.client, lambda *_: None, lambda *_: False, lambda *_: None)
        await asyncio.sleep(0.05)  # the pumps wait
        try:
            await story(wire)
        finally:
            await wire.close()

    asyncio.run(held())


def test_a_reply_that_arrives_while_something_is_sent_is_heard(far):
    async def story(wire):
        request = wire.ask_kernel_info()
        who, message = far.heard()
        await asyncio.sleep(0.05)
        far.answer(who, message)
        far.client.shell_channel.send(far.client.session.msg("comm_msg", {}))

        await asyncio.wait_for(request.replied.wait(), 5)

    conversation(far, story)


def test_a_reply_that_is_no_message_does_not_end_the_listening(far):
    async def story(wire):
        request = wire.ask_kernel_info()
        who, message = far.heard()
        far.shell.send_multipart([*who, b"no message"])
        far.answer(who, message)

        await asyncio.wait_for(request.replied.wait(), 5)

    conversation(far, story)


def test_what_has_a_reply_and_output_that_goes_on_is_waited_for(far, monkeypatch):
    monkeypatch.setattr(wires, "_SILENT_SECONDS", 2)

    async def story(wire):
        request = wire.ask_kernel_info()
        who, message = far.heard()
        far.answer(who, message)
        ended = asyncio.create_task(wire.ended(request))
        for _ in range(8):
            far.tell(message, "busy")
            await asyncio.sleep(0.5)
        assert not ended.done()

        far.tell(message, "idle")
        await asyncio.wait_for(ended, 5)
        assert request.finished.is_set()

    conversation(far, story)


def test_what_has_a_reply_and_silence_is_not_waited_for_without_an_end(far, monkeypatch):
    monkeypatch.setattr(wires, "_SILENT_SECONDS", 2)

    async def story(wire):
        request = wire.ask_kernel_info()
        far.answer(*far.heard())

        await asyncio.wait_for(wire.ended(request), 20)
        assert not request.finished.is_set()

    conversation(far, story)


def test_a_kernel_whose_output_stops_for_ever_fails_its_run(tmp_path, monkeypatch):
    monkeypatch.setattr(wires, "_SILENT_SECONDS", 2)
    stop = """
import sys, time
sys.stdout.flush_timeout = sys.stderr.flush_timeout = 0.1
get_ipython().kernel.iopub_thread.schedule(lambda: time.sleep(600))
"""
    cells = [nbformat.v4.new_code_cell(source) for source in (stop, "print('never')")]
    spec = {"name": "python3", "display_name": "Python", "language": "python"}
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec}), tmp_path / "in.ipynb"
    )
    execution = Execution()

    with pytest.raises(papermill.PapermillExecutionError, match="SilentKernelError"):
        papermill.execute_notebook(
            str(tmp_path / "in.ipynb"),
            str(tmp_path / "out.ipynb"),
            engine_name="nightbook",
            progress_bar=False,
            execution=execution,
        )

    ending = execution.ending
    assert (ending.state, ending.class_, ending.cell) == ("failed", "kernel_died", 0)
    assert "its output channel has been silent" in ending.reason
