"""Routes of identity: who am I, log in to the web page, tokens."""

import secrets
import threading
from collections import defaultdict, deque
from datetime import datetime, timedelta

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from nightbook.api import views
from nightbook.api.deps import (
    PREFIX,
    Admin,
    AnyCaller,
    Now,
    Reading,
    TheHouse,
    Writing,
    answered_once,
    cookie_name,
    json_answer,
    require_same_origin,
    session_id_of,
)
from nightbook.api.fleet import LOGINS_PER_MINUTE
from nightbook.core.errors import Fault, Invalid
from nightbook.records import access
from nightbook.records.access import Caller
from nightbook.schemas import CallerView, LoginCodeView, Page, SessionDraft, TokenDraft, TokenView

router = APIRouter(prefix=PREFIX, tags=["identity"])
public = APIRouter(prefix=PREFIX, tags=["identity"])


class TooMany(Fault):
    status = 429
    title = "Too many requests"


class Throttle:
    """At most so many tries a minute from one address, in this process."""

    def __init__(self, per_minute: int, code: str) -> None:
        self._per_minute = per_minute
        self._code = code
        self._tries: dict[str, deque[datetime]] = defaultdict(deque)
        self._lock = threading.Lock()

    def note(self, address: str, now: datetime) -> None:
        with self._lock:
            if len(self._tries) > 10_000:
                self._tries.clear()
            tries = self._tries[address]
            while tries and now - tries[0] > timedelta(minutes=1):
                tries.popleft()
            if len(tries) >= self._per_minute:
                raise TooMany(self._code, "Wait a minute before you try again.", retry_after_seconds=60)
            tries.append(now)


_throttle = Throttle(LOGINS_PER_MINUTE, "too_many_logins")


def throttled(request: Request, now: Now) -> None:
    """Bounds how fast log-ins may be tried."""
    _throttle.note(request.client.host if request.client else "", now)


@router.get("/me")
def me(caller: AnyCaller) -> CallerView:
    """Who is asking; a browser session also gets the value for X-Nightbook-CSRF."""
    return _caller_view(caller)


def _caller_view(caller: Caller) -> CallerView:
    return CallerView(
        name=caller.name, scopes=sorted(caller.scopes), token_id=caller.token_id, csrf_token=caller.csrf_token
    )


@public.post("/sessions", status_code=201, response_model=CallerView, dependencies=[Depends(throttled)])
def log_in(
    draft: SessionDraft, request: Request, session: Writing, the_house: TheHouse, now: Now
) -> JSONResponse:
    """Log a browser in, with the one-time code of a link or with a token. Sets an HttpOnly cookie."""
    if request.headers.get("sec-fetch-site") is not None:
        require_same_origin(request)
    if (draft.code is None) == (draft.token is None):
        raise Invalid("one_of", "Send either code or token.", field="code")
    cookie = secrets.token_urlsafe(32)
    session_id = session_id_of(the_house.settings, cookie)
    if draft.code is not None:
        caller = access.log_in_with_code(session, draft.code, session_id, now)
    else:
        caller = access.log_in_with_token(session, draft.token or "", session_id, now)
    answer = json_answer(_caller_view(caller), 201)
    name = cookie_name(the_house.settings)
    answer.set_cookie(
        name,
        cookie,
        path="/",
        httponly=True,
        samesite="lax",
        secure=name.startswith("__Host-"),
        max_age=7 * 86400,
    )
    return answer


@router.delete("/sessions/current", status_code=204)
def log_out(request: Request, session: Writing, _caller: AnyCaller, the_house: TheHouse) -> Response:
    """End this browser's session."""
    name = cookie_name(the_house.settings)
    access.close_web_session(session, session_id_of(the_house.settings, request.cookies.get(name, "")))
    answer = Response(status_code=204)
    answer.delete_cookie(name, path="/")
    return answer


@router.post("/sessions/codes", status_code=201)
def create_login_code(session: Writing, caller: AnyCaller, now: Now) -> LoginCodeView:
    """Make a one-time code with which your own browser logs in: open `/#login=CODE`."""
    if caller.csrf_token is not None or "worker" in caller.scopes:
        raise Invalid("token_needed", "Ask for a code with a person's bearer token.")
    code, life = access.create_login_code(session, caller, now)
    return LoginCodeView(code=code, expires_in_seconds=life)


@router.post("/tokens", status_code=201, response_model=TokenView)
def create_token(
    request: Request, draft: TokenDraft, session: Writing, caller: Admin, now: Now
) -> JSONResponse:
    """Make a token. The answer shows it this once."""

    def act() -> TokenView:
        access.require_grantable(caller, draft.scopes)
        row, secret = access.create_token(
            session,
            name=draft.name,
            owner=draft.owner or caller.name,
            scopes=draft.scopes,
            kind=draft.kind,
            pools=draft.pools,
            expires_at=now + timedelta(days=draft.expires_in_days),
            created_by=caller.name,
            now=now,
        )
        return views.token_view(row, secret)

    if "idempotency-key" in request.headers:
        # The first answer would have to be kept, and a token is kept nowhere.
        raise Invalid(
            "no_repeats", "A token is shown once: send no Idempotency-Key here.", field="idempotency-key"
        )
    return answered_once(request, session, caller, draft, act, moment=now)


@router.get("/tokens")
def list_tokens(session: Reading, _caller: Admin) -> Page[TokenView]:
    """All tokens, without their secrets."""
    return Page(items=[views.token_view(row) for row in access.tokens(session)])


@router.delete("/tokens/{token_id}", status_code=204)
def revoke_token(token_id: str, session: Writing, caller: Admin, now: Now) -> Response:
    """End a token, at once and for ever."""
    access.revoke_token(session, token_id, caller=caller, now=now)
    return Response(status_code=204)
