"""From the settings to a client, and from a word that a user typed to the thing that is meant."""

import os
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from nightbook import settings as settings_of
from nightbook.client import Client, Missing, NightbookError
from nightbook.schemas import ScheduleView, VersionView
from nightbook.settings import Settings, WrongSettings

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", envvar="NIGHTBOOK_CONFIG", help="A TOML file with settings.", show_default=False
    ),
]


def connect(settings: Settings | None = None) -> Client:
    """A client of the server that the settings name. Raises WrongSettings, NightbookError."""
    settings = settings or load_settings()
    file = settings.token_file
    if file is not None and settings.token is None and not file.is_file():
        raise NightbookError(f"NIGHTBOOK_TOKEN_FILE: there is no file {file}.")
    return Client(settings=settings)


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:
    """The settings, from the file that the option names, else from that of NIGHTBOOK_CONFIG."""
    named = os.environ.get("NIGHTBOOK_CONFIG")
    try:
        return settings_of.load(config or (Path(named) if named else None), **overrides)
    except RuntimeError as error:  # a user without a home folder
        raise WrongSettings(f"NIGHTBOOK_HOME: name a folder, for this user has none ({error})") from error


def schedule_of(client: Client, word: str) -> ScheduleView:
    """The schedule with this id or exactly this name."""
    try:
        return client.schedules.show(UUID(word))
    except ValueError:
        pass
    for schedule in client.schedules.list(q=word):
        if schedule.name == word:
            return schedule
    raise NightbookError(
        f"There is no schedule {word!r}. 'nightbook schedule list' shows their ids and names."
    )


def run_id_of(word: str) -> UUID:
    try:
        return UUID(word)
    except ValueError:
        hint = "a run's id looks like 01930000-0000-7000-8000-000000000000; see 'nightbook runs list'"
        raise typer.BadParameter(hint, param_hint="RUN") from None


def version_of(client: Client, notebook: str) -> VersionView:
    """A file here, uploaded as it is now; else what the server keeps under this path or SHA-256."""
    if Path(notebook).is_file():
        return client.notebooks.upload(notebook)
    try:
        if len(notebook) == 64 and set(notebook) <= set("0123456789abcdef"):
            return client.notebooks.version(notebook)
        for version in client.notebooks.versions(notebook):
            return version
    except Missing:
        pass
    raise NightbookError(f"{notebook}: no such file here, and no such notebook on the server.")
