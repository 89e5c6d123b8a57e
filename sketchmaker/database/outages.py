"""Which errors of a database are outages, which are lost races, and which are our own mistakes.

Decided by the database's own codes and by nothing else. A mistake (an unknown column, a constraint,
a value that a function can't use) is left as SQLAlchemy raised it, to be reported as such.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

# PostgreSQL's SQLSTATE. Classes: connection, resources, operator's intervention, rolled back.
OUTAGE_CLASSES = {"08", "53", "57", "40"}
# Serialisation failure, deadlock, and a lock that an operator's lock_timeout did not wait for.
CONFLICT_STATES = {"40001", "40P01", "55P03"}
READ_ONLY_STATE = "25006"

OUTAGE_RESULTS = {
    sqlite3.SQLITE_BUSY,  # another process has the lock
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PROTOCOL,  # the lock could not be taken for a race about the WAL's index
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
}
PRIMARY_RESULT = 0xFF
"""SQLite's extended result codes have the primary one in their lowest byte."""

ATTEMPTS = 4

Result = TypeVar("Result")


class DatabaseUnavailable(Exception):
    """The database can't be reached, or does not answer in time. Nothing was changed."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The database does not answer: {reason}. Try again in a moment.")


class LostRace(Exception):
    """Another transaction was in the way. This one is undone; the same again may go well."""


class TransactionConflict(LostRace, DatabaseUnavailable):
    """The database itself chose this transaction of two that were in each other's way."""


@contextmanager
def outages_named(*, writing: bool = True) -> Iterator[None]:
    """Give the database's errors our names: an outage, or a conflict of two transactions.

    A database that can't be written is an outage only for somebody who may write: to write while
    reading is a mistake.
    """
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable("all its connections are in use") from error
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in CONFLICT_STATES:
            raise TransactionConflict(_first_line(error)) from error
        if not _is_outage(error, writing=writing):
            raise
        raise DatabaseUnavailable(_first_line(error)) from error


def retrying(work: Callable[[], Result]) -> Result:
    """Do the work, a transaction of its own; again when it lost a race, `ATTEMPTS` times in all.

    Raises:
        LostRace: it lost every time.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return work()
        except LostRace:
            continue
    return work()


def _is_outage(error: DBAPIError, *, writing: bool) -> bool:
    if error.connection_invalidated:
        return True
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        result = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & PRIMARY_RESULT
        return result in OUTAGE_RESULTS or (writing and result == sqlite3.SQLITE_READONLY)
    state = getattr(cause, "sqlstate", None)
    if state is None:
        # psycopg's own: no connection was made, or it broke while it was used.
        return isinstance(error, OperationalError)
    return str(state)[:2] in OUTAGE_CLASSES or (writing and state == READ_ONLY_STATE)


def _first_line(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error.orig).__name__
