"""Hundreds of random mutations of valid bodies and queries: none of them is our mistake (row 132)."""

import copy
import json

import pytest
from bad_world import LISTS, READS, RUN, SCHEDULE, UNKNOWN, UPLOAD, VALID, WORKER, changed, check_refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# ---------------------------------------------------------------- 132: mutations of valid bodies

_TRICKY = st.sampled_from(
    [
        *[
            "",
            " ",
            "0",
            "null",
            "\x00",
            "\ud800",
            "\u202e",
            "../x",
            "a/b",
            "{x}",
            "%s",
            "'; --",
            "x" * 300,
            "🌙",
            "é",
            "e\u0301",
        ],
        *["2027-01-01T00:00:00Z", "P1D", "* * * * *", "UTC", "reports/daily.ipynb", UNKNOWN, "a" * 64],
    ]
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=20),
    _TRICKY,
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | _TRICKY, inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value, here=()):
    """Every path into a JSON value."""
    yield here
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*here, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from places(item, (*here, number))


def mutate(draw, body):
    """Replace, drop or add something at one to three places of *body*."""
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(list(places(body))))
        if not place:
            continue
        parent = body
        for part in place[:-1]:
            parent = parent[part]
        how = draw(st.sampled_from(["replace", "drop", "add"]))
        if how == "replace":
            parent[place[-1]] = draw(_VALUES)
        elif how == "drop":
            del parent[place[-1]]
        elif isinstance(parent, dict):
            parent[draw(st.text(max_size=8) | _TRICKY)] = draw(_VALUES)
        else:
            parent.append(draw(_VALUES))


@st.composite
def mutated_bodies(draw):
    path = draw(st.sampled_from(sorted(VALID)))
    body = copy.deepcopy(VALID[path])
    mutate(draw, body)
    return path, body


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


@pytest.mark.usefixtures("untidy")  # a mutation may be valid still, and then it makes something
class TestMutations:
    @settings(
        max_examples=400,
        deadline=None,
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.function_scoped_fixture,
            HealthCheck.data_too_large,
        ],
    )
    @given(case=mutated_bodies())
    def test_132_no_mutation_of_a_valid_body_is_our_mistake(self, world, case):
        path, body = case
        token = world.worker if path.startswith("/worker") else world.admin

        answer = world.ask(
            "POST", path, content=json.dumps(body), token=token, headers={"content-type": "application/json"}
        )

        assert answer.status_code < 500, (path, body, answer.text)
        if answer.status_code >= 400:
            check_refused(answer, {400, 403, 404, 409, 413, 422})

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        path=st.sampled_from(LISTS + READS),
        query=st.dictionaries(
            st.sampled_from(
                [
                    "limit",
                    "cursor",
                    "q",
                    "state",
                    "owner",
                    "tag",
                    "since",
                    "until",
                    "schedule_id",
                    "sort",
                    "notebook",
                ]
            ),
            st.text(max_size=30).filter(lambda text: text.isprintable())
            | st.sampled_from(["1", "2026-01-01T00:00:00Z", "%", "_"]),
            max_size=3,
        ),
    )
    def test_132_no_query_is_our_mistake(self, world, path, query):
        answer = world.ask("GET", world.fill(path), params=query)

        assert answer.status_code in {200, 400, 404, 422}, (path, query, answer.text)

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(journal=mutated_journals(), state=st.sampled_from(sorted(CLASSES)))
    def test_132_no_journal_breaks_a_view_of_its_run(self, world, journal, state):
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

    def test_the_next_valid_request_works(self, world):
        assert world.post("/notebooks", UPLOAD).json()["sha256"] == world.version["sha256"]
        assert world.post("/schedules", changed(SCHEDULE, name="Another")).status_code == 201
        assert world.post("/runs", changed(RUN, parameters={"region": "south"})).status_code == 201
