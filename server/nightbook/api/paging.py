"""Keyset pages: a cursor is where the last page ended, opaque to its reader and checked on its way back."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, TypeVar
from uuid import UUID

from fastapi import Query

from nightbook.core.errors import Invalid

_T = TypeVar("_T")

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=2000)]
ByCreation = Annotated[Literal["-created_at", "created_at"], Query()]


def encode(position: str) -> str:
    raw = position.encode()
    return base64.urlsafe_b64encode(_check(raw) + raw).decode().rstrip("=")


def _check(raw: bytes) -> bytes:
    # Against slips only: a page shows its reader nothing that he may not see, wherever it begins.
    return hashlib.blake2b(raw, digest_size=4).digest()


def decode(cursor: str | None) -> str | None:
    """Where the page before ended. Raises Invalid for a cursor that we did not give."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        position = raw[4:].decode()
    except (binascii.Error, ValueError) as error:
        raise _bad_cursor() from error
    if encode(position) != cursor:
        raise _bad_cursor()
    return position


def decode_id(cursor: str | None) -> UUID | None:
    position = decode(cursor)
    try:
        return UUID(position) if position is not None else None
    except ValueError as error:
        raise _bad_cursor() from error


def decode_moment(cursor: str | None) -> datetime | None:
    position = decode(cursor)
    try:
        moment = datetime.fromisoformat(position) if position is not None else None
    except ValueError as error:
        raise _bad_cursor() from error
    if moment is not None and moment.tzinfo is None:
        raise _bad_cursor()
    return moment


def decode_number(cursor: str | None) -> int | None:
    position = decode(cursor)
    if position is None:
        return None
    if not position.isdecimal() or len(position) > 18:
        raise _bad_cursor()
    return int(position)


def cut(found: Sequence[_T], limit: int) -> tuple[Sequence[_T], _T | None]:
    """Ask for one more than a page holds: the page, and its last item where more follow."""
    shown = found[:limit]
    return shown, (shown[-1] if len(found) > limit else None)


def _bad_cursor() -> Invalid:
    return Invalid("bad_cursor", "Use the next_cursor of the page before, unchanged.", field="cursor")
