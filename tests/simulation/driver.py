"""Between SQLAlchemy and a real database: every statement and commit is a yield point."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Engine

from sketchmaker.database import Database
from tests.simulation.faults import Faults
from tests.simulation.machine import Machine, Waits

Rows = list[dict[str, Any]]


class Driver(Waits, Protocol):
    """A real database of one kind, made afresh for each run."""

    name: str
    database: Database
    window: int
    """How far back new rows may show up: transactions commit in another order than they number."""

    def begin(self, machine: Machine, faults: Faults) -> None:
        """A run begins, on an empty migrated database."""
        ...

    def rows(self, query: str) -> Rows:
        """What is committed: for the oracle, past all actors."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


class Hooks(Protocol):
    """What differs between the two databases when a statement is run."""

    def run(self, connection: Any, statement: Callable[[], None]) -> None:
        """Run it; while a lock is in its way, the actor waits."""
        ...

    def is_idle(self, connection: Any) -> bool:
        """Is no transaction open on the connection?"""
        ...

    def cut(self, connection: Any) -> None:
        """The connection is lost: what is not committed is undone."""
        ...

    def undo(self, connection: Any) -> None:
        """The connection is about to be closed: its transaction is undone before others go on."""
        ...

    def error(self, kind: str) -> Exception:
        """What the database says then: `lost`, `busy`, `conflict` or `full`."""
        ...


class Tap:
    """Hooks on the engines of one database, for the run that is going on."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self.machine: Machine | None = None
        self.faults: Faults | None = None

    def on(self, engine: Engine) -> None:
        """Hook on to an engine."""
        dialect: Any = engine.dialect
        for name in ("do_execute", "do_executemany", "do_execute_no_params"):
            setattr(dialect, name, partial(self._execute, execute=getattr(dialect, name)))
        commit, rollback = dialect.do_commit, dialect.do_rollback
        dialect.do_commit = lambda connection: self._commit(connection, commit)
        dialect.do_rollback = lambda connection: self._rollback(connection, rollback)
        for name in ("do_close", "do_terminate"):  # of a process that died: undone as well
            setattr(dialect, name, partial(self._close, close=getattr(dialect, name)))

    def _execute(
        self, cursor: Any, text: str, *parameters: Any, execute: Callable[..., None]
    ) -> None:
        machine, faults = self.machine, self.faults
        if machine is None or faults is None or machine.current is None:
            execute(cursor, text, *parameters)
            return
        machine.pause(" ".join(text.split()))
        kind = faults.at_statement(text)
        if kind == "crash":
            machine.die()
        if kind == "lost":
            self._hooks.cut(cursor.connection)
        if kind is not None:
            raise self._hooks.error(kind)
        self._hooks.run(cursor.connection, lambda: execute(cursor, text, *parameters))
        if self._hooks.is_idle(cursor.connection) and not text.startswith("SELECT"):
            self._autocommitted(cursor.connection, machine, faults)

    def _autocommitted(self, connection: Any, machine: Machine, faults: Faults) -> None:
        """The statement was a transaction by itself."""
        machine.has_committed = machine.has_released = True
        machine.pause("committed by itself")
        kind = faults.at_commit()
        if kind == "crash":
            machine.die()
        if kind == "cut after":
            self._hooks.cut(connection)
            raise self._hooks.error("lost")

    def _commit(self, connection: Any, commit: Callable[[Any], None]) -> None:
        machine, faults = self.machine, self.faults
        if machine is None or faults is None or machine.current is None:
            commit(connection)
            return
        machine.pause("COMMIT")
        kind = faults.at_commit()
        raw = connection.dbapi_connection
        if kind == "cut before":
            self._hooks.cut(raw)
            raise self._hooks.error("lost")
        commit(connection)
        machine.has_committed = machine.has_released = True
        machine.pause("committed")
        if kind == "crash":
            machine.die()
        if kind == "cut after":
            self._hooks.cut(raw)
            raise self._hooks.error("lost")

    def _close(self, connection: Any, close: Callable[[Any], None]) -> None:
        self._hooks.undo(connection)
        self._rollback(connection, close)

    def _rollback(self, connection: Any, rollback: Callable[[Any], None]) -> None:
        rollback(connection)
        if self.machine is not None and self.machine.current is not None:
            self.machine.has_released = True
