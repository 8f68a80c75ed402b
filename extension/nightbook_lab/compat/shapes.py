"""What jupyter-scheduler says of a job or a definition, in the words of our API, and back. Pure.

A *job* of theirs is a run of ours, a *job definition* a schedule, an *environment* a kernel.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

Shape = dict[str, Any]

FORMATS: Final = {"ipynb": "Notebook", "html": "HTML"}
_STATUS: Final = {
    "queued": "QUEUED",
    "running": "IN_PROGRESS",
    "succeeded": "COMPLETED",
    "failed": "FAILED",
    "timed_out": "FAILED",
    "lost": "FAILED",
    "cancelled": "STOPPED",
    "skipped": "STOPPED",
    "expired": "STOPPED",
}


def states_of(status: str) -> list[str]:
    """The states of runs that *status* stands for."""
    if status == "STOPPING":
        return ["running"]
    if status == "CREATED":
        return ["queued"]
    return [state for state, theirs in _STATUS.items() if theirs == status]


def typed(texts: Mapping[str, str] | None, declared: Sequence[Mapping[str, Any]]) -> Shape:
    """Values out of the texts that their form sends, by the types that the notebook declares.

    A text that does not fit its type goes on as it is, so that the server refuses it by its name.
    """
    types = {one["name"]: str(one["type"]) for one in declared}
    return {name: _typed(text, types.get(name, "str")) for name, text in (texts or {}).items()}


def _typed(text: str, kind: str) -> Any:
    if kind == "str":
        return text
    spelling = {"True": "true", "False": "false", "None": "null"}.get(text.strip(), text)
    try:
        return json.loads(spelling)
    except ValueError:
        return text


def texts(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Parameters as their shapes have them: text for text, JSON for the rest."""
    return {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()
    }


def trigger(schedule: str | None, timezone: str | None) -> Shape:
    """Their cron expression and zone as a trigger; without an expression only a person starts it."""
    if not schedule:
        return {"kind": "manual"}
    return {"kind": "cron", "expression": schedule, "timezone": timezone or "UTC"}


def job(run: Mapping[str, Any], base_url: str) -> Shape:
    """A run, as the fields of their `DescribeJob`."""
    status = "STOPPING" if run.get("cancelling_since") else _STATUS[run["state"]]
    finished = _milliseconds(run["finished_at"])
    created = _milliseconds(run["created_at"]) or 0
    return {
        **_common(run),
        "name": run["note"] or run["schedule_name"] or _file_name(run),
        "job_id": run["id"],
        "job_definition_id": run["schedule_id"],
        "url": f"{base_url}scheduler/jobs/{run['id']}",
        "create_time": created,
        "update_time": finished or _milliseconds(run["started_at"]) or created,
        "start_time": _milliseconds(run["started_at"]),
        "end_time": finished,
        "status": status,
        "status_message": run["reason"],
    }


def definition(schedule: Mapping[str, Any]) -> Shape:
    """A schedule, as the fields of their `DescribeJobDefinition`; what is no cron has no expression there."""
    when = schedule["trigger"]
    is_cron = when["kind"] == "cron"
    return {
        **_common(schedule),
        "name": schedule["name"],
        "job_definition_id": schedule["id"],
        "schedule": when["expression"] if is_cron else None,
        "timezone": when["timezone"] if is_cron else None,
        "create_time": _milliseconds(schedule["created_at"]),
        "update_time": _milliseconds(schedule["updated_at"]),
        "active": schedule["state"] == "active",
    }


def _common(ours: Mapping[str, Any]) -> Shape:
    return {
        "input_filename": _file_name(ours),
        "runtime_environment_name": ours["kernel"] or "",
        "runtime_environment_parameters": {},
        "output_formats": list(FORMATS),
        "parameters": texts(ours["parameters"]),
        "tags": ours["tags"],
    }


def _file_name(ours: Mapping[str, Any]) -> str:
    return str(ours["notebook"]["path"]).rsplit("/", 1)[-1]


def _milliseconds(instant: str | None) -> int | None:
    return None if instant is None else int(datetime.fromisoformat(instant).timestamp() * 1000)


def instant(milliseconds: int) -> str:
    """Their milliseconds since 1970 as our API takes an instant."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat().replace("+00:00", "Z")
