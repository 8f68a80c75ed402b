"""What a notebook prints reaches its journal, so no line of one may break a page, a log or a copy."""

import copy
import json

from bad_world import RUN, UNKNOWN, WORKER, changed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutation import mutate

SHOWN = {"output_type": "display_data", "metadata": {}}
JOURNAL = [
    {"k": "begin", "version": 1, "run": UNKNOWN, "attempt": 1, "fence": 1, "source": "a" * 64}
    | {"ids": ["params", "work"], "at": "2027-01-01T00:00:00Z", "versions": {"papermill": "2.7"}}
    | {
        "injected": {"index": 1, "id": "injected", "source": "region = 'south'"},
        "parameters": {"region": "south"},
    },
    {"k": "kernel", "name": "python3", "language": "python", "python": "3.11", "pid": 5},
    {"k": "cell", "i": 0, "at": "2027-01-01T00:00:01Z"},
    {"k": "text", "i": 0, "name": "stdout", "s": "hello\x1b[31m\n"},
    {"k": "out", "i": 0, "display_id": "d"}
    | {
        "o": {
            "output_type": "display_data",
            "data": {"text/plain": "x", "text/html": "<b>x</b>"},
            "metadata": {},
        }
    },
    {
        "k": "update",
        "display_id": "d",
        "o": {"output_type": "display_data", "data": {"image/png": "iVBORw0K"}, "metadata": {}},
    },
    {"k": "cut", "i": 0, "what": "text", "kept": 5, "dropped": 7},
    {"k": "done", "i": 0, "status": "ok", "execution_count": 1, "started": 5, "ended": 9},
    {"k": "cell", "i": 1, "at": "2027-01-01T00:00:02Z"},
    {"k": "clear", "i": 1, "wait": False},
    {
        "k": "out",
        "i": 1,
        "o": {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[0;31mE"]},
    },
    {"k": "done", "i": 1, "status": "error", "execution_count": 2, "started": 9, "ended": 12}
    | {"error": {"ename": "E", "evalue": "v"}},
    {"k": "stop", "step": "interrupt", "cause": "cancel"},
    {"k": "usage", "peak_memory": 5, "cpu": 0.5},
    {"k": "note", "s": "odd"},
    {"k": "widgets", "state": {"a": {"model_name": "X"}}},
    {"k": "end", "state": "failed", "class": "code", "reason": "E: v", "cell": 1},
]


@st.composite
def mutated_journals(draw):
    records = copy.deepcopy(JOURNAL)
    for number in draw(st.sets(st.integers(0, len(records) - 1), min_size=1, max_size=4)):
        mutate(draw, records[number])
    # The counting stays whole, so that reading does not stop at the first wrong record.
    lines = [json.dumps({"n": n, "t": n, **record}) for n, record in enumerate(records)]
    return "".join(f"{line}\n" for line in lines).encode()


COPIES = ["/notebook", "/notebook.html", "/notebook.html?code=hidden"]
VIEWS = ["", "/cells", "/log", "/artifacts", "/manifest", *COPIES]
CLASSES = {"failed": "code", "timed_out": "timeout", "cancelled": None}


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(journal=mutated_journals(), state=st.sampled_from(sorted(CLASSES)))
def test_132_no_journal_breaks_a_view_of_its_run(world, journal, state):
    run = world.post("/runs", changed(RUN, priority=100)).json()["id"]
    order = world.post("/worker/claim", {"worker_id": WORKER}, token=world.worker).json()["order"]
    assert order["run_id"] == run
    attempt = f"/worker/attempts/{order['attempt_id']}"

    sent = world.ask(
        "PUT", f"{attempt}/journal?fence={order['fence']}&offset=0", content=journal, token=world.worker
    )
    answers = [world.ask("GET", f"/runs/{run}{view}") for view in VIEWS]
    ended = {"fence": order["fence"], "state": state, "class": CLASSES[state]}
    world.post(f"{attempt}/finish", ended, token=world.worker)
    answers += [world.ask("GET", f"/runs/{run}{view}") for view in VIEWS]

    assert sent.status_code == 200, sent.text
    assert {answer.status_code for answer in answers} <= {200, 404}, journal
