"""Output that belongs elsewhere than to the cell that runs: a thread's, a widget's."""

import nbformat
import pytest

pytestmark = pytest.mark.usefixtures("worker")

WIDGETS = "application/vnd.jupyter.widget-state+json"
ENTER = 'show(get_ipython().kernel.get_parent()["header"]["msg_id"])'
#: What `ipywidgets.Output` says to a front end when it is made, entered and left.
OUTPUT_WIDGET = f"""
import sys
from comm import create_comm
model = dict(_model_name="OutputModel", _model_module="@jupyter-widgets/output")
state = dict(model, outputs=[], msg_id="")
made = create_comm(target_name="jupyter.widget", data=dict(state=state, buffer_paths=[]))
def show(msg_id):
    sys.stdout.flush()
    made.send(dict(method="update", state=dict(msg_id=msg_id), buffer_paths=[]))
{ENTER}
print("inside")
show("")
print("outside")
"""


def printed(run):
    code = [cell for cell in run.copy["cells"] if cell["cell_type"] == "code"]
    return ["".join(one.get("text", "") for one in cell["outputs"]) for cell in code]


def succeeded(server, run):
    server.wait_for(run)
    nbformat.validate(run.copy)
    assert run.finish.state == "succeeded", run.finish.reason


def test_what_comes_after_its_cell_has_ended_is_shown_in_the_cell_that_it_names(server):
    start = (
        "import contextvars, threading\ngo = threading.Event()\n"
        "def late():\n    go.wait(); print('late')\n"
        "thread = threading.Thread(target=contextvars.copy_context().run, args=[late])\n"
        "thread.start(); print('started')"
    )
    run = server.queue_run(start, "print('second'); go.set(); thread.join()", "print('third')")

    succeeded(server, run)

    assert printed(run) == ["started\nlate\n", "second\n", "third\n"]


def test_what_is_printed_within_an_output_widget_is_its_state_and_not_the_cells(server):
    run = server.queue_run(OUTPUT_WIDGET)

    succeeded(server, run)

    assert printed(run) == ["outside\n"]
    (widget,) = run.copy["metadata"]["widgets"][WIDGETS]["state"].values()
    assert [one["text"] for one in widget["state"]["outputs"]] == ["inside\n"]


def test_widgets_of_a_run_that_fails_are_kept_too(server):
    run = server.queue_run(OUTPUT_WIDGET + "1/0")

    server.wait_for(run)

    assert (run.finish.state, run.finish.class_) == ("failed", "code")
    assert len(run.copy["metadata"]["widgets"][WIDGETS]["state"]) == 1


def test_a_message_that_makes_no_sense_does_not_stop_the_reading(server):
    nonsense = OUTPUT_WIDGET.replace(
        'show(get_ipython().kernel.get_parent()["header"]["msg_id"])', 'show("")'
    )
    run = server.queue_run(nonsense, "print('still heard')")

    succeeded(server, run)

    assert printed(run) == ["inside\noutside\n", "still heard\n"]
