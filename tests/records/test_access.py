import re
from datetime import timedelta

import pytest
from world import ANA, NOON

from nightbook.core.errors import Forbidden, Invalid, Unauthenticated
from nightbook.records import access


def make(session, **changes):
    fields = {
        "name": "laptop",
        "owner": "ana",
        "scopes": ["runs:read"],
        "kind": "pat",
        "pools": [],
        "expires_at": NOON + timedelta(days=1),
        "created_by": "ana",
        "now": NOON,
    }
    return access.create_token(session, **{**fields, **changes})


def test_a_token_is_known_by_its_shape_and_kept_as_a_hash(session):
    row, token = make(session)

    assert re.fullmatch(r"nb_pat_[0-9A-Za-z]{48}", token)
    assert token[-38:-6] not in row.model_dump_json()
    assert access.caller_of_token(session, token, NOON).name == "ana"


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t[:-1] + "!", lambda t: t.swapcase(), lambda t: ""]
)
def test_an_altered_token_is_nobody(session, change):
    _, token = make(session)

    with pytest.raises(Unauthenticated):
        access.caller_of_token(session, change(token), NOON)


def test_an_expired_or_revoked_token_is_nobody(session):
    row, token = make(session)

    with pytest.raises(Unauthenticated):
        access.caller_of_token(session, token, NOON + timedelta(days=1))
    access.revoke_token(session, row.id, caller=ANA, now=NOON)
    with pytest.raises(Unauthenticated):
        access.caller_of_token(session, token, NOON)


def test_scopes_open_what_they_name_and_no_administrator_is_a_worker(session):
    admin = access.Caller("root", "t", frozenset({"admin:*"}))

    assert admin.may("schedules:write")
    assert not admin.may("worker")
    with pytest.raises(Forbidden):
        ANA.require("admin:*")
    with pytest.raises(Forbidden):
        access.require_grantable(ANA, ["admin:*"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": ["everything"]},
        {"scopes": ["worker"], "kind": "wrk"},
        {"scopes": ["worker", "runs:read"], "kind": "wrk", "pools": ["default"]},
        {"scopes": ["worker"], "kind": "pat", "pools": ["default"]},
    ],
)
def test_a_token_that_would_open_too_much_or_nothing_is_refused(session, wrong):
    with pytest.raises(Invalid):
        make(session, **wrong)


def test_a_link_logs_in_once_and_its_session_ends_with_the_token(session):
    row, token = make(session)
    caller = access.caller_of_token(session, token, NOON)
    code, _ = access.create_login_code(session, caller, NOON)

    access.log_in_with_code(session, code, "the cookie", NOON)

    assert access.caller_of_session(session, "the cookie", NOON).csrf_token
    with pytest.raises(Unauthenticated):
        access.log_in_with_code(session, code, "another", NOON)
    with pytest.raises(Unauthenticated):
        access.caller_of_session(session, "the cookie", NOON + timedelta(hours=13))
    access.revoke_token(session, row.id, caller=caller, now=NOON)
    with pytest.raises(Unauthenticated):
        access.caller_of_session(session, "the cookie", NOON)
