"""Engines for SQLite and PostgreSQL, and the one place that commits.

An edge opens `transaction()`, calls verbs, and leaves it: that is the commit.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

from sqlalchemy import Connection, DateTime, Dialect, Engine, MetaData, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import TypeDecorator

from sketchmaker.clock import uptime_seconds

SQLITE_BUSY_SECONDS = 10.0
SQLITE_LOOK_AGAIN_SECONDS = 0.001, 0.004
_NEVER = Event()
POSTGRES_CONNECT_SECONDS = 5
IDLE_SECONDS = 1.0
CONFLICT_CODES = {"40001", "40P01"}  # PostgreSQL's: serialisation failure, deadlock
# An error goes into the log with its statement; the values are password hashes and prompts.
HIDE_VALUES = True


class Base(DeclarativeBase):
    """Every table of every context is mapped on this. Named constraints let Alembic change them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, kept in UTC. A naive datetime is refused: nobody could say when it was."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone: pass an aware datetime.")
        in_utc = value.astimezone(UTC)
        # SQLite has no time zones: plain UTC text sorts and compares rightly.
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class DatabaseUnavailable(Exception):
    """The database can't be reached, or does not answer in time. Nothing was changed."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The database does not answer: {reason}. Try again in a moment.")


class TransactionConflict(DatabaseUnavailable):
    """Another transaction was in the way. This one is undone; the same again may go well."""


class Database:
    """One database, SQLite or PostgreSQL, chosen by its SQLAlchemy URL.

    On PostgreSQL, `namespace` names the schema in which all tables are, instead of the usual one.
    """

    def __init__(self, url: str, *, namespace: str | None = None) -> None:
        self.dialect = make_url(url).get_backend_name()
        if self.dialect == "sqlite":
            self.engine = _sqlite_engine(url, read_only=False)
            self._readers = _sqlite_engine(url, read_only=True)
            self.engines = [self.engine, self._readers]
            self._alone: Callable[[], AbstractContextManager[Connection]] = self.engine.begin
        else:
            self.engine = _postgres_engine(url, namespace)
            self._readers = _postgres_engine(url, namespace, read_only=True)
            autocommitting = _postgres_engine(url, namespace, autocommit=True)
            self.engines = [self.engine, self._readers, autocommitting]
            self._alone = autocommitting.connect
        self._writing = sessionmaker(self.engine, expire_on_commit=False)
        self._reading = sessionmaker(self._readers, expire_on_commit=False)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose work is committed when the block ends, and undone when it raises.

        On SQLite this takes the one write lock at once, so never keep it across slow work.

        Raises:
            DatabaseUnavailable: no connection, a lost one, or the lock was not to be had in time.
        """
        with _outages_named(), self._writing.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that can't write: one snapshot on SQLite, committed rows on PostgreSQL.

        Raises:
            DatabaseUnavailable: as `transaction`.
        """
        with _outages_named(), self._reading() as session:
            yield session

    @contextmanager
    def statement(self) -> Iterator[Connection]:
        """A connection for the shortest of transactions.

        On PostgreSQL every statement is one by itself, which saves the round trips of BEGIN and
        COMMIT: for one statement, once. On SQLite the block is one, as in `transaction`.

        Raises:
            DatabaseUnavailable: as `transaction`; whether the statement took effect is unknown.
        """
        with _outages_named(), self._alone() as connection:
            yield connection

    @contextmanager
    def detached(self) -> Iterator[Any]:
        """An autocommitting connection of psycopg itself, outside the pool: to listen for long.

        PostgreSQL only.

        Raises:
            DatabaseUnavailable: as `transaction`.
        """
        with _outages_named():
            pooled = self.engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()
        try:
            connection.autocommit = True
            yield connection
        finally:
            connection.close()

    def ping(self) -> None:
        """Make sure that the database answers.

        Raises:
            DatabaseUnavailable: it does not.
        """
        with self.reading() as session:
            session.execute(text("SELECT 1"))

    def close(self) -> None:
        """Give back every connection."""
        for engine in self.engines:
            engine.dispose()


@contextmanager
def _outages_named() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable("all its connections are in use") from error
    except (OperationalError, InterfaceError) as error:
        conflicts = getattr(error.orig, "sqlstate", None) in CONFLICT_CODES
        named = TransactionConflict if conflicts else DatabaseUnavailable
        raise named(_first_line(error)) from error
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise DatabaseUnavailable(_first_line(error)) from error


def _first_line(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error.orig).__name__


def _sqlite_engine(url: str, *, read_only: bool) -> Engine:
    engine = create_engine(
        url, hide_parameters=HIDE_VALUES, pool_size=16, max_overflow=48, pool_timeout=10
    )

    @event.listens_for(engine, "do_connect")
    def _make_private(_dialect: Dialect, _record: Any, names: list[Any], _options: Any) -> None:
        # SQLite would let everybody read a new file, and its -wal and -shm files get its rights.
        with suppress(OSError):  # told of by SQLite itself, which opens it next
            Path(names[0]).touch(mode=0o600)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # sqlite3 would begin transactions by itself, late and deferred; `_begin` does it instead.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={int(SQLITE_BUSY_SECONDS * 1000)}")
        connection.execute("PRAGMA journal_mode=WAL")
        # NORMAL would lose acknowledged commits in a power cut.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA query_only={'ON' if read_only else 'OFF'}")
        if not read_only:
            connection.execute("PRAGMA busy_timeout=0")  # `_take_write_lock` waits

    # IMMEDIATE takes the write lock before the first read. A deferred transaction that reads and
    # then writes fails at once with "locked", whatever the busy timeout says.
    begin = (
        (lambda connection: connection.exec_driver_sql("BEGIN")) if read_only else _take_write_lock
    )
    event.listen(engine, "begin", begin)
    return engine


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _take_write_lock(connection: Connection) -> None:
    """Begin a transaction that may write, as soon as no other process does.

    SQLite itself looks again ever more seldom, up to ten times a second. Whoever comes often then
    wins against whoever waits, and a mass of resets against every charge.
    """
    first, longest = SQLITE_LOOK_AGAIN_SECONDS
    give_up, pause = uptime_seconds() + SQLITE_BUSY_SECONDS, first
    while uptime_seconds() < give_up and not _began(connection):
        _NEVER.wait(pause)
        pause = min(2 * pause, longest)
    driven: Any = connection.connection.driver_connection
    if not driven.in_transaction:  # SQLAlchemy tells of the error
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _began(connection: Connection) -> bool:
    try:
        connection.dialect.do_execute(connection.connection.cursor(), "BEGIN IMMEDIATE", ())
    except sqlite3.OperationalError as error:
        return getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY
    return True


def _postgres_engine(
    url: str, namespace: str | None, *, read_only: bool = False, autocommit: bool = False
) -> Engine:
    options = "-c timezone=UTC"
    if namespace is not None:
        options += f" -c search_path={namespace}"
    if read_only:
        options += " -c default_transaction_read_only=on"
    engine = create_engine(
        url,
        **(_AUTOCOMMIT if autocommit else {}),
        hide_parameters=HIDE_VALUES,
        pool_size=8,
        max_overflow=24,
        pool_timeout=10,
        connect_args={
            "connect_timeout": POSTGRES_CONNECT_SECONDS,
            "application_name": "sketchmaker",
            "options": options,
        },
    )
    _ping_the_idle(engine)
    return engine


# A connection that is never in a transaction has nothing to be rolled back, which SQLAlchemy would
# otherwise do twice each time; and to switch one to and fro costs more than to keep two.
_AUTOCOMMIT: Mapping[str, Any] = {
    "isolation_level": "AUTOCOMMIT",
    "skip_autocommit_rollback": True,
    "pool_reset_on_return": None,
}


def _ping_the_idle(engine: Engine) -> None:
    """Ask a connection that lay idle whether it still lives; to ask each one costs a round trip."""

    @event.listens_for(engine, "checkin")
    def _laid_down(_connection: Any, record: Any) -> None:
        record.info["idle_since"] = uptime_seconds()

    @event.listens_for(engine, "checkout")
    def _taken_up(connection: Any, record: Any, _proxy: Any) -> None:
        idle_since = record.info.get("idle_since")
        if idle_since is None or uptime_seconds() - idle_since < IDLE_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error
