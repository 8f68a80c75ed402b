"""Routes that say when a trigger fires, before anything is saved; and other people's rules in our words."""

from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter
from sqlmodel import Session

from nightbook.api.deps import PREFIX, Now, Reading, SchedulesReader
from nightbook.core import recurrence
from nightbook.core.timetables import (
    FIRST_MARGIN,
    LEARNED_FROM,
    Timetable,
    is_finish_by,
    margin_from,
)
from nightbook.records import runs, schedules
from nightbook.records.schedules import Schedule
from nightbook.schemas import FireTimeView, PreviewDraft, PreviewView, RRuleDraft, RRuleView

router = APIRouter(prefix=f"{PREFIX}/schedules", tags=["schedules"])


@router.post("/preview")
def preview(draft: PreviewDraft, _caller: SchedulesReader, now: Now) -> PreviewView:
    """The next fire times of a trigger that need not be saved, and the trigger in words."""
    fields = draft.model_dump(mode="json")
    timetable = Timetable.of(fields)
    found = timetable.fire_times(draft.from_ or now, draft.count, _shift(fields["trigger"]))
    words = f"{_lead(fields['trigger'])}, as no run has shown yet how long it takes"
    return PreviewView(
        words=timetable.words(),
        fire_times=[FireTimeView.model_validate(fire, from_attributes=True) for fire in found],
        margin=_margin(fields["trigger"], words),
    )


def _shift(trigger: dict[str, object]) -> timedelta:
    if not is_finish_by(trigger):
        return timedelta(0)
    own = trigger.get("margin_seconds")
    return -timedelta(seconds=own) if isinstance(own, int) else -FIRST_MARGIN


def _lead(trigger: dict[str, object]) -> str:
    return f"starts {_minutes(-_shift(trigger))} before it must be ready"


def _minutes(margin: timedelta) -> str:
    minutes = round(margin / timedelta(minutes=1))
    return f"{minutes} minute" if minutes == 1 else f"{minutes} minutes"


def _margin(trigger: dict[str, object], learnt: str) -> str | None:
    if not is_finish_by(trigger):
        return None
    return learnt if trigger.get("margin_seconds") is None else f"{_lead(trigger)}, as the trigger says"


class _SavedPreviewDraft(PreviewDraft):
    trigger: None = None  # type: ignore[assignment]


@router.post("/{schedule_id}/preview")
def preview_saved(
    schedule_id: UUID,
    session: Reading,
    _caller: SchedulesReader,
    now: Now,
    draft: _SavedPreviewDraft | None = None,
) -> PreviewView:
    """The next fire times of a saved schedule, within its window, and when each run starts."""
    schedule = schedules.require(session, schedule_id)
    asked = draft or _SavedPreviewDraft()
    timetable = schedule.timetable
    found = timetable.fire_times(asked.from_ or now, asked.count, schedule.shift)
    return PreviewView(
        words=timetable.words(),
        fire_times=[FireTimeView.model_validate(fire, from_attributes=True) for fire in found],
        margin=_margin(schedule.trigger, _learnt(session, schedule)),
    )


def _learnt(session: Session, schedule: Schedule) -> str:
    durations = runs.durations(session, schedule.id, LEARNED_FROM)
    lead = f"starts {_minutes(timedelta(seconds=schedule.margin_seconds))} before it must be ready"
    if not durations:
        return f"{lead}, as no run has shown yet how long it takes"
    count = "the last success" if len(durations) == 1 else f"the last {len(durations)} successes"
    wanted = _minutes(margin_from(durations))
    return f"{lead}; {count} ask for {wanted}"


@router.post("/from-rrule")
def from_rrule(draft: RRuleDraft, _caller: SchedulesReader, now: Now) -> RRuleView:
    """A recurrence rule of RFC 5545 as a trigger of ours; 422 says which part has no equal."""
    read = recurrence.read(draft.rrule, timezone=draft.timezone, start=draft.start, now=now)
    return RRuleView.model_validate(read, from_attributes=True)
