"""One set-up at a time: transactions in which nobody else changes the schema."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from sketchmaker.database import Database, outages_named

# Held until the transaction ends. Any number will do that nobody else takes on this database.
_TAKE_ADVISORY_LOCK = text("SELECT pg_advisory_xact_lock(1399547252)")


def wait_for_other_setups(session: Session) -> None:
    """Let one set-up at a time go on; the next one waits until this transaction ends.

    Nothing to do on SQLite, where a transaction has the database to itself.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_TAKE_ADVISORY_LOCK)


@contextmanager
def exclusive_transaction(database: Database) -> Iterator[Connection]:
    """A transaction in which nobody else changes the schema, committed when the block ends.

    Raises:
        DatabaseUnavailable: as `Database.transaction`.
    """
    database.ping()
    alone = _alone_on_sqlite if database.dialect == "sqlite" else _alone_on_postgres
    with outages_named(), database.engine.connect() as connection, alone(connection):
        yield connection


@contextmanager
def _alone_on_sqlite(connection: Connection) -> Iterator[None]:
    # SQLite changes a table by copying and dropping it, and dropping would carry out every
    # ON DELETE of the rows that point to it. The switch is ignored inside a transaction.
    connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
    try:
        with connection.begin():
            yield
            broken = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
            if broken:
                raise RuntimeError(f"A migration left rows that point nowhere: {broken[:5]}.")
    finally:
        connection.connection.cursor().execute("PRAGMA foreign_keys=ON")


@contextmanager
def _alone_on_postgres(connection: Connection) -> Iterator[None]:
    with connection.begin():
        connection.execute(_TAKE_ADVISORY_LOCK)
        yield
