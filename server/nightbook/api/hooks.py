"""Hooks: a program fires an event schedule by its own secret, without a caller's token."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from sqlmodel import Session

from nightbook.api.deps import (
    PREFIX,
    Now,
    SchedulesWriter,
    Writing,
    answered_once,
    json_answer,
    ring_after_commit,
)
from nightbook.api.identity import Throttle, TooMany
from nightbook.core import triggers
from nightbook.core.errors import Conflict, FieldError, Invalid, Unauthenticated
from nightbook.records import firing, runs, schedules
from nightbook.records.access import Caller
from nightbook.records.schedules import Schedule
from nightbook.schemas import HookAnswer, HookCall, HookView

router = APIRouter(prefix=PREFIX, tags=["hooks"])
#: The only route whose caller is a hook's secret.
public = APIRouter(prefix=PREFIX, tags=["hooks"])

CALLS_PER_MINUTE = 60
WRONG_PER_MINUTE = 20
_MINUTE = timedelta(minutes=1)
_wrong = Throttle(WRONG_PER_MINUTE, "too_many_wrong_secrets")


@router.post("/schedules/{schedule_id}/hook", status_code=201, response_model=HookView)
def make_hook(
    schedule_id: UUID, request: Request, session: Writing, caller: SchedulesWriter, now: Now
) -> JSONResponse:
    """Open the hook of an event schedule, or change its secret. The answer shows the secret this once."""
    if "idempotency-key" in request.headers:
        # The first answer would have to be kept, and a secret is kept nowhere.
        raise Invalid(
            "no_repeats", "A secret is shown once: send no Idempotency-Key here.", field="idempotency-key"
        )
    schedule = schedules.require_for_change(session, schedule_id)
    secret = schedules.make_secret(session, schedule, caller=caller, now=now)
    return json_answer(HookView(path=f"/api/v1/hooks/{schedule.id}", secret=secret, made_at=now), 201)


@router.delete("/schedules/{schedule_id}/hook", status_code=204)
def close_hook(schedule_id: UUID, session: Writing, caller: SchedulesWriter, now: Now) -> Response:
    """Close the hook: its secret opens nothing any more."""
    schedule = schedules.require_for_change(session, schedule_id)
    schedules.end_secret(session, schedule, caller=caller, now=now)
    return Response(status_code=204)


def hook_caller(schedule_id: UUID, request: Request, session: Writing, now: Now) -> Caller:
    """The hook itself as a caller, by its secret. Guesses from one address are slowed down."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    try:
        schedules.require_secret(session, schedule_id, secret if scheme.lower() == "bearer" else "")
    except Unauthenticated:
        _wrong.note(request.client.host if request.client else "", now)
        raise
    return Caller(f"hook of {schedule_id}", f"hook:{schedule_id}", frozenset())


@public.post("/hooks/{schedule_id}", status_code=201, response_model=HookAnswer)
def fire(
    schedule_id: UUID,
    request: Request,
    session: Writing,
    hook: Annotated[Caller, Depends(hook_caller)],
    now: Now,
    call: HookCall | None = None,
) -> JSONResponse:
    """Fire an event schedule. The body is a JSON object of the parameters that its trigger lets a call set.

    Send an `Idempotency-Key`, and the same event sent again makes no second run.
    """

    def act() -> HookAnswer:
        schedule = schedules.require_for_change(session, schedule_id)
        return _fire(session, schedule, call.root if call else {}, now)

    return answered_once(request, session, hook, call, act, moment=now, kept=True)


def _fire(session: Session, schedule: Schedule, parameters: dict[str, Any], now: datetime) -> HookAnswer:
    _require_declared(schedule, parameters)
    if runs.fired_since(session, schedule.id, now - _MINUTE) >= CALLS_PER_MINUTE:
        raise TooMany(
            "too_many_calls",
            f"A hook takes {CALLS_PER_MINUTE} calls a minute. Wait a minute before the next one.",
            retry_after_seconds=60,
        )
    run = firing.fire_once(session, schedule, now, now, parameters=parameters, by="hook")
    if run is None:
        raise Conflict("window_closed", "This schedule has not begun, has ended, or has made its last run.")
    if run.state == "queued":
        ring_after_commit(session, run.pool, run.id)
    assert run.fire_at is not None
    return HookAnswer.model_validate(
        {"run_id": run.id, "state": run.state, "reason": run.reason, "fire_at": run.fire_at}
    )


def _require_declared(schedule: Schedule, parameters: dict[str, Any]) -> None:
    rule = schedule.rule
    if not isinstance(rule, triggers.Event):
        raise Conflict("no_event_trigger", "This schedule has no event trigger any more.")
    strange = sorted(set(parameters) - set(rule.parameters))
    if strange:
        message = "The schedule's trigger does not let a call set this. It names those that may be set."
        errors = [FieldError("parameters", "not_settable", message) for _ in strange]
        raise Invalid("not_settable", message, errors=errors[:20])
