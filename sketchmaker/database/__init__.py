"""Engines for SQLite and PostgreSQL, and the one place that commits.

An edge opens `transaction()`, calls verbs, and leaves it: that is the commit.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, DateTime, Dialect, MetaData, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import TypeDecorator

from sketchmaker.database.postgres import postgres_engine
from sketchmaker.database.sqlite import sqlite_engine

CONFLICT_CODES = {"40001", "40P01"}  # PostgreSQL's: serialisation failure, deadlock


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
            self.engine = sqlite_engine(url, read_only=False)
            self._readers = sqlite_engine(url, read_only=True)
            self.engines = [self.engine, self._readers]
            self._alone: Callable[[], AbstractContextManager[Connection]] = self.engine.begin
        else:
            self.engine = postgres_engine(url, namespace)
            self._readers = postgres_engine(url, namespace, read_only=True)
            autocommitting = postgres_engine(url, namespace, autocommit=True)
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
        with outages_named(), self._writing.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that can't write: one snapshot on SQLite, committed rows on PostgreSQL.

        Raises:
            DatabaseUnavailable: as `transaction`.
        """
        with outages_named(), self._reading() as session:
            yield session

    @contextmanager
    def statement(self) -> Iterator[Connection]:
        """A connection for the shortest of transactions.

        On PostgreSQL every statement is one by itself, which saves the round trips of BEGIN and
        COMMIT: for one statement, once. On SQLite the block is one, as in `transaction`.

        Raises:
            DatabaseUnavailable: as `transaction`; whether the statement took effect is unknown.
        """
        with outages_named(), self._alone() as connection:
            yield connection

    @contextmanager
    def detached(self) -> Iterator[Any]:
        """An autocommitting connection of psycopg itself, outside the pool: to listen for long.

        PostgreSQL only.

        Raises:
            DatabaseUnavailable: as `transaction`.
        """
        with outages_named():
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
def outages_named() -> Iterator[None]:
    """Give the database's errors our names: an outage, or a conflict of two transactions."""
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
