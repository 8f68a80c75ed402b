"""Access: tokens, web sessions and what a caller may do.

A token is `nb_<kind>_<id><secret><crc>` in base62; the row keeps the SHA-256 of the secret (190 random
bits need no slow hash) and the public id by which it is found. Rights are scopes; an empty or unknown
scope means nobody.
"""

import hashlib
import hmac
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import Field, Session, SQLModel, col, select

from nightbook.adapters.database import Json, UtcDateTime
from nightbook.core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from nightbook.records import events

SCOPES = (
    "schedules:read",
    "schedules:write",
    "runs:read",
    "runs:trigger",
    "runs:cancel",
    "artifacts:read",
    "audit:read",
    "worker",
    "admin:*",
)
#: What an administrator's token carries; the lease protocol is for workers alone.
ADMIN_SCOPES = ("admin:*",)
#: What a person needs to author, run and read.
AUTHOR_SCOPES = (
    "schedules:read",
    "schedules:write",
    "runs:read",
    "runs:trigger",
    "runs:cancel",
    "artifacts:read",
)
#: What `worker` opens; pools are named on the token.
WORKER_SCOPES = ("worker",)

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID, _SECRET, _CRC = 10, 32, 6
_LAST_USED_STEP = timedelta(seconds=60)
_SESSION_IDLE = timedelta(hours=12)
_SESSION_LIFE = timedelta(days=7)
_CODE_LIFE = timedelta(minutes=15)


class Token(SQLModel, table=True):
    __tablename__ = "tokens"

    id: str = Field(primary_key=True)
    kind: str
    secret_sha256: str
    name: str
    owner: str
    scopes: list[str] = Field(sa_type=Json)
    pools: list[str] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str
    expires_at: datetime = Field(sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class WebSession(SQLModel, table=True):
    """A browser that logged in to the web page; acts with the rights of the token it logged in with."""

    __tablename__ = "web_sessions"

    id_sha256: str = Field(primary_key=True)
    token_id: str = Field(foreign_key="tokens.id", index=True)
    csrf_token: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)


class LoginCode(SQLModel, table=True):
    """A single-use code that opens a web session; shown as the link that `nightbook up` prints."""

    __tablename__ = "login_codes"

    code_sha256: str = Field(primary_key=True)
    token_id: str = Field(foreign_key="tokens.id")
    expires_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


@dataclass(frozen=True)
class Caller:
    """Who asks and what they may. `csrf_token` is set for a browser session only."""

    name: str
    token_id: str
    scopes: frozenset[str]
    pools: frozenset[str] = frozenset()
    csrf_token: str | None = None
    last_used_at: datetime | None = field(default=None, compare=False)

    def may(self, scope: str) -> bool:
        return scope in self.scopes or (scope != "worker" and "admin:*" in self.scopes)

    def require(self, scope: str) -> None:
        if not self.may(scope):
            raise Forbidden(
                "scope_missing", f"Your token lacks the scope {scope}. Ask an administrator for one."
            )

    def require_pool(self, pool: str) -> None:
        if pool not in self.pools:
            raise Forbidden("pool_not_allowed", f"This worker's token does not cover the pool {pool}.")


# ---------------------------------------------------------------- tokens


def create_token(
    session: Session,
    *,
    name: str,
    owner: str,
    scopes: Sequence[str],
    kind: str,
    pools: Sequence[str],
    expires_at: datetime,
    created_by: str,
    now: datetime,
) -> tuple[Token, str]:
    """Make a token. Return its row and the whole token, which is shown this once.

    Raises Invalid where a scope is unknown or a worker's token names no pool.
    """
    for scope in scopes:
        if scope not in SCOPES:
            raise Invalid("unknown_scope", f"Known scopes are {', '.join(SCOPES)}.", field="scopes")
    if "worker" in scopes and (kind != "wrk" or not pools or len(set(scopes)) > 1):
        raise Invalid(
            "worker_token",
            "A worker's token has kind wrk, the scope worker alone, and its pools.",
            field="scopes",
        )
    if kind == "wrk" and "worker" not in scopes:
        raise Invalid("worker_token", "A token of kind wrk has the scope worker.", field="kind")
    token_id, secret = _random(_ID), _random(_SECRET)
    row = Token(
        id=token_id,
        kind=kind,
        secret_sha256=_digest(secret),
        name=name,
        owner=owner,
        scopes=sorted(set(scopes)),
        pools=sorted(set(pools)),
        created_at=now,
        created_by=created_by,
        expires_at=expires_at,
    )
    session.add(row)
    facts = {"name": name, "owner": owner, "scopes": row.scopes, "pools": row.pools}
    events.record(
        session, "token.created", caller=created_by, about=("token", token_id), now=now, facts=facts
    )
    session.flush()
    body = f"nb_{kind}_{token_id}{secret}"
    return row, body + _checksum(body)


def require_grantable(caller: Caller, scopes: Sequence[str]) -> None:
    """Refuse a grantor who holds less than what would be granted."""
    for scope in scopes:
        if "admin:*" not in caller.scopes and not caller.may(scope):
            raise Forbidden("beyond_own_rights", f"You cannot grant {scope}, which you do not hold.")


def revoke_token(session: Session, token_id: str, *, caller: Caller, now: datetime) -> None:
    """End a token, and with it every web session that it opened."""
    row = session.get(Token, token_id)
    if row is None:
        raise NotFound("token_not_found", "There is no such token.")
    if row.revoked_at is None:
        row.revoked_at = now
        events.record(session, "token.revoked", caller=caller.name, about=("token", token_id), now=now)
    session.flush()


def tokens(session: Session) -> Sequence[Token]:
    return session.exec(select(Token).order_by(col(Token.created_at).desc())).all()


def caller_of_token(session: Session, text: str, now: datetime) -> Caller:
    """Find who holds this bearer token. Unknown id and wrong secret take one path."""
    row, secret = _split(session, text)
    expected = row.secret_sha256 if row else _digest("")
    is_right = hmac.compare_digest(_digest(secret), expected) and row is not None
    if not is_right or row is None or not _is_live(row, now):
        raise Unauthenticated("not_authenticated", "Send a valid token as 'Authorization: Bearer nb_…'.")
    return _caller(row)


def note_use(session: Session, token_id: str, now: datetime) -> bool:
    """Keep when a token was last used, in steps of a minute. Return whether anything was written."""
    changed = session.execute(
        update(Token)
        .where(
            col(Token.id) == token_id,
            (col(Token.last_used_at).is_(None)) | (col(Token.last_used_at) < now - _LAST_USED_STEP),
        )
        .values(last_used_at=now)
    )
    return bool(changed.rowcount)  # type: ignore[attr-defined]


def is_use_noted(caller: Caller, now: datetime) -> bool:
    """Say whether the caller's last use, as it was when the caller was found, is recent enough."""
    return caller.last_used_at is not None and caller.last_used_at > now - _LAST_USED_STEP


def _split(session: Session, text: str) -> tuple[Token | None, str]:
    prefix, _, kind_and_rest = text.partition("_")
    _, _, rest = kind_and_rest.partition("_")
    is_whole = prefix == "nb" and len(rest) == _ID + _SECRET + _CRC and rest.isascii() and rest.isalnum()
    if not is_whole or _checksum(text[:-_CRC]) != text[-_CRC:]:
        return None, ""
    return session.get(Token, rest[:_ID]), rest[_ID:-_CRC]


def _is_live(row: Token, now: datetime) -> bool:
    return row.revoked_at is None and now < row.expires_at


def _caller(row: Token, csrf_token: str | None = None) -> Caller:
    return Caller(
        name=row.owner,
        token_id=row.id,
        scopes=frozenset(row.scopes),
        pools=frozenset(row.pools),
        csrf_token=csrf_token,
        last_used_at=row.last_used_at,
    )


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _checksum(text: str) -> str:
    """CRC32 in base62, so that a scanner of leaked secrets needs no server to know a token of ours."""
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(_CRC):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


# ---------------------------------------------------------------- web sessions


def create_login_code(session: Session, caller: Caller, now: datetime) -> tuple[str, int]:
    """Make a single-use code for *caller*'s own browser. Return it and its life in seconds."""
    code = secrets.token_urlsafe(24)
    session.add(LoginCode(code_sha256=_digest(code), token_id=caller.token_id, expires_at=now + _CODE_LIFE))
    session.flush()
    return code, int(_CODE_LIFE.total_seconds())


def log_in_with_code(session: Session, code: str, session_id: str, now: datetime) -> Caller:
    """Open the web session *session_id* with a one-time code."""
    used = session.execute(
        update(LoginCode)
        .where(
            col(LoginCode.code_sha256) == _digest(code),
            col(LoginCode.used_at).is_(None),
            col(LoginCode.expires_at) > now,
        )
        .values(used_at=now)
    )
    if not used.rowcount:  # type: ignore[attr-defined]
        raise Unauthenticated(
            "login_refused", "This link was used or is too old. Log in with your token instead."
        )
    token_id = session.exec(
        select(LoginCode.token_id).where(col(LoginCode.code_sha256) == _digest(code))
    ).one()
    return _open_web_session(session, session.get_one(Token, token_id), session_id, now)


def log_in_with_token(session: Session, text: str, session_id: str, now: datetime) -> Caller:
    """Open the web session *session_id* with a bearer token, which is not kept in the browser."""
    caller = caller_of_token(session, text, now)
    if "worker" in caller.scopes:
        raise Unauthenticated("login_refused", "A worker's token opens no web session.")
    return _open_web_session(session, session.get_one(Token, caller.token_id), session_id, now)


def _open_web_session(session: Session, row: Token, session_id: str, now: datetime) -> Caller:
    if not _is_live(row, now):
        raise Unauthenticated("login_refused", "The token behind this log-in has ended.")
    csrf_token = secrets.token_urlsafe(32)
    session.add(
        WebSession(
            id_sha256=_digest(session_id), token_id=row.id, csrf_token=csrf_token, created_at=now, seen_at=now
        )
    )
    events.record(session, "session.opened", caller=row.owner, about=("token", row.id), now=now)
    session.flush()
    return _caller(row, csrf_token)


def caller_of_session(session: Session, session_id: str, now: datetime) -> Caller:
    """Find who is behind a cookie; idle for 12 h or older than 7 d, it is nobody."""
    row = session.get(WebSession, _digest(session_id))
    token = session.get(Token, row.token_id) if row else None
    is_open = row is not None and now - row.seen_at < _SESSION_IDLE and now - row.created_at < _SESSION_LIFE
    if row is None or token is None or not is_open or not _is_live(token, now):
        raise Unauthenticated("not_authenticated", "Log in again.")
    return _caller(token, row.csrf_token)


def note_session_use(session: Session, session_id: str, now: datetime) -> None:
    session.execute(
        update(WebSession).where(col(WebSession.id_sha256) == _digest(session_id)).values(seen_at=now)
    )


def close_web_session(session: Session, session_id: str) -> None:
    row = session.get(WebSession, _digest(session_id))
    if row is not None:
        session.delete(row)
        session.flush()


# ---------------------------------------------------------------- idempotency keys


class Answer(SQLModel, table=True):
    """The first answer to a POST that carried an Idempotency-Key."""

    __tablename__ = "answers"

    caller: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str
    status: int
    body: dict[str, object] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    kept: bool


def earlier_answer(session: Session, caller: Caller, key: str, fingerprint: str) -> Answer | None:
    """The answer that this key got before. Raises Conflict where it came with another request."""
    row = session.get(Answer, (caller.token_id, key), populate_existing=True)
    if row is not None and row.fingerprint != fingerprint:
        raise Conflict(
            "idempotency_conflict",
            "This Idempotency-Key was used for another request. Make a new key for a new request.",
        )
    return row
