"""Scratch: a database of its own with any number of active schedules, and beats that are real processes.

One schedule is made as the API makes it; the others are copies of its row, made by the database itself.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import world
from cluster import database_of_its_own, plain_environment
from sqlalchemy import BindParameter, Engine, bindparam, text
from sqlmodel import Session

from nightbook.adapters import database
from nightbook.core.clock import new_id, utc_now

DATABASES = ("sqlite", "postgresql")
_APART = timedelta(hours=1)
#: Schedules that are not due share this many fire times, all of them hours away.
_MOMENTS = 100


class Scratch:
    """A migrated database."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.engine: Engine = database.open_engine(url, pool_size=4)
        self._folder = folder
        self._written = database.sessions(self.engine)
        self._read = database.reading_sessions(self.engine)

    def writing(self) -> Session:
        return self._written()

    def reading(self) -> Session:
        return self._read()

    def fill(self, active: int) -> None:
        """Let exactly *active* schedules be active, none of them due within the hour."""
        far = utc_now().replace(microsecond=0) + timedelta(hours=2)
        with self._written.begin() as session:
            session.execute(text("UPDATE schedules SET next_fire_at = NULL, due_at = NULL"))
            each, rest = divmod(active, _MOMENTS)
            for number in range(_MOMENTS):
                self._copy(session, far + number * _APART, each + (number < rest))
        self._analyze()

    def make_due(self, count: int, at: datetime) -> None:
        """Put *count* schedules that fire at *at* in the place of as many others."""
        with self._written.begin() as session:
            session.execute(
                text(
                    "UPDATE schedules SET next_fire_at = NULL, due_at = NULL WHERE id IN "
                    "(SELECT id FROM schedules WHERE due_at IS NOT NULL ORDER BY due_at LIMIT :count)"
                ),
                {"count": count},
            )
            self._copy(session, at, count)

    def left(self, session: Session, at: datetime) -> int:
        """How many fire times of *at* are still no row of the ledger."""
        wanted = text("SELECT count(*) FROM schedules WHERE due_at = :at").bindparams(_moment("at", at))
        return int(session.execute(wanted).scalar_one())

    def rows_at(self, at: datetime) -> tuple[int, int]:
        """The runs whose fire time is *at*, and the schedules that have one."""
        wanted = text(
            "SELECT count(*), count(DISTINCT schedule_id) FROM runs WHERE fire_at = :at"
        ).bindparams(_moment("at", at))
        with self._read() as session:
            runs, schedules = session.execute(wanted).one()
        return int(runs), int(schedules)

    def _copy(self, session: Session, at: datetime, count: int) -> None:
        if count == 0:
            return
        trigger = {"kind": "interval", "every": "PT1H", "anchor": at.isoformat(), "timezone": "UTC"}
        first = world.schedule(
            session,
            now=at - timedelta(minutes=30),
            trigger=trigger,
            overlap="allow",
            name=f"bench {new_id()}",
        )
        assert first.next_fire_at == at, (first.next_fire_at, at)
        session.flush()
        columns = [column.name for column in type(first).__table__.columns]  # type: ignore[attr-defined]
        fresh, series = _DIALECT[session.get_bind().dialect.name]
        changed = {
            "id": fresh,
            "name": f"name || ' {new_id()} ' || n",
            "live_name": f"live_name || ' {new_id()} ' || n",
        }
        session.execute(
            text(
                f"INSERT INTO schedules ({', '.join(columns)}) "
                f"SELECT {', '.join(changed.get(name, name) for name in columns)} "
                f"FROM schedules, ({series}) AS numbers WHERE name = :name"
            ),
            {"count": count - 1, "name": first.name},
        )

    def _analyze(self) -> None:
        with self.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("ANALYZE")

    @contextmanager
    def beats(self, count: int) -> Iterator[None]:
        """*count* beats, each a process."""
        environment = plain_environment(self._folder) | {
            "NIGHTBOOK_HOME": str(self._folder / "home"),
            "NIGHTBOOK_DATABASE_URL": self.url,
        }
        with (self._folder / "beats.log").open("ab") as log:
            processes = [
                subprocess.Popen(
                    [sys.executable, "-m", "nightbook", "beat"], env=environment, stdout=log, stderr=log
                )
                for _ in range(count)
            ]
        try:
            yield
            gone = [process.returncode for process in processes if process.poll() is not None]
            if gone:
                raise SystemExit(f"a beat ended: {gone}\n{(self._folder / 'beats.log').read_text()[-2000:]}")
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _moment(name: str, at: datetime) -> BindParameter[datetime]:
    return bindparam(name, at, type_=database.UtcDateTime())


#: How each database makes an id and counts.
_DIALECT = {
    "sqlite": (
        "lower(hex(randomblob(16)))",
        "WITH RECURSIVE c(n) AS (SELECT 1 WHERE :count >= 1 UNION ALL SELECT n + 1 FROM c WHERE n < :count) "
        "SELECT n FROM c",
    ),
    "postgresql": ("gen_random_uuid()", "SELECT n FROM generate_series(1, :count) AS g(n)"),
}


@contextmanager
def opened(kind: str, folder: Path) -> Iterator[Scratch]:
    """A new database of *kind*, gone afterwards."""
    place = folder / f"{kind}-{os.urandom(3).hex()}"
    place.mkdir()
    with ExitStack() as ends:
        url = f"sqlite:///{place}/rows.db" if kind == "sqlite" else ends.enter_context(database_of_its_own())
        database.migrate(url)
        scratch = Scratch(url, place)
        ends.callback(scratch.engine.dispose)
        with scratch.writing() as session, session.begin():
            world.version(session)
        yield scratch
