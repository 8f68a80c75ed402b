"""From what a user types to values: `-p name=value`, durations, triggers. A wrong one is a usage error."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import typer

from nightbook.schemas import Parameter

_TEXTUAL: Final = frozenset({"str", "date", "datetime"})
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN: Final = re.compile(r"(\d{1,9})([smhdw]?)")
_ISO_SPAN: Final = re.compile(r"P(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})S)?)?")


def assigned(texts: Iterable[str]) -> dict[str, str]:
    """`name=value` pairs as text. Raises a usage error for anything else, and for a name given twice."""
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"write a parameter as NAME=VALUE, not {text!r}", param_hint="-p")
        if name in values:
            raise typer.BadParameter(f"{name} is given twice", param_hint="-p")
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
    cron: str | None,
    every: str | None,
    at: str | None,
    manual: bool,
    timezone: str | None,
    dst_gap: str | None,
    dst_fold: str | None,
) -> dict[str, Any] | None:
    """The one trigger that the options describe; null where they describe none."""
    chosen = [
        name
        for name, given in (("--cron", cron), ("--every", every), ("--at", at), ("--manual", manual))
        if given
    ]
    if len(chosen) > 1:
        raise typer.BadParameter("choose one trigger", param_hint=" and ".join(chosen))
    beside = {"timezone": timezone, "dst_gap": dst_gap, "dst_fold": dst_fold}
    allowed = {"--cron": set(beside), "--every": {"timezone"}}.get("".join(chosen), set())
    for name, given in beside.items():
        if given is not None and name not in allowed:
            raise typer.BadParameter("give it together with --cron", param_hint=f"--{name.replace('_', '-')}")
    if cron:
        made: dict[str, Any] = {"kind": "cron", "expression": cron, **beside}
    elif every:
        made = {"kind": "interval", "every": f"PT{seconds(every, '--every')}S", "timezone": timezone}
    elif at:
        made = {"kind": "once", "at": at}
    else:
        made = {"kind": "manual"} if manual else {}
    return {name: value for name, value in made.items() if value is not None} or None
