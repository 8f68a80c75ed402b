"""Hooks, backfills, sweeps, previews and rules of other calendars, over HTTP and on both databases."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from bad_world import CRON, RUN, SCHEDULE, V1, changed, check_refused

_NAMES = count()
HOURLY = {"kind": "cron", "expression": "0 * * * *", "timezone": "UTC"}


@pytest.fixture(autouse=True)
def untidy():
    """These tests make rows."""


def instant(moment):
    return moment.isoformat().replace("+00:00", "Z")


def made(world, **fields):
    body = changed(SCHEDULE, name=f"Act {next(_NAMES)}", **fields)
    answer = world.ask("POST", "/schedules", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def hook_of(world, **trigger):
    schedule = made(world, trigger={"kind": "event", **trigger}, overlap="allow")
    answer = world.ask("POST", f"/schedules/{schedule['id']}/hook")
    assert answer.status_code == 201, answer.text
    return schedule, answer.json()


def call(world, hook, *, secret=None, **sent):
    headers = {"authorization": f"Bearer {secret or hook['secret']}", **sent.pop("headers", {})}
    return world.client.post(hook["path"], headers=headers, **sent)


class TestHooks:
    def test_a_call_makes_a_run_with_the_parameters_that_it_may_set(self, world):
        schedule, hook = hook_of(world, parameters=["region"])

        answer = call(world, hook, json={"region": "south"})

        assert (answer.status_code, answer.json()["state"]) == (201, "queued")
        run = world.ask("GET", f"/runs/{answer.json()['run_id']}").json()
        assert (run["parameters"], run["schedule_id"], run["triggered_by"]) == (
            {"region": "south"},
            schedule["id"],
            "hook",
        )
        ledger = world.ask("GET", f"/schedules/{schedule['id']}/occurrences").json()["items"]
        assert [row["run_id"] for row in ledger] == [run["id"]]

    def test_a_call_without_a_body_is_a_call(self, world):
        assert call(world, hook_of(world)[1]).status_code == 201

    def test_what_the_trigger_does_not_name_is_refused(self, world):
        _, hook = hook_of(world, parameters=["region"])

        check_refused(call(world, hook, json={"count": 5}), 422, "not_settable", field="parameters")

    def test_a_value_that_the_notebook_refuses_is_refused(self, world):
        _, hook = hook_of(world, parameters=["count"])

        check_refused(call(world, hook, json={"count": "zebracrossing"}), 422, field="parameters")

    @pytest.mark.parametrize("secret", ["nb_hook_zebracrossing", "x", "nb_hook_" + "a" * 43])
    def test_a_wrong_secret_is_nobody(self, world, secret):
        _, hook = hook_of(world)

        check_refused(call(world, hook, secret=secret), 401, "not_authenticated")

    def test_a_token_of_a_person_is_no_hook_secret(self, world):
        _, hook = hook_of(world)

        check_refused(call(world, hook, secret=world.admin), 401, "not_authenticated")

    def test_a_hook_secret_opens_nothing_else(self, world):
        _, hook = hook_of(world)

        check_refused(world.ask("GET", "/runs", token=hook["secret"]), 401)

    def test_an_unknown_hook_and_a_closed_one_answer_alike(self, world):
        schedule, hook = hook_of(world)
        assert world.ask("DELETE", f"/schedules/{schedule['id']}/hook").status_code == 204
        unknown = {**hook, "path": f"{V1}/hooks/0190a7e0-0000-7000-8000-0000000000ff"}

        answers = [call(world, each) for each in (hook, unknown)]

        assert [answer.status_code for answer in answers] == [401, 401]
        assert len({answer.json()["detail"] for answer in answers}) == 1

    def test_a_new_secret_ends_the_old_one(self, world):
        schedule, hook = hook_of(world)
        renewed = world.ask("POST", f"/schedules/{schedule['id']}/hook").json()

        assert call(world, hook).status_code == 401
        assert call(world, renewed).status_code == 201

    def test_the_secret_is_shown_once_and_kept_nowhere(self, world):
        schedule, hook = hook_of(world)

        shown = world.ask("GET", f"/schedules/{schedule['id']}")

        assert shown.json()["has_hook"] is True
        assert hook["secret"] not in shown.text
        answer = world.ask("POST", f"/schedules/{schedule['id']}/hook", headers={"idempotency-key": "once"})
        check_refused(answer, 422, "no_repeats")

    def test_only_an_event_schedule_has_a_hook(self, world):
        check_refused(world.ask("POST", f"/schedules/{world.schedule['id']}/hook"), 409, "no_event_trigger")

    def test_the_same_event_sent_again_makes_no_second_run(self, world):
        schedule, hook = hook_of(world, parameters=["region"])
        headers = {"idempotency-key": "delivery-1"}

        first, again = (call(world, hook, json={"region": "a"}, headers=headers) for _ in range(2))
        other = call(world, hook, json={"region": "b"}, headers=headers)

        assert first.json() == again.json()
        check_refused(other, 409, "idempotency_conflict")
        assert len(world.ask("GET", f"/schedules/{schedule['id']}/occurrences").json()["items"]) == 1

    def test_a_paused_hook_answers_with_the_row_that_says_so(self, world):
        schedule, hook = hook_of(world)
        world.post(f"/schedules/{schedule['id']}/pause", {"reason": "holiday"})

        answer = call(world, hook).json()

        assert (answer["state"], answer["reason"]) == ("skipped", "paused")

    def test_a_hook_takes_so_many_calls_a_minute(self, world):
        _, hook = hook_of(world)
        answers = [call(world, hook) for _ in range(61)]

        assert [answer.status_code for answer in answers] == [201] * 60 + [429]
        assert answers[-1].headers["retry-after"] == "60"

    def test_a_schedule_past_its_last_run_takes_no_call(self, world):
        schedule = made(world, trigger={"kind": "event"}, max_runs=1)
        hook = world.ask("POST", f"/schedules/{schedule['id']}/hook").json()

        assert call(world, hook).status_code == 201
        check_refused(call(world, hook), 409, "window_closed")


class TestBackfills:
    def ask(self, world, schedule, **body):
        return world.ask("POST", f"/schedules/{schedule['id']}/backfill", json=body)

    @pytest.fixture
    def past(self):
        until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        return {"since": instant(until - timedelta(hours=4)), "until": instant(until - timedelta(minutes=1))}

    def test_a_dry_run_counts_what_the_backfill_then_makes(self, world, past):
        schedule = made(world, trigger=HOURLY)

        dry = self.ask(world, schedule, **past, dry_run=True).json()
        wet = self.ask(world, schedule, **past).json()

        assert (dry["count"], dry["runs"], dry["group_id"]) == (4, [], None)
        assert (wet["count"], wet["fire_times"], len(wet["runs"])) == (4, dry["fire_times"], 4)
        listed = world.ask("GET", f"/runs?group_id={wet['group_id']}").json()["items"]
        assert sorted(run["id"] for run in listed) == sorted(wet["runs"])
        assert {(run["trigger"], run["priority"], run["state"]) for run in listed} == {
            ("backfill", 10, "queued")
        }
        assert [run["fire_at"] for run in reversed(listed)] == wet["fire_times"]

    def test_a_second_backfill_makes_nothing_more(self, world, past):
        schedule = made(world, trigger=HOURLY)
        self.ask(world, schedule, **past)

        assert self.ask(world, schedule, **past).json()["count"] == 0

    def test_failed_takes_only_those_that_failed(self, world, past):
        schedule = made(world, trigger=HOURLY)

        assert self.ask(world, schedule, **past, redo="failed").json()["count"] == 0

    def test_a_backfill_keeps_to_what_the_caller_asks_for(self, world, past):
        schedule = made(world, trigger=HOURLY, parameters={"region": "north"})

        answer = self.ask(world, schedule, **past, parameters={"count": 9}, priority=70, note="again").json()

        run = world.ask("GET", f"/runs/{answer['runs'][0]}").json()
        assert (run["parameters"], run["priority"], run["note"]) == (
            {"region": "north", "count": 9},
            70,
            "again",
        )

    def test_a_group_is_cancelled_by_one_request(self, world, past):
        group = self.ask(world, made(world, trigger=HOURLY), **past).json()["group_id"]

        cancelled = world.ask("POST", f"/groups/{group}/cancel")

        assert cancelled.json()["count"] == 4
        states = {run["state"] for run in world.ask("GET", f"/runs?group_id={group}").json()["items"]}
        assert states == {"cancelled"}
        check_refused(world.ask("POST", f"/groups/{world.run['id']}/cancel"), 404, "group_not_found")

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"until": "2199-01-01T00:00:00Z"}, "in_the_future"),
            ({"since": "2001-01-01T00:00:00Z"}, "too_many"),
            ({"until": "2001-01-01T00:00:00Z"}, "end_before_start"),
            ({"redo": "zebracrossing"}, "literal_error"),
            ({"concurrency": 0}, "greater_than_equal"),
            ({"parameters": {"unheard_of": 1}}, None),
        ],
    )
    def test_a_range_that_cannot_be_is_refused(self, world, past, fields, code):
        schedule = made(world, trigger=HOURLY)

        check_refused(self.ask(world, schedule, **{**past, **fields}), 422, code)

    @pytest.mark.parametrize("trigger", [{"kind": "manual"}, {"kind": "event"}])
    def test_what_has_no_fire_times_has_nothing_to_fill(self, world, past, trigger):
        check_refused(self.ask(world, made(world, trigger=trigger), **past), 422, "no_fire_times")


class TestSweeps:
    def test_a_grid_becomes_a_run_for_each_combination(self, world):
        body = changed(RUN, parameters={"flag": True}, grid={"region": ["a", "b"], "count": [1, 2, 3]})

        answer = world.ask("POST", "/runs/sweep", json=body).json()

        listed = world.ask("GET", f"/runs?group_id={answer['group_id']}").json()["items"]
        found = [(run["parameters"]["region"], run["parameters"]["count"]) for run in reversed(listed)]
        assert found == [(region, number) for region in "ab" for number in (1, 2, 3)]
        assert all(run["parameters"]["flag"] for run in listed)
        assert (answer["count"], sorted(answer["runs"])) == (6, sorted(run["id"] for run in listed))

    def test_the_same_key_makes_one_group(self, world):
        body = changed(RUN, grid={"count": [1, 2]})
        headers = {"idempotency-key": "sweep-1"}

        first, again = (world.ask("POST", "/runs/sweep", json=body, headers=headers).json() for _ in range(2))

        assert first == again

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"grid": {}}, "too_short"),
            ({"grid": {"count": []}}, "too_short"),
            ({"grid": {"count": [1]}, "parameters": {"count": 2}}, "in_both"),
            ({"grid": {"count": list(range(101)), "region": list("abcdefghij")}}, "too_many"),
            ({"grid": {"count": [1, "zebracrossing"]}}, None),
            ({"grid": {"unheard_of": [1]}}, None),
        ],
    )
    def test_a_grid_that_cannot_be_is_refused_whole(self, world, fields, code):
        before = world.rows()["runs"]

        check_refused(world.ask("POST", "/runs/sweep", json=changed(RUN, **fields)), 422, code)

        assert world.rows()["runs"] == before


class TestPreviews:
    def test_a_draft_shows_holidays_and_when_its_runs_start(self, world):
        body = {
            "trigger": {**HOURLY, "expression": "0 7 * * *", "finish_by": True, "margin_seconds": 1200},
            "holidays": "DE",
            "from": "2026-12-24T12:00:00Z",
            "count": 3,
        }

        answer = world.ask("POST", "/schedules/preview", json=body).json()

        assert [time["note"] for time in answer["fire_times"]] == [
            "does not run: Christmas Day",
            "does not run: Second Day of Christmas",
            None,
        ]
        assert answer["fire_times"][2]["starts_at"] == "2026-12-27T06:40:00Z"
        assert answer["words"].endswith("not on holidays (DE)")
        assert answer["margin"] == "starts 20 minutes before it must be ready, as the trigger says"

    def test_a_saved_schedule_says_where_its_margin_comes_from(self, world):
        schedule = made(world, trigger={**HOURLY, "finish_by": True})

        answer = world.ask("POST", f"/schedules/{schedule['id']}/preview").json()

        assert answer["margin"].startswith("starts 30 minutes before it must be ready, as no run")
        assert schedule["due_at"] < schedule["next_fire_at"]

    @pytest.mark.parametrize(
        ("fields", "code", "field"),
        [
            ({"holidays": "ZZ"}, "unknown_calendar", "holidays"),
            ({"holidays": "DE-ZZ"}, "unknown_calendar", "holidays"),
            ({"exclude_dates": ["2026-02-30"]}, "not_a_date", "exclude_dates"),
            (
                {"on_excluded": "next_business_day", "trigger": {**CRON, "expression": "* * * * *"}},
                "too_often_to_roll",
                "on_excluded",
            ),
            ({"trigger": {**CRON, "margin_seconds": 600}}, "margin_without_finish_by", "trigger"),
        ],
    )
    @pytest.mark.parametrize("path", ["/schedules", "/schedules/preview"])
    def test_a_timetable_that_cannot_be_is_refused(self, world, path, fields, code, field):
        base = {"trigger": CRON} if path.endswith("preview") else changed(SCHEDULE, name="Never made")

        check_refused(world.ask("POST", path, json={**base, **fields}), 422, code, field)

    def test_a_recurrence_rule_becomes_fields_of_a_schedule(self, world):
        rule = "DTSTART;TZID=Europe/Berlin:20270104T073000\nRRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=9"

        read = world.ask("POST", "/schedules/from-rrule", json={"rrule": rule}).json()

        assert read["trigger"]["expression"] == "30 7 * * MON,WED"
        assert (read["max_runs"], read["start_at"]) == (9, "2027-01-04T06:30:00Z")
        fields = {name: read[name] for name in ("trigger", "start_at", "end_at", "max_runs", "exclude_dates")}
        assert made(world, **fields)["next_fire_at"] == "2027-01-04T06:30:00Z"

    def test_a_part_without_an_equal_is_named(self, world):
        answer = world.ask("POST", "/schedules/from-rrule", json={"rrule": "FREQ=YEARLY;BYWEEKNO=20"})

        check_refused(answer, 422, "rrule_not_expressible", field="rrule.BYWEEKNO")


class TestFields:
    def test_every_new_field_comes_back_as_it_was_sent_and_can_be_edited(self, world):
        fields = {
            "max_runs": 7,
            "jitter_seconds": 30,
            "exclude_dates": ["2027-01-01"],
            "holidays": "DE-BE",
            "on_excluded": "next_business_day",
            "catch_up_limit": 9,
            "concurrency": 3,
            "pause_after_failures": 4,
            "retry_on": ["code", "timeout"],
            "retry_delay_seconds": 5,
            "expire_after_seconds": 600,
            "concurrency_key": "warehouse",
            "concurrency_per_key": 2,
        }
        schedule = made(world, **fields)
        assert {name: schedule[name] for name in fields} == fields

        changes = {"max_runs": None, "holidays": None, "concurrency_key": None, "expire_after_seconds": None}
        edited = world.ask("PATCH", f"/schedules/{schedule['id']}", json=changes).json()

        assert {name: edited[name] for name in fields} == {**fields, **changes}

    def test_a_run_by_hand_freezes_the_spec_of_its_schedule(self, world):
        schedule = made(world, concurrency_key="k", concurrency_per_key=2, retry_on=["timeout"])

        run = world.ask("POST", f"/schedules/{schedule['id']}/run").json()

        assert (run["concurrency_key"], run["concurrency_per_key"], run["retry_on"]) == ("k", 2, ["timeout"])

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"max_runs": 0}, "max_runs"),
            ({"jitter_seconds": -1}, "jitter_seconds"),
            ({"retry_on": ["storage"]}, "retry_on"),
            ({"retry_on": ["code", "code"]}, "retry_on"),
            ({"concurrency_key": "zebracrossing !"}, "concurrency_key"),
            ({"concurrency_per_key": 0}, "concurrency_per_key"),
            ({"pause_after_failures": 0}, "pause_after_failures"),
            ({"catch_up_limit": 1001}, "catch_up_limit"),
            ({"expire_after_seconds": 0}, "expire_after_seconds"),
            ({"trigger": {"kind": "after"}}, "trigger"),
            ({"trigger": {"kind": "after", "schedule_id": "x"}}, "trigger"),
            (
                {"trigger": {"kind": "after", "schedule_id": "0190a7e0-0000-7000-8000-0000000000ff"}},
                "trigger",
            ),
            ({"trigger": {"kind": "event", "parameters": ["a b"]}}, "trigger"),
            ({"trigger": {"kind": "event"}, "on_excluded": "next_business_day"}, "on_excluded"),
        ],
    )
    def test_a_wrong_value_is_refused_at_its_field(self, world, fields, field):
        check_refused(
            world.ask("POST", "/schedules", json=changed(SCHEDULE, name="Refused", **fields)),
            422,
            field=field,
        )
