"""What routes ask for: the house behind the app, a session, a caller with a scope.

`requires(scope)` is what makes a route guarded; `app` refuses to start with a route that lacks it.
"""

import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Final, TypeVar
from uuid import UUID

from anyio import to_thread
from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import sessionmaker
from sqlmodel import Session

from nightbook.adapters.printing import Printer
from nightbook.adapters.ringer import Ringer
from nightbook.adapters.storage import ArtifactStore
from nightbook.api import queries
from nightbook.api.lanes import Lanes
from nightbook.core.clock import utc_now
from nightbook.core.errors import Fault, Forbidden, Invalid, Unauthenticated
from nightbook.core.strict_json import dumps_canonical
from nightbook.records import access
from nightbook.records.access import Answer, Caller
from nightbook.settings import Settings

#: Where the API begins. Each router names its whole addresses, so that a request is matched against one list.
PREFIX: Final = "/api/v1"
CSRF_HEADER: Final = "x-nightbook-csrf"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_V = TypeVar("_V", bound=BaseModel)


@dataclass(frozen=True)
class House:
    """What one server process owns."""

    settings: Settings
    engine: Engine
    sessions: sessionmaker[Session]
    reading: sessionmaker[Session]
    store: ArtifactStore
    ringer: Ringer
    lanes: Lanes
    printer: Printer

    def ring(self, session: Session) -> None:
        """Ring for what *session* has queued; call it once that has committed."""
        for pool, run_id in session.info.pop("rings", []):
            self.ringer.ring(pool, run_id)


# Small dependencies are asynchronous: a synchronous one costs a turn in a thread, which is dearer than it.
async def house(request: Request) -> House:
    return house_of(request)


def house_of(request: Request) -> House:
    found: House = request.app.state.house
    return found


async def now() -> datetime:
    return utc_now()


async def _reading(request: Request) -> AsyncIterator[Session]:
    the_house = house_of(request)
    session = the_house.reading()
    try:
        yield session
    finally:
        await to_thread.run_sync(session.close, limiter=the_house.lanes.closing)


async def _writing(request: Request) -> AsyncIterator[Session]:
    the_house = house_of(request)
    session = the_house.sessions()
    end = session.close
    try:
        yield session
        end = partial(_commit, session)
    finally:
        # Not in the routes' lane: who waits there for a connection must not hold up one who has one.
        await to_thread.run_sync(end, limiter=the_house.lanes.closing)
    the_house.ring(session)


def _commit(session: Session) -> None:
    with session:
        session.commit()


# Scope "function": the commit comes before the answer, so that a failed one is never a 201.
Reading = Annotated[Session, Depends(_reading, scope="function")]
Writing = Annotated[Session, Depends(_writing, scope="function")]
Now = Annotated[datetime, Depends(now)]
TheHouse = Annotated[House, Depends(house)]


def ring_after_commit(session: Session, pool: str, run_id: UUID) -> None:
    """Ring a pool's doorbell once this session has committed."""
    session.info.setdefault("rings", []).append((pool, run_id))


# ---------------------------------------------------------------- callers


def cookie_name(settings: Settings) -> str:
    """On plain-HTTP loopback the `__Host-` prefix cannot hold."""
    return "__Host-nightbook" if (settings.public_url or "").startswith("https://") else "nightbook"


def session_id_of(settings: Settings, cookie: str) -> str:
    """The id of a web session: the cookie, keyed with SECRET_KEY, so that a new key ends all sessions."""
    key = settings.secret_key.get_secret_value() if settings.secret_key else ""
    return hmac.new(key.encode(), cookie.encode(), hashlib.sha256).hexdigest()


def current_caller(request: Request, the_house: TheHouse) -> Caller:
    """Who asks: a bearer token, or the cookie of a browser that logged in to the web page."""
    bearer = request.headers.get("authorization")
    cookie = request.cookies.get(cookie_name(the_house.settings))
    if bearer is not None and cookie is not None:
        raise Fault("two_identities", "Send a bearer token or a cookie, not both.")
    if bearer is not None:
        return _caller_of_bearer(the_house, bearer)
    if cookie is not None:
        return _caller_of_cookie(the_house, request, cookie)
    raise Unauthenticated("not_authenticated", "Send a token as 'Authorization: Bearer nb_…', or log in.")


def _caller_of_bearer(the_house: House, header: str) -> Caller:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token or token != token.strip() or len(token) > 200:
        token = ""  # refused on the same path as a wrong one
    moment = utc_now()
    with the_house.reading() as session:
        caller = access.caller_of_token(session, token, moment)
    if not access.is_use_noted(caller, moment):
        with the_house.sessions.begin() as session:
            access.note_use(session, caller.token_id, moment)
    return caller


def _caller_of_cookie(the_house: House, request: Request, cookie: str) -> Caller:
    moment = utc_now()
    session_id = session_id_of(the_house.settings, cookie)
    with the_house.reading() as session:
        caller = access.caller_of_session(session, session_id, moment)
    if request.method not in _SAFE:
        require_same_origin(request)
        sent = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(sent.encode(), (caller.csrf_token or "").encode()):
            raise Forbidden(
                "csrf", "Send the header X-Nightbook-CSRF with the value that GET /api/v1/me gives."
            )
    if not access.is_use_noted(caller, moment):
        with the_house.sessions.begin() as session:
            access.note_use(session, caller.token_id, moment)
            access.note_session_use(session, session_id, moment)
    return caller


def require_same_origin(request: Request) -> None:
    """Refuse an unsafe request that another site made a browser send."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    ours = {
        f"{request.url.scheme}://{request.headers.get('host', '')}",
        house_of(request).settings.public_url,
    }
    is_ours = site == "same-origin" if site is not None else origin is not None and origin in ours
    if not is_ours:
        raise Forbidden("cross_site", "This request must come from a page of this server.")


class Requires:
    """A route's guard: there is a caller, and the caller holds this scope (null: any scope)."""

    def __init__(self, scope: str | None) -> None:
        self.scope = scope

    async def __call__(self, request: Request, caller: Annotated[Caller, Depends(current_caller)]) -> Caller:
        if self.scope is not None:
            caller.require(self.scope)
        queries.refuse_unknown(request)
        return caller


AnyCaller = Annotated[Caller, Depends(Requires(None))]
SchedulesReader = Annotated[Caller, Depends(Requires("schedules:read"))]
SchedulesWriter = Annotated[Caller, Depends(Requires("schedules:write"))]
RunsReader = Annotated[Caller, Depends(Requires("runs:read"))]
RunsTrigger = Annotated[Caller, Depends(Requires("runs:trigger"))]
RunsCanceller = Annotated[Caller, Depends(Requires("runs:cancel"))]
ArtifactsReader = Annotated[Caller, Depends(Requires("artifacts:read"))]
AuditReader = Annotated[Caller, Depends(Requires("audit:read"))]
Admin = Annotated[Caller, Depends(Requires("admin:*"))]
WorkerCaller = Annotated[Caller, Depends(Requires("worker"))]


# ---------------------------------------------------------------- answers


#: The version of a thing that an edit was meant for, as its ETag said.
IfMatch = Annotated[str | None, Header(max_length=200)]


def version_of(if_match: str | None) -> int | None:
    """The version that an If-Match names; null for any, -1 for what is none of ours."""
    if if_match is None or if_match == "*":
        return None
    tag = if_match.removeprefix("W/").strip('"')
    return int(tag) if tag.isdecimal() and len(tag) < 10 else -1


def json_answer(view: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(view.model_dump(mode="json", by_alias=True), status_code=status, headers=headers)


def answered_once(
    request: Request,
    session: Session,
    caller: Caller,
    draft: BaseModel | None,
    act: Callable[[], _V],
    *,
    moment: datetime,
    status: int = 201,
    kept: bool = False,
) -> JSONResponse:
    """Do *act* once for each Idempotency-Key: a repeat gets the first answer, for a day or (*kept*) ever."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return json_answer(act(), status)
    if not 1 <= len(key) <= 200 or not key.isascii() or not key.isprintable():
        raise Invalid(
            "bad_idempotency_key", "Must be 1 to 200 printable ASCII characters.", field="idempotency-key"
        )
    fingerprint = _fingerprint(request, draft)
    if (earlier := access.earlier_answer(session, caller, key, fingerprint)) is not None:
        return JSONResponse(earlier.body, status_code=earlier.status)
    body = act().model_dump(mode="json", by_alias=True)
    session.add(
        Answer(
            caller=caller.token_id,
            key=key,
            fingerprint=fingerprint,
            status=status,
            body=body,
            created_at=moment,
            kept=kept,
        )
    )
    try:
        session.flush()
    except IntegrityError:
        # The same key at the same instant: the other one has committed, ours never happened.
        session.rollback()
        session.info.pop("rings", None)
        earlier = access.earlier_answer(session, caller, key, fingerprint)
        if earlier is None:
            raise
        return JSONResponse(earlier.body, status_code=earlier.status)
    return JSONResponse(body, status_code=status)


def _fingerprint(request: Request, draft: BaseModel | None) -> str:
    sent = draft.model_dump(mode="json", by_alias=True) if draft else None
    text = f"{request.method} {request.url.path}\n".encode() + dumps_canonical(sent)
    return hashlib.sha256(text).hexdigest()
