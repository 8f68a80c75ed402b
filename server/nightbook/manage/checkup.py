"""The check-up of what only a server reaches: database, artifacts, broker, printer (`nightbook doctor`)."""

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from nightbook.adapters import database
from nightbook.adapters.broker import Doorbell
from nightbook.adapters.chromium import CannotPrintError
from nightbook.adapters.printing import Printer
from nightbook.adapters.storage import ArtifactStore
from nightbook.commands.checks import Check, doubtful, well, wrong
from nightbook.core import rendering
from nightbook.core.errors import Fault
from nightbook.settings import Settings


def examine(settings: Settings) -> list[Check]:
    """Database, artifact store and broker, as this machine reaches them, and what it can print."""
    return [
        _examine_database(settings),
        _examine_store(settings),
        _examine_broker(settings),
        _examine_printer(settings),
    ]


def _examine_database(settings: Settings) -> Check:
    place = database.file_of(settings.database)
    if place is not None and not place.exists():
        return doubtful(
            "database", f"there is none yet at {place}", "Run 'nightbook up' or 'nightbook init'."
        )
    try:
        engine = database.open_engine(settings.database, pool_size=1)
        try:
            is_current = database.is_at_head(engine)
        finally:
            engine.dispose()
    except SQLAlchemyError as error:
        return wrong("database", database.said_by(error), "Check NIGHTBOOK_DATABASE_URL and that it runs.")
    except Fault as fault:
        return wrong("database", "it cannot be used here", fault.message)
    if not is_current:
        return wrong("database", "it is at another revision than this release", "Run 'nightbook migrate'.")
    return well("database", f"{make_url(settings.database).get_backend_name()}, at this release's revision")


def _examine_store(settings: Settings) -> Check:
    try:
        is_writable = ArtifactStore(settings.artifacts).check()
    except ValueError as error:
        return wrong("artifacts", str(error), "Install the file system's package, or correct the address.")
    if not is_writable:
        return wrong(
            "artifacts", "the store takes no bytes", "Check NIGHTBOOK_ARTIFACTS_URL, rights and space."
        )
    return well("artifacts", "the store takes and gives back bytes")


def _examine_broker(settings: Settings) -> Check:
    if settings.broker_url is None:
        return well("broker", "none is set; 'nightbook up' brings its own")
    try:
        doorbell = Doorbell(settings.broker_url)
        answers = doorbell.check()
        doorbell.close()
    except ValueError as error:
        return wrong("broker", str(error), "Correct NIGHTBOOK_BROKER_URL.")
    if not answers:
        return doubtful(
            "broker", "it does not answer; runs start later", "Check NIGHTBOOK_BROKER_URL and that it runs."
        )
    return well("broker", "it answers")


def _examine_printer(settings: Settings) -> Check:
    if settings.chromium == "off":
        return well("pdf", "switched off by NIGHTBOOK_CHROMIUM=off")
    printer = Printer(settings.chromium, policy=rendering.CSP, sandbox=settings.chromium_sandbox)
    try:
        wall = printer.proven()
    except CannotPrintError as error:
        return doubtful("pdf", error.why, error.next_step)
    if settings.chromium_sandbox == "none":
        return doubtful(
            "pdf", f"Chromium prints, with {wall.name}", "Let the platform keep the server in a container."
        )
    return well("pdf", f"Chromium prints, within {wall.name}")
