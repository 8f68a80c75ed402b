"""Hundreds of random mutations of valid bodies and queries: none of them is our mistake (row 132)."""

import copy
import json

import pytest
from bad_world import LISTS, READS, RUN, SCHEDULE, UPLOAD, VALID, changed, check_refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutation import mutate

# ---------------------------------------------------------------- 132: mutations of valid bodies


@st.composite
def mutated_bodies(draw):
    path = draw(st.sampled_from(sorted(VALID)))
    body = copy.deepcopy(VALID[path])
    mutate(draw, body)
    return path, body


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
                    "from",
                    "to",
                    "timezone",
                ]
            ),
            st.text(max_size=30).filter(lambda text: text.isprintable())
            | st.sampled_from(["1", "2026-01-01T00:00:00Z", "2026-01-01", "9999-12-31", "%", "_"]),
            max_size=3,
        ),
    )
    def test_132_no_query_is_our_mistake(self, world, path, query):
        answer = world.ask("GET", world.fill(path), params=query)

        assert answer.status_code in {200, 400, 404, 422}, (path, query, answer.text)

    def test_the_next_valid_request_works(self, world):
        assert world.post("/notebooks", UPLOAD).json()["sha256"] == world.version["sha256"]
        assert world.post("/schedules", changed(SCHEDULE, name="Another")).status_code == 201
        assert world.post("/runs", changed(RUN, parameters={"region": "south"})).status_code == 201
