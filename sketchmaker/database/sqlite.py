"""SQLite as an operator wants it: durable, write-ahead, and fair to whoever waits to write."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, create_engine, event

from sketchmaker.clock import uptime_seconds

BUSY_SECONDS = 10.0
LOOK_AGAIN_SECONDS = 0.001, 0.004
_NEVER = Event()


def sqlite_engine(url: str, *, read_only: bool) -> Engine:
    """Connections to the file of that URL; those that only read can't write."""
    # An error goes into the log with its statement; the values are password hashes and prompts.
    engine = create_engine(
        url, hide_parameters=True, pool_size=16, max_overflow=48, pool_timeout=10
    )

    @event.listens_for(engine, "do_connect")
    def _make_private(_dialect: Dialect, _record: Any, names: list[Any], _options: Any) -> None:
        # SQLite would let everybody read a new file, and its -wal and -shm files get its rights.
        with suppress(OSError):  # told of by SQLite itself, which opens it next
            Path(names[0]).touch(mode=0o600)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # sqlite3 would begin transactions by itself, late and deferred; "begin" below does.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")
        # Two who do this to a new file at once would wait for each other: SQLite refuses one.
        _patiently(lambda: connection.execute("PRAGMA journal_mode=WAL"))
        # NORMAL would lose acknowledged commits in a power cut.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA query_only={'ON' if read_only else 'OFF'}")
        if not read_only:
            connection.execute("PRAGMA busy_timeout=0")  # `_take_write_lock` waits

    # IMMEDIATE takes the write lock before the first read. A deferred transaction that reads and
    # then writes fails at once with "locked", whatever the busy timeout says.
    event.listen(engine, "begin", _begin_reading if read_only else _take_write_lock)
    return engine


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _take_write_lock(connection: Connection) -> None:
    """Begin a transaction that may write, as soon as no other process does.

    SQLite itself looks again ever more seldom, up to ten times a second. Whoever comes often then
    wins against whoever waits, and a mass of resets against every charge.
    """
    cursor = connection.connection.cursor()
    with suppress(sqlite3.OperationalError):
        _patiently(lambda: connection.dialect.do_execute(cursor, "BEGIN IMMEDIATE", ()))
    driven: Any = connection.connection.driver_connection
    if not driven.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # for SQLAlchemy's own error


def _patiently(attempt: Callable[[], object]) -> None:
    """Try until no other process is in the way, for `BUSY_SECONDS` at the most."""
    pause, longest = LOOK_AGAIN_SECONDS
    give_up = uptime_seconds() + BUSY_SECONDS
    while True:
        try:
            attempt()
        except sqlite3.OperationalError as error:
            is_busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or uptime_seconds() >= give_up:
                raise
        else:
            return
        _NEVER.wait(pause)
        pause = min(2 * pause, longest)
