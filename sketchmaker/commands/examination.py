"""What the doctor looks at, one finding each. Nothing is made, written or repaired."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select, text

from sketchmaker import schema, settings
from sketchmaker.bootstrap import most_connections
from sketchmaker.clock import SystemClock
from sketchmaker.commands.books import summary
from sketchmaker.commands.long_wait import LongWait
from sketchmaker.commands.picture_check import check_pictures
from sketchmaker.credits import books
from sketchmaker.credits.tables import LEDGER
from sketchmaker.database import Database, DatabaseUnavailable
from sketchmaker.delivery.health import outbox_notes
from sketchmaker.limits.setting import in_force, limits_from
from sketchmaker.record import outbox_deliveries
from sketchmaker.scheduling.health import SchedulerHealth, scheduler_health
from sketchmaker.schema import SchemaError, SchemaMissing
from sketchmaker.settings import Settings
from sketchmaker.studio.tables import Generation, GenerationState

OK, NOTE, FAILED = "OK", "NOTE", "FAILED"
LEAST_FREE_BYTES = 500_000_000
CLOCKS_APART = timedelta(seconds=2)
LONGEST_QUEUE = timedelta(minutes=5)
FOR_YOURSELF = 5
"""Connections that psql, backups and commands should always find free."""


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
    configured = settings.load(creates=False)
    yield _settings(configured)
    yield Finding(OK, "limits", in_force(limits_from(configured.limits)))
    yield _data_folder(configured)
    database = Database(configured.database_url)
    try:
        usable = _database(database)
        yield usable
        if usable.level != FAILED:
            yield from _inside(database, SystemClock(), most_connections(configured))
            yield _pictures(database, configured.data_folder / "images")
    finally:
        database.close()


def _settings(configured: Settings) -> Finding:
    warning = configured.unknown_names_warning
    return Finding(NOTE, "settings", warning) if warning else Finding(OK, "settings", "Understood.")


def _data_folder(configured: Settings) -> Finding:
    folder, images = configured.data_folder, configured.data_folder / "images"
    if not folder.is_dir():
        told = f"There is no {folder} yet: python setup_subscriptions.py makes it."
        return Finding(NOTE, "data folder", told)
    for needed in (folder, images):
        if needed.is_dir() and not os.access(needed, os.W_OK | os.X_OK):
            told = f"{needed} can't be written: give this user the right to."
            return Finding(FAILED, "data folder", told)
    free = shutil.disk_usage(folder).free
    told = f"{folder} can be written; {free // 1_000_000:,} MB are free."
    if free < LEAST_FREE_BYTES:
        return Finding(FAILED, "data folder", f"{told} Make room before images fail.")
    return Finding(OK, "data folder", told)


def _database(database: Database) -> Finding:
    try:
        if database.dialect == "sqlite" and not Path(str(database.engine.url.database)).exists():
            raise SchemaMissing
        database.ping()
        schema.check(database)
        _check_writable(database)
    except (DatabaseUnavailable, SchemaError) as error:
        return Finding(FAILED, "database", str(error))
    return Finding(OK, "database", f"{database.dialect} answers, and its schema is this code's.")


def _schema(database: Database) -> Finding:
    lacking = schema.differences(database)
    if not lacking:
        return Finding(OK, "schema", "Every index and constraint is there.")
    told = f"{lacking[0]} ({len(lacking)} differences: python -m sketchmaker books verify tells.)"
    return Finding(FAILED, "schema", told)


def _check_writable(database: Database) -> None:
    """Begin to write, and leave it.

    Raises:
        DatabaseUnavailable: it can only be read, or somebody else keeps its lock.
    """
    with database.transaction() as session:
        is_read_only = False
        if database.dialect == "postgresql":
            # Of the server's default a connection that was used before tells nothing: see the pool.
            names = ("transaction_read_only", "default_transaction_read_only")
            is_read_only = "on" in [session.scalar(text(f"SHOW {name}")) for name in names]
        else:
            # A file that can only be read refuses the first write, not the beginning of one.
            session.execute(text("DELETE FROM alembic_version WHERE false"))
        session.rollback()
    if is_read_only:
        raise DatabaseUnavailable("it is read-only, as a standby is")


def _inside(database: Database, clock: SystemClock, each_takes: int) -> Iterator[Finding]:
    now = clock.now()
    yield _schema(database)
    yield _clock(database, clock, now)
    with database.reading() as session:
        health = scheduler_health(session, now=now)
    yield _scheduler(health)
    if database.dialect == "postgresql":
        yield _connections(database, processes=max(health.living, 1), each_takes=each_takes)
    yield _overdue(health)
    yield _suspended(health)
    yield _queue(database, now)
    yield _outbox(database, now)
    yield _books(database, now)


def _clock(database: Database, clock: SystemClock, now: datetime) -> Finding:
    if clock.leap is not None:
        return Finding(
            FAILED, "clock", f"It leapt {apart(clock.leap)} what it should be: set it right."
        )
    with database.reading() as session:
        newest = session.scalar(select(func.max(LEDGER.c.created_at)))
        if database.dialect == "postgresql":
            servers: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
            if abs(servers - clock.now()) > CLOCKS_APART:
                told = f"It is {apart(clock.now() - servers)} the database server's."
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


def _connections(database: Database, *, processes: int, each_takes: int) -> Finding:
    names = ("max_connections", "superuser_reserved_connections")
    with database.reading() as session:
        admitted, reserved = (int(session.scalar(text(f"SHOW {name}")) or 0) for name in names)
    room, taken = admitted - reserved, processes * each_takes
    told = (
        f"Up to {each_takes} for each of {processes} process{'es' if processes > 1 else ''}, "
        f"and the server has {room}."
    )
    if taken + FOR_YOURSELF > room:
        wanted = taken + FOR_YOURSELF + reserved
        told += f" Set max_connections to {wanted}, or SKETCHMAKER_WEB_THREADS lower."
        return Finding(NOTE, "connections", told)
    return Finding(OK, "connections", told)


def _overdue(health: SchedulerHealth) -> Finding:
    if not health.overdue:
        return Finding(OK, "overdue", "No reset is late.")
    if health.is_alive:
        told = f"{health.overdue} resets are late though a scheduler runs: look into its log."
        return Finding(FAILED, "overdue", f"{told} {_oldest(health)}")
    told = f"{health.overdue} resets wait for a scheduler. {_oldest(health)}"
    return Finding(NOTE, "overdue", told)


def _oldest(health: SchedulerHealth) -> str:
    due_at = health.oldest_overdue
    return f"The oldest was due {due_at.isoformat(timespec='seconds')}." if due_at else ""


def _suspended(health: SchedulerHealth) -> Finding:
    if not health.suspended:
        return Finding(OK, "suspended", "Nothing is.")
    level = FAILED if any(reset.is_alarm for reset in health.suspended) else NOTE
    told = f"{len(health.suspended)} resets: python -m sketchmaker resets suspended tells why."
    return Finding(level, "suspended", told)


def _books(database: Database, now: datetime) -> Finding:
    with LongWait("Verifying") as wait, database.reading() as session:
        found = books.verify(session, now=now, progress=wait)
        broken = Counter(violation.invariant for violation in found)
    if broken:
        told = f"{summary(broken)} python -m sketchmaker books verify names each one."
        return Finding(FAILED, "books", told)
    return Finding(OK, "books", summary(broken))


def _queue(database: Database, now: datetime) -> Finding:
    query = select(func.count(), func.min(Generation.created_at, type_=Generation.created_at.type))
    waiting = query.where(Generation.state == GenerationState.QUEUED)
    with database.reading() as session:
        count, oldest = session.execute(waiting).one()
    if not count:
        return Finding(OK, "queue", "No generation waits for a worker.")
    told = f"{count} generations wait for a worker, the oldest for {_long(now - oldest)}."
    return Finding(FAILED if now - oldest > LONGEST_QUEUE else OK, "queue", told)


def _outbox(database: Database, now: datetime) -> Finding:
    with database.reading() as session:
        found = outbox_deliveries.figures(session, now=now)
    if notes := outbox_notes(found, now=now):
        return Finding(FAILED, "outbox", " ".join(notes))
    return Finding(OK, "outbox", f"{found.waiting} messages wait to be delivered.")


def _pictures(database: Database, folder: Path) -> Finding:
    found = check_pictures(database, folder)
    told = f"The files of {found.looked_at} images are as they were stored."
    if found.missing or found.damaged:
        told = (
            f"{found.missing} files are missing and {found.damaged} damaged in {folder}, "
            f"{found.example} for one: restore them from a backup."
        )
        return Finding(FAILED, "images", told)
    if found.without_row:
        told += (
            f" {found.without_row} files belong to no image: the studio removes them after a day."
        )
    return Finding(NOTE if found.without_row else OK, "images", told)


def apart(by: timedelta) -> str:
    """How far a clock is from another, in words: `3 ms behind`, `2.5 s ahead of`."""
    return f"{_long(abs(by))} {'behind' if by < timedelta() else 'ahead of'}"


def _long(time: timedelta) -> str:
    seconds = time.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"
