"""Callers: tokens, and the sessions of browsers."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from nightbook.schemas.words import SCHEMA_VERSION, Draft, Name, PoolName, View


class TokenDraft(Draft):
    """A new token. Its scopes may not be wider than the caller's own."""

    name: Name
    scopes: Annotated[list[str], Field(min_length=1, max_length=20)]
    kind: Literal["pat", "svc", "wrk"] = "pat"
    owner: Name | None = None
    pools: Annotated[list[PoolName], Field(max_length=100)] = []
    expires_in_days: Annotated[int, Field(ge=1, le=366)] = 90


class TokenView(View):
    schema_version: int = SCHEMA_VERSION
    id: str
    name: str
    kind: str
    owner: str
    scopes: list[str]
    pools: list[str] = []
    created_at: datetime
    created_by: str
    expires_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    token: str | None = None


class CallerView(View):
    """Who is asking. `csrf_token` is given to a session (cookie) only."""

    name: str
    scopes: list[str]
    token_id: str
    csrf_token: str | None = None


class SessionDraft(Draft):
    """Log in to the web page with a one-time code or with a token."""

    code: Annotated[str, Field(max_length=200)] | None = None
    token: Annotated[str, Field(max_length=200)] | None = None


class LoginCodeView(View):
    code: str
    expires_in_seconds: int
