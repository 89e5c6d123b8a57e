"""What the doctor looks at, one finding each."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, text

from sketchmaker import schema, settings
from sketchmaker.clock import SystemClock
from sketchmaker.commands.books import summary
from sketchmaker.commands.long_wait import LongWait
from sketchmaker.credits import books
from sketchmaker.credits.tables import LEDGER
from sketchmaker.database import Database, DatabaseUnavailable
from sketchmaker.limits.setting import in_force, limits_from
from sketchmaker.scheduling.health import SchedulerHealth, scheduler_health
from sketchmaker.schema import SchemaError
from sketchmaker.settings import Settings

OK, NOTE, FAILED = "OK", "NOTE", "FAILED"
LEAST_FREE_BYTES = 500_000_000
CLOCKS_APART = timedelta(seconds=2)


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and a sentence; of a failure, what to do."""

    level: str
    what: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.level:<7} {self.what}: {self.sentence}"


def examine() -> Iterator[Finding]:
    """Look at everything. What needs the database is left out when it can't be used.

    Raises:
        SettingsError: the settings can't be read.
    """
    configured = settings.load()
    yield _settings(configured)
    yield Finding(OK, "limits", in_force(limits_from(configured.limits)))
    yield _data_folder(configured)
    database = Database(configured.database_url)
    try:
        usable = _database(database)
        yield usable
        if usable.level != FAILED:
            yield from _inside(database, SystemClock())
    finally:
        database.close()


def _settings(configured: Settings) -> Finding:
    warning = configured.unknown_names_warning
    return Finding(NOTE, "settings", warning) if warning else Finding(OK, "settings", "Understood.")


def _data_folder(configured: Settings) -> Finding:
    free = shutil.disk_usage(configured.data_folder).free
    told = f"{configured.data_folder} can be written; {free // 1_000_000:,} MB are free."
    if free < LEAST_FREE_BYTES:
        return Finding(FAILED, "data folder", f"{told} Make room before images fail.")
    return Finding(OK, "data folder", told)


def _database(database: Database) -> Finding:
    try:
        database.ping()
        schema.check(database)
    except (DatabaseUnavailable, SchemaError) as error:
        return Finding(FAILED, "database", str(error))
    return Finding(OK, "database", f"{database.dialect} answers, and its schema is this code's.")


def _inside(database: Database, clock: SystemClock) -> Iterator[Finding]:
    now = clock.now()
    yield _clock(database, clock, now)
    with database.reading() as session:
        health = scheduler_health(session, now=now)
    yield _scheduler(health)
    yield _overdue(health)
    yield _left_out(health)
    yield _books(database, now)


def _clock(database: Database, clock: SystemClock, now: datetime) -> Finding:
    if clock.leap is not None:
        return Finding(FAILED, "clock", f"It leapt ahead by {clock.leap}: set it right.")
    with database.reading() as session:
        newest = session.scalar(select(func.max(LEDGER.c.created_at)))
        if database.dialect == "postgresql":
            servers: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
            if abs(servers - clock.now()) > CLOCKS_APART:
                told = f"It differs from the database server's by {servers - clock.now()}."
                return Finding(FAILED, "clock", f"{told} Let both keep time by NTP.")
    if newest is not None and newest - now > CLOCKS_APART:
        told = f"The ledger has a row of {newest.isoformat()}, which is yet to come."
        return Finding(FAILED, "clock", f"{told} This clock is behind, or one was ahead.")
    return Finding(OK, "clock", f"{now.isoformat(timespec='seconds')}.")


def _scheduler(health: SchedulerHealth) -> Finding:
    if not health.is_alive:
        last = health.last_heartbeat
        since = f"since {last.isoformat(timespec='seconds')}" if last else "yet"
        told = f"None runs ({since}). Start the product; what is due is caught up then."
        return Finding(NOTE, "scheduler", told)
    if health.missing:
        told = f"{health.living} alive, {health.missing} stopped without a word and not replaced."
        return Finding(FAILED, "scheduler", f"{told} Start them again, or see why they ended.")
    return Finding(OK, "scheduler", f"{health.living} alive.")


def _overdue(health: SchedulerHealth) -> Finding:
    if not health.overdue:
        return Finding(OK, "overdue", "No reset is late.")
    if health.is_alive:
        told = f"{health.overdue} resets are late though a scheduler runs: look into its log."
        return Finding(FAILED, "overdue", told)
    return Finding(NOTE, "overdue", f"{health.overdue} resets wait for a scheduler.")


def _left_out(health: SchedulerHealth) -> Finding:
    if not health.set_aside:
        return Finding(OK, "set aside", "Nothing is.")
    level = FAILED if any(reset.is_alarm for reset in health.set_aside) else NOTE
    told = f"{len(health.set_aside)} resets: python -m sketchmaker resets left-out tells why."
    return Finding(level, "set aside", told)


def _books(database: Database, now: datetime) -> Finding:
    with LongWait("Verifying") as wait, database.reading() as session:
        found = books.verify(session, now=now, progress=wait)
        broken = Counter(violation.invariant for violation in found)
    if broken:
        told = f"{summary(broken)} python -m sketchmaker books verify names each one."
        return Finding(FAILED, "books", told)
    return Finding(OK, "books", summary(broken))
