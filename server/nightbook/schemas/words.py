"""Words of the wire: the types of fields, and what every draft, view and page has in common."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

SCHEMA_VERSION = 1

Item = TypeVar("Item")

# ---------------------------------------------------------------- words of the wire

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2201, 1, 1, tzinfo=UTC)
_FORBIDDEN_CATEGORIES = {"Cc", "Cs", "Cn", "Zl", "Zp"}
_BIDI_AND_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad]")
_TOO_MANY_MARKS = re.compile(
    r"[^\W\d_]?[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{9,}"
)


def _plain_line(text: str) -> str:
    """One visible line, stored in NFC: no controls, no invisible or direction-changing characters."""
    text = unicodedata.normalize("NFC", text)
    if not text.strip():
        raise PydanticCustomError("empty", "must not be empty")
    if text != text.strip():
        raise PydanticCustomError("surrounding_space", "must not begin or end with a space")
    _refuse_hidden(text, allowed="")
    return text


def _plain_text(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    _refuse_hidden(text, allowed="\n\t\r")
    return text


def _refuse_hidden(text: str, *, allowed: str) -> None:
    if any(unicodedata.category(c) in _FORBIDDEN_CATEGORIES and c not in allowed for c in text):
        raise PydanticCustomError("control_character", "must not contain control characters or line breaks")
    if _BIDI_AND_INVISIBLE.search(text):
        raise PydanticCustomError(
            "invisible_character", "must not contain invisible or direction-changing characters"
        )
    if _TOO_MANY_MARKS.search(text):
        raise PydanticCustomError("too_many_marks", "must not stack more than 8 marks on one character")


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise PydanticCustomError(
            "naive_instant", "must name its offset from UTC, for example 2026-11-23T07:30:00Z"
        )
    # Compared before it is converted: at the edges of the calendar a conversion overflows.
    if not _EARLIEST <= moment < _LATEST:
        raise PydanticCustomError("out_of_range", "must lie between the years 2000 and 2200")
    return moment.astimezone(UTC)


_RFC3339 = re.compile(r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$")


def _rfc3339(value: object) -> object:
    # pydantic alone also takes numbers, dates and naive forms.
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _RFC3339.match(value):
        raise PydanticCustomError(
            "not_an_instant", "must be an RFC 3339 instant, for example 2026-11-23T07:30:00Z"
        )
    return value


def _notebook_path(path: str) -> str:
    """A label that people know, with forward slashes; never a place on a disk of ours."""
    path = _plain_line(path)
    parts = path.split("/")
    if (
        path.startswith(("/", "~"))
        or "\\" in path
        or ":" in parts[0]
        or any(p in {"", ".", ".."} for p in parts)
    ):
        raise PydanticCustomError("not_a_path", "must be a relative path with forward slashes and no '..'")
    if len(path.encode()) > 1024 or any(len(p.encode()) > 255 for p in parts):
        raise PydanticCustomError("too_long", "must be at most 1,024 bytes, and 255 a part")
    return path


def _unique(tags: list[str]) -> list[str]:
    if len(set(tags)) != len(tags):
        raise PydanticCustomError("duplicate", "must not name a tag twice")
    return tags


def _no_comma(tag: str) -> str:
    if "," in tag:
        raise PydanticCustomError("comma", "must not contain a comma")
    return tag


def _http_url(url: str) -> str:
    if not re.match(r"^https?://[^\s/?#@]+([/?#]\S*)?$", url):
        raise PydanticCustomError("not_a_url", "must be an http or https address without user name")
    return url


_PARAMETER_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")

Instant = Annotated[datetime, Field(strict=False), BeforeValidator(_rfc3339), AfterValidator(_utc)]
Id = Annotated[UUID, Field(strict=False)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain_line)]
Text = Annotated[str, Field(max_length=10_000), AfterValidator(_plain_text)]
NotebookPath = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_notebook_path)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Tags = Annotated[
    list[
        Annotated[
            str, Field(min_length=1, max_length=64), AfterValidator(_plain_line), AfterValidator(_no_comma)
        ]
    ],
    Field(max_length=50),
    AfterValidator(_unique),
]
#: How a worker keeps attempts apart; `container`: the platform around it does.
#: How a kernel was started: it waited ready, was forked for the run, or came the ordinary way.
KernelStart = Literal["pool", "forked", "ordinary"]
SandboxLevel = Literal["none", "process", "bubblewrap", "container"]
PoolName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Parameters = dict[str, Any]  # checked against the notebook by core.parameters
HttpUrl = Annotated[str, Field(max_length=2000), AfterValidator(_http_url)]


class Draft(BaseModel):
    """Sent by a caller: no unknown field, nothing coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class View(BaseModel):
    """Sent by the server."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class Page(View, Generic[Item]):
    """A keyset page: send `next_cursor` back as `cursor` for the page after it."""

    schema_version: int = SCHEMA_VERSION
    items: list[Item]
    next_cursor: str | None = None


class ProblemError(View):
    field: str
    code: str
    message: str


class Problem(View):
    """An RFC 9457 problem document."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str | None = None
    errors: list[ProblemError] = []
