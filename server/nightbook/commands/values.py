"""From what a user types to values: `-p name=value`, durations, triggers. A wrong one is a usage error."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import typer

from nightbook.schemas import Parameter

_TEXTUAL: Final = frozenset({"str", "date", "datetime"})
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN: Final = re.compile(r"(\d{1,9})([smhdw]?)")
_ISO_SPAN: Final = re.compile(r"P(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})S)?)?")


def assigned(texts: Iterable[str], option: str = "-p") -> dict[str, str]:
    """`name=value` pairs as text. Raises a usage error for anything else, and for a name given twice."""
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"write NAME=VALUE, not {text!r}", param_hint=option)
        if name in values:
            raise typer.BadParameter(f"{name} is given twice", param_hint=option)
        values[name] = value
    return values


def typed(texts: Mapping[str, str], declared: Iterable[Parameter]) -> dict[str, Any]:
    """Values as the notebook declares them: `5` is text for a `str`, a number for an `int`.

    What does not read as the declared type is sent as it is, for the server to refuse with a reason.
    """
    known = {parameter.name: parameter for parameter in declared}
    return {name: _value(text, known.get(name)) for name, text in texts.items()}


def _value(text: str, parameter: Parameter | None) -> object:
    if parameter is not None and parameter.nullable and text == "null":
        return None
    if parameter is not None and parameter.type in _TEXTUAL:
        return text
    if parameter is not None and parameter.type == "bool" and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    return _json_or_text(text)


def _json_or_text(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(name: str) -> object:
    raise ValueError(name)


def seconds(text: str | None, option: str) -> int | None:
    """`90`, `90s`, `15m`, `4h`, `2d` or ISO 8601 (`PT15M`), in seconds."""
    if text is None:
        return None
    if (short := _SPAN.fullmatch(text)) is not None:
        return int(short[1]) * _UNITS[short[2] or "s"]
    if (iso := _ISO_SPAN.fullmatch(text)) is not None and any(iso.groups()):
        days, hours, minutes, rest = (int(part or 0) for part in iso.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + rest
    raise typer.BadParameter("write a duration as 90s, 15m, 4h, 2d or PT15M", param_hint=option)


def trigger(
    *,
    cron: str | None = None,
    every: str | None = None,
    at: str | None = None,
    after: Sequence[str] | None = None,
    event: bool = False,
    manual: bool = False,
    **beside: Any,
) -> dict[str, Any] | None:
    """The one trigger that the options describe; null where they describe none.

    *beside* are options that go with some triggers only: timezone, dst_gap, dst_fold, finish_by, margin,
    after_state, after_any, event_parameter. `schedule_ids` of `--after` are as typed: ids or names.
    """
    given = {"--cron": cron, "--every": every, "--at": at, "--after": after, "--event": event}
    chosen = [name for name, value in {**given, "--manual": manual}.items() if value]
    if len(chosen) > 1:
        raise typer.BadParameter("choose one trigger", param_hint=" and ".join(chosen))
    kind = "".join(chosen)
    for name, value in beside.items():
        if value and kind not in _GOES_WITH[name]:
            hint = f"--{name.replace('_', '-')}"
            raise typer.BadParameter(
                f"give it together with {' or '.join(_GOES_WITH[name])}", param_hint=hint
            )
    kinds: dict[str, dict[str, Any]] = {
        "--cron": {"kind": "cron", "expression": cron},
        "--every": {"kind": "interval", "every": f"PT{seconds(every, '--every')}S"},
        "--at": {"kind": "once", "at": at},
        "--after": {"kind": "after", "schedule_ids": list(after or ())},
        "--event": {"kind": "event"},
        "--manual": {"kind": "manual"},
        "": {},
    }
    details = {
        "timezone": beside.get("timezone"),
        "dst_gap": beside.get("dst_gap"),
        "dst_fold": beside.get("dst_fold"),
        "finish_by": beside.get("finish_by") or None,
        "margin_seconds": seconds(beside.get("margin"), "--margin"),
        "states": list(beside.get("after_state") or ()) or None,
        "join": "any" if beside.get("after_any") else None,
        "parameters": list(beside.get("event_parameter") or ()) or None,
    }
    return {**kinds[kind], **{name: value for name, value in details.items() if value is not None}} or None


_TIMED: Final = ("--cron", "--every", "--at")
_GOES_WITH: Final[Mapping[str, Sequence[str]]] = {
    "timezone": ("--cron", "--every"),
    "dst_gap": ("--cron",),
    "dst_fold": ("--cron",),
    "finish_by": _TIMED,
    "margin": _TIMED,
    "after_state": ("--after",),
    "after_any": ("--after",),
    "event_parameter": ("--event",),
}
