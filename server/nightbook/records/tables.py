"""All tables in one place, so that the metadata is whole for migrations and tests."""

from nightbook.records.access import Answer, LoginCode, Token, WebSession
from nightbook.records.artifacts import Artifact
from nightbook.records.chains import Arrival, ScheduleLink
from nightbook.records.events import Event
from nightbook.records.gaps import LedgerGap
from nightbook.records.journals import JournalPiece
from nightbook.records.notebooks import NotebookVersion, Version
from nightbook.records.pools import Pool, Worker
from nightbook.records.runs import Attempt, Run, RunTag
from nightbook.records.schedules import Schedule
from nightbook.records.streaks import RedStreak
from nightbook.records.tallies import HourTally

ALL = (
    Answer,
    Arrival,
    ScheduleLink,
    LedgerGap,
    Artifact,
    Attempt,
    Event,
    HourTally,
    JournalPiece,
    LoginCode,
    NotebookVersion,
    Pool,
    RedStreak,
    Run,
    RunTag,
    Schedule,
    Token,
    Version,
    WebSession,
    Worker,
)
