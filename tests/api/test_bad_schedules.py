"""Bad input against the whole app: parameters, triggers, limits, and workers that stammer.

The numbers are rows of the catalogue. For every one of them: 4xx, application/problem+json, a stable code,
nothing of the value in the answer, no row changed, never a 5xx.
"""

import json

import pytest
from bad_world import CRON, RUN, SCHEDULE, UNKNOWN, changed, check_refused

pytestmark = pytest.mark.usefixtures("nothing_changes")


# ---------------------------------------------------------------- 74-83: parameters

BAD_PARAMETERS = {
    "code": {"x=1;open('zebracrossing','w')": 1},
    "keyword": {"class": 1},
    "empty": {"": 1},
    "space": {"a b": 1},
    "builtins": {"__builtins__": 1},
    "builtin": {"print": 1},
    "homoglyph": {"r\u0435gion": "x"},
    "long": {"x" * 10_000: 1},
    "undeclared": {"unheard_of": 1},
    "type int": {"count": "zebracrossing"},
    "type bool": {"count": True},
    "type float": {"count": 3.5},
    "type str": {"region": 5},
    "type flag": {"flag": "yes"},
    "type list": {"tags": "zebracrossing"},
    "null": {"region": None},
    "huge": {"count": 2**63},
}


@pytest.mark.parametrize("name", BAD_PARAMETERS)
@pytest.mark.parametrize("path", ["/runs", "/schedules", "/schedules/{schedule}/run", "/runs/{run}/rerun"])
def test_74_to_78_parameters_are_declared_and_typed(world, path, name):
    body = {"/runs": RUN, "/schedules": SCHEDULE}.get(path, {})

    answer = world.ask("POST", world.fill(path), json=changed(body, parameters=BAD_PARAMETERS[name]))

    check_refused(answer, 422, field=None if name == "huge" else "parameters")


def test_77_a_parameter_nested_too_deeply(world):
    body = json.dumps(changed(RUN, parameters={"tags": "@"})).replace('"@"', "[" * 2000 + "]" * 2000)

    answer = world.ask("POST", "/runs", content=body, headers={"content-type": "application/json"})

    check_refused(answer, 400, "too_deep")


@pytest.mark.parametrize(
    "parameters",
    [{f"p{n}": n for n in range(10_000)}, {"region": "x" * 5_000_000}],
)
def test_83_too_many_or_too_large_parameters(world, parameters):
    check_refused(world.ask("POST", "/runs", json=changed(RUN, parameters=parameters)), {413, 422})


# ---------------------------------------------------------------- 85-106: schedules and time

BAD_CRONS = [
    "0 0 30 2 *",
    "0 0 31 4,6,9,11 *",
    "@reboot",
    "0 0 * * * *",
    "0 0 * * * * *",
    "60 * * * *",
    "0 24 * * *",
    "0 0 32 * *",
    "0 0 0 0 0",
    "0 0 * * 8",
    "-1 * * * *",
    "1,,2 * * * *",
    "*/0 * * * *",
    "*/61 * * * *",
    "0 0 1-31/400 * *",
    "5-1 * * * *",
    "0 0 * * FRI-MON",
    "0 0 * * 5#6",
    "0 0 1W * *",
    "0 0 LW * *",
    "0 0 ? * *",
    "H * * * *",
    "R * * * *",
    "\uff10 0 * * *",
    "0\t0 * * * ; rm -rf /",
    "0 0 * * * zebracrossing",
    "9" * 200 + " * * * *",
    ",".join(["0"] * 100_000) + " * * * *",
    "",
    "0 0 * *",
    "every day",
    "* * * * " + "*" * 300,
]


@pytest.mark.parametrize("expression", BAD_CRONS, ids=range(len(BAD_CRONS)))
@pytest.mark.parametrize("path", ["/schedules", "/schedules/preview"])
def test_85_to_95_a_cron_that_is_not_ours(world, path, expression):
    body = {"trigger": changed(CRON, expression=expression)}
    body = body if path.endswith("preview") else changed(SCHEDULE, **body)

    check_refused(world.ask("POST", path, json=body), 422, field="trigger")


@pytest.mark.parametrize(
    "every",
    [
        "",
        "0",
        "-1",
        "PT0S",
        "PT0.5S",
        "PT59S",
        "-PT60S",
        "P1M",
        "P1Y",
        "PT1E9S",
        "P999999999999D",
        "60",
        "1h",
        "P",
        90,
    ],
)
def test_97_an_interval_that_is_none(world, every):
    body = changed(SCHEDULE, trigger={"kind": "interval", "every": every})

    check_refused(world.ask("POST", "/schedules", json=body), 422, field="trigger")


@pytest.mark.parametrize(
    "zone",
    [
        "Mars/Zebracrossing",
        "EST5",
        "+05:30",
        "../../etc/passwd",
        "localtime",
        "",
        "/etc/localtime",
        "UTC\x00",
        "x" * 9999,
        None,
        5,
    ],
)
@pytest.mark.parametrize("kind", ["cron", "interval"])
def test_98_a_time_zone_that_is_none(world, zone, kind):
    trigger = CRON if kind == "cron" else {"kind": "interval", "every": "PT1H"}

    answer = world.ask("POST", "/schedules", json=changed(SCHEDULE, trigger=changed(trigger, timezone=zone)))

    check_refused(answer, 422)


BAD_INSTANTS = [
    "0000-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2026-02-30T00:00:00Z",
    "2026-01-01T00:00:60Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01",
    "2026-01-01T00:00:00+99:00",
    "2026-01-01T00:00:00Z zebracrossing",
    "\uff12026-01-01T00:00:00Z",
    "",
    0,
    True,
    1e308,
]


@pytest.mark.parametrize("moment", BAD_INSTANTS, ids=range(len(BAD_INSTANTS)))
@pytest.mark.parametrize("field", ["start_at", "end_at", "trigger"])
def test_101_an_instant_that_is_none(world, field, moment):
    value = {"kind": "once", "at": moment} if field == "trigger" else moment

    check_refused(world.ask("POST", "/schedules", json=changed(SCHEDULE, **{field: value})), 422, field=field)


def test_101_an_end_before_the_start(world):
    window = {"start_at": "2027-01-02T00:00:00Z", "end_at": "2027-01-01T00:00:00Z"}

    check_refused(world.ask("POST", "/schedules", json=changed(SCHEDULE, **window)), 422, "end_before_start")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("retries", -1),
        ("retries", 10**9),
        ("timeout_seconds", 0),
        ("timeout_seconds", -1),
        ("timeout_seconds", 10**9),
        ("cell_timeout_seconds", 0),
        ("priority", 101),
        ("priority", -1),
        ("overlap", "zebracrossing"),
        ("catch_up", "zebracrossing"),
        ("pool", "zebracrossing"),
        ("pool", "../x"),
        ("pool", ""),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_105_and_106_limits_and_policies(world, method, field, value):
    if method == "POST":
        answer = world.ask("POST", "/schedules", json=changed(SCHEDULE, **{field: value}))
    else:
        answer = world.ask("PATCH", f"/schedules/{world.schedule['id']}", json={field: value})

    check_refused(answer, {404, 422, 428} if field == "pool" else {422, 428}, field=field)


@pytest.mark.parametrize("count", [0, -1, 1001, 10**9, "5", None])
def test_a_preview_of_too_many_or_no_fire_times(world, count):
    body = {"trigger": CRON, "count": count}

    check_refused(world.ask("POST", "/schedules/preview", json=body), 422, field="count")


# ---------------------------------------------------------------- the lease protocol


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("POST", "/worker/register", {"json": {}}),
        ("POST", "/worker/register", {"json": {"id": "zebracrossing", "name": "w", "pool": "default"}}),
        ("POST", "/worker/heartbeat", {"json": {"worker_id": UNKNOWN}}),
        (
            "POST",
            "/worker/heartbeat",
            {"json": {"worker_id": UNKNOWN, "attempts": [{"attempt_id": "x", "fence": 1}]}},
        ),
        ("POST", "/worker/claim", {"json": {"worker_id": UNKNOWN}}),
        ("GET", f"/worker/cancels?worker_id={UNKNOWN}", {}),
        ("GET", "/worker/cancels?worker_id=zebracrossing", {}),
        ("GET", "/worker/cancels", {}),
        ("GET", f"/worker/attempts/{UNKNOWN}/source?fence=1", {}),
        ("GET", f"/worker/attempts/{UNKNOWN}/source?fence=99999999999999999999", {}),
        ("GET", f"/worker/attempts/{UNKNOWN}/source?fence=-1", {}),
        ("GET", f"/worker/attempts/{UNKNOWN}/source", {}),
        ("PUT", f"/worker/attempts/{UNKNOWN}/journal?fence=1&offset=0", {"content": b"{}\n"}),
        ("PUT", f"/worker/attempts/{UNKNOWN}/journal?fence=1&offset=-1", {"content": b"{}\n"}),
        (
            "PUT",
            f"/worker/attempts/{UNKNOWN}/journal?fence=1&offset=99999999999999999999",
            {"content": b"{}\n"},
        ),
        ("PUT", f"/worker/attempts/{UNKNOWN}/journal?fence=zebracrossing&offset=0", {"content": b"{}\n"}),
        (
            "PUT",
            f"/worker/attempts/{UNKNOWN}/journal?fence=1&offset=0",
            {"content": b"x" * (2 * 1024 * 1024 + 1)},
        ),
        ("PUT", f"/worker/attempts/{UNKNOWN}/artifacts/notebook.ipynb?fence=1", {"content": b"{}"}),
        ("PUT", f"/worker/attempts/{UNKNOWN}/artifacts/..%2fx?fence=1", {"content": b"{}"}),
        ("PUT", f"/worker/attempts/{UNKNOWN}/artifacts/zebracrossing?fence=1", {"content": b"{}"}),
        ("POST", f"/worker/attempts/{UNKNOWN}/finish", {"json": {"fence": 1, "state": "succeeded"}}),
        ("POST", f"/worker/attempts/{UNKNOWN}/finish", {"json": {"fence": 1, "state": "zebracrossing"}}),
        ("POST", "/worker/attempts/zebracrossing/finish", {"json": {"fence": 1, "state": "succeeded"}}),
    ],
)
def test_a_worker_that_nobody_knows_or_that_stammers(world, method, path, sent):
    check_refused(world.ask(method, path, token=world.worker, **sent), {403, 404, 409, 413, 422})
