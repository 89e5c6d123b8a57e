"""A real SQLite file in memory-backed storage: a lost write lock parks the actor."""

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event

from sketchmaker import schema
from sketchmaker.database import Database
from tests.simulation.driver import Rows, Tap
from tests.simulation.faults import Faults
from tests.simulation.machine import Actor, Machine

SHARED_MEMORY = Path("/dev/shm")
TIMES = {
    "created_at", "expires_at", "ended_at", "subscription_start", "last_credit_reset",
    "next_credit_reset", "bonus_expires_at", "subscription_end",
}  # fmt: skip
JSONS = {"details", "parts"}
FLAGS = {"is_active"}
ERRORS = {
    "busy": ("database is locked", sqlite3.SQLITE_BUSY),
    "full": ("database or disk is full", sqlite3.SQLITE_FULL),
}
LOST = ("disk I/O error", sqlite3.SQLITE_IOERR)


def in_memory() -> Path | None:
    """Where files are only in memory, if there is such a place."""
    return SHARED_MEMORY if SHARED_MEMORY.is_dir() else None


class SqliteDriver:
    """One file, laid down anew for each run."""

    window = 0
    name = "sqlite"

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="sketchmaker-simulation-", dir=in_memory()))
        self._file = self._folder / "credits.db"
        self._template = self._folder / "template.db"
        template = Database(f"sqlite:///{self._template}")
        schema.upgrade(template)
        template.close()
        self.database = Database(f"sqlite:///{self._file}")
        self._tap = Tap(self)
        for engine in self.database.engines:
            self._tap.on(engine)
            event.listen(engine, "connect", _never_wait)
        self._reader: sqlite3.Connection | None = None

    def begin(self, machine: Machine, faults: Faults) -> None:
        """A run begins, on an empty migrated database."""
        self._end()
        shutil.copyfile(self._template, self._file)
        self._tap.machine, self._tap.faults = machine, faults
        machine.waits = self
        self._reader = sqlite3.connect(self._file, isolation_level=None)
        self._reader.row_factory = sqlite3.Row

    def rows(self, query: str) -> Rows:
        """What is committed."""
        assert self._reader is not None
        return [
            {name: _read(name, row[name]) for name in row.keys()}  # noqa: SIM118 - a sqlite3.Row
            for row in self._reader.execute(query)
        ]

    def close(self) -> None:
        """Remove the file."""
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, connection: Any, statement: Callable[[], None]) -> None:
        """Run it; while another has the write lock, wait for the end of its transaction."""
        while True:
            try:
                statement()
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
                self._park()
            else:
                return

    def is_idle(self, connection: Any) -> bool:
        """Is no transaction open on the connection?"""
        return not connection.in_transaction

    def cut(self, connection: Any) -> None:
        """What is not committed is undone."""
        connection.rollback()

    def undo(self, connection: Any) -> None:
        """Closing does it at once."""

    def error(self, kind: str) -> Exception:
        """What SQLite says then."""
        sentence, code = ERRORS.get(kind, LOST)
        error = sqlite3.OperationalError(sentence)
        error.sqlite_errorcode = code
        return error

    def awakened(self, waiting: list[Actor]) -> list[Actor]:
        """All of them, once somebody's transaction has ended."""
        machine = self._tap.machine
        if machine is None or not machine.has_released:
            return []
        machine.has_released = False
        return waiting

    def abandon(self, waiting: list[Actor]) -> None:
        """Nobody waits inside SQLite."""

    def _park(self) -> None:
        machine = self._tap.machine
        assert machine is not None
        machine.park("the write lock")

    def _end(self) -> None:
        self._tap.machine = self._tap.faults = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self.database.close()
        for left in self._folder.glob("credits.db*"):
            left.unlink()


def _never_wait(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA busy_timeout=0")
    # Power cuts are other tests' business.
    connection.execute("PRAGMA synchronous=OFF")


def _read(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in TIMES:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    if name in JSONS:
        return json.loads(value)
    return bool(value) if name in FLAGS else value
