"""Engines for SQLite and PostgreSQL, and the one place that commits.

An edge opens `transaction()`, calls verbs, and leaves it: that is the commit.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, DateTime, Dialect, MetaData, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import TypeDecorator

from sketchmaker.database.outages import (
    DatabaseUnavailable,
    LostRace,
    TransactionConflict,
    outages_named,
    retrying,
)
from sketchmaker.database.postgres import (
    GIVEN_BACK_AFTER_SECONDS,
    ThriftyPool,
    postgres_engine,
)
from sketchmaker.database.sqlite import sqlite_engine

__all__ = [
    "Base",
    "Database",
    "DatabaseUnavailable",
    "LostRace",
    "TransactionConflict",
    "UtcDateTime",
    "outages_named",
    "retrying",
]


MOST_CONNECTIONS = 16
"""For programs that don't say how many threads of theirs ask the database."""


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


class Database:
    """One database, SQLite or PostgreSQL, chosen by its SQLAlchemy URL.

    On PostgreSQL, `namespace` names the schema in which all tables are, instead of the usual one,
    and `most_connections` says how many are opened at the most: as many as there are threads that
    ask, for each uses one at a time. A thread that finds none waits for another's.
    """

    def __init__(
        self,
        url: str,
        *,
        namespace: str | None = None,
        most_connections: int = MOST_CONNECTIONS,
    ) -> None:
        self.dialect = make_url(url).get_backend_name()
        if self.dialect == "sqlite":
            self.engine = sqlite_engine(url, read_only=False)
            self._readers = sqlite_engine(url, read_only=True)
            self.engines = [self.engine, self._readers]
            self._alone: Callable[[], AbstractContextManager[Connection]] = self.engine.begin
        else:
            self.engine = postgres_engine(url, namespace, most_connections=most_connections)
            # The same connections: the driver begins their transactions READ ONLY.
            self._readers = self.engine.execution_options(postgresql_readonly=True)
            autocommitting = postgres_engine(
                url, namespace, most_connections=most_connections, autocommit=True
            )
            self.engines = [self.engine, autocommitting]
            self._alone = autocommitting.connect
        self._of_this_thread = threading.local()
        self._writing = sessionmaker(self.engine, expire_on_commit=False)
        self._reading = sessionmaker(self._readers, expire_on_commit=False)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose work is committed when the block ends, and undone when it raises.

        On SQLite this takes the one write lock at once, so never keep it across slow work.

        Raises:
            DatabaseUnavailable: no connection, a lost one, or the lock was not to be had in time.
            TransactionConflict: another transaction was in the way; see `retrying`.
        """
        with outages_named(), self._writing.begin() as session:
            yield session
        self._note_commit()

    @contextmanager
    def rehearsal(self) -> Iterator[Session]:
        """A session as in `transaction`, whose work is undone when the block ends.

        By it a page shows what a verb would do, refusals and all, from the verb itself.

        Raises:
            DatabaseUnavailable, TransactionConflict: as `transaction`.
        """
        with outages_named(), self._writing() as session:
            try:
                yield session
            finally:
                session.rollback()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that can't write: one snapshot on SQLite, committed rows on PostgreSQL.

        Raises:
            DatabaseUnavailable: as `transaction`.
        """
        with outages_named(writing=False), self._reading() as session:
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
        self._note_commit()

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

    @property
    def commits_of_this_thread(self) -> int:
        """How many transactions this thread has committed here; by it an edge knows it wrote."""
        return getattr(self._of_this_thread, "commits", 0)

    def ping(self) -> None:
        """Make sure that the database answers.

        Raises:
            DatabaseUnavailable: it does not.
        """
        with self.reading() as session:
            session.execute(text("SELECT 1"))

    def give_back_idle(self, *, longer_than_seconds: float = GIVEN_BACK_AFTER_SECONDS) -> None:
        """Close the connections to PostgreSQL that nobody has used for so long.

        SQLite's cost nobody anything.
        """
        for engine in self.engines:
            if isinstance(engine.pool, ThriftyPool):
                engine.pool.close_idle(longer_than_seconds=longer_than_seconds)

    def close(self) -> None:
        """Give back every connection."""
        for engine in self.engines:
            engine.dispose()

    def _note_commit(self) -> None:
        self._of_this_thread.commits = self.commits_of_this_thread + 1
