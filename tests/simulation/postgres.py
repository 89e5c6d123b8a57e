"""A real PostgreSQL: a statement that does not answer is parked when a lock is in its way.

At most two actors meet on one account, so that runs replay; see `ROOM`.
"""

import secrets
import select
from collections.abc import Callable, Generator
from typing import Any

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg.waiting import Ready, Wait
from sqlalchemy import event, make_url

from sketchmaker import schema
from sketchmaker.database import Database
from tests.simulation.driver import Rows, Tap
from tests.simulation.faults import Faults
from tests.simulation.machine import Actor, Machine
from tests.support.postgres import Server, render

ROOM = 2
"""Actors on one account. Which of two waiters gets a row that was changed is a race inside
PostgreSQL, and the run would not replay."""
ANSWER_SECONDS = 0.002
# The arbiter is `_is_deadlocked`: PostgreSQL's own picks its victim by the time that passed.
OPTIONS = " -c deadlock_timeout=60s -c synchronous_commit=off"


class PostgresDriver:
    """One database of a running server, made anew for each run."""

    window = 40
    name = "postgresql"

    def __init__(self, server: Server) -> None:
        self._server = server
        token = secrets.token_hex(6)
        self._template, self._own = f"simulation_template_{token}", f"simulation_{token}"
        server.create(self._template)
        template = Database(server.url_of(self._template))
        schema.upgrade(template)
        template.close()
        self.database = Database(server.url_of(self._own))
        self._tap = Tap(self)
        for engine in self.database.engines:
            self._tap.on(engine)
            event.listen(engine, "do_connect", self._connect)
        self._monitor: psycopg.Connection[dict[str, Any]] | None = None
        self._made: list[ParkingConnection] = []

    def begin(self, machine: Machine, faults: Faults) -> None:
        """A run begins, on an empty migrated database."""
        self._end()
        self._server.create(self._own, template=self._template)
        url = render(make_url(self._server.url_of(self._own)).set(drivername="postgresql"))
        self._monitor = psycopg.connect(url, autocommit=True, row_factory=dict_row)
        self._monitor.execute("SET timezone = 'UTC'")
        for engine in self.database.engines:
            # At its first connection SQLAlchemy asks the server this and that, which is no step.
            engine.connect().close()
        self._tap.machine, self._tap.faults = machine, faults
        machine.waits = self
        machine.room = ROOM

    def rows(self, query: str) -> Rows:
        """What is committed."""
        return self._watch(query)

    def close(self) -> None:
        """Remove the databases."""
        self._end()
        self._server.drop(self._template)

    def run(self, _connection: Any, statement: Callable[[], None]) -> None:
        """Run it; `wait` parks the actor inside."""
        statement()

    def is_idle(self, connection: Any) -> bool:
        """Is no transaction open on the connection?"""
        status: bool = connection.info.transaction_status == TransactionStatus.IDLE
        return status

    def cut(self, connection: Any) -> None:
        """The connection is lost. What it had begun is undone at once, not when TCP notices."""
        connection.rollback()
        connection.close()

    def undo(self, connection: Any) -> None:
        """Left to itself, the server would notice some time later."""
        open_ones = (TransactionStatus.INTRANS, TransactionStatus.INERROR)
        if not connection.closed and connection.info.transaction_status in open_ones:
            connection.rollback()

    def error(self, kind: str) -> Exception:
        """What psycopg says then."""
        if kind == "conflict":
            return errors.SerializationFailure("could not serialize access")
        return psycopg.OperationalError("server closed the connection unexpectedly")

    def awakened(self, waiting: list[Actor]) -> list[Actor]:
        """Those whose statement has been answered, in the order in which they came to wait."""
        machine = self._tap.machine
        if machine is None or not machine.has_released:
            return []
        machine.has_released = False
        answered: list[Actor] = []
        before = -1
        while len(answered) > before:
            before = len(answered)
            answered += [a for a in waiting if a not in answered and self._answers(a.waits_for)]
        # In which round each was heard hangs on the machine's speed.
        return [actor for actor in waiting if actor in answered]

    def abandon(self, waiting: list[Actor]) -> None:
        """End their sessions in the server."""
        for actor in waiting:
            self._watch(f"SELECT pg_terminate_backend({_pid(actor.waits_for)})")

    def wait(self, connection: "ParkingConnection", work: Generator[Any, Any, Any]) -> Any:
        """Drive psycopg's protocol; park the actor while a lock is in the way."""
        machine = self._tap.machine
        assert machine is not None
        try:
            state = next(work)
            while True:
                ready = _poll(connection.pgconn.socket, state)
                if not ready and self._blockers(connection):
                    self._park(machine, connection)
                    continue
                state = work.send(ready)
        except StopIteration as end:
            return end.value
        except errors.QueryCanceled as error:
            raise errors.DeadlockDetected("deadlock detected") from error

    @property
    def is_acting(self) -> bool:
        """Is it an actor that talks to the database just now?"""
        machine = self._tap.machine
        return machine is not None and machine.current is not None and not machine.is_closing

    def _park(self, machine: Machine, connection: "ParkingConnection") -> None:
        if self._is_deadlocked(machine, connection):
            self._watch(f"SELECT pg_cancel_backend({_pid(connection)})")
            while not _poll(connection.pgconn.socket, Wait.R):
                pass
            return
        machine.park(connection)

    def _is_deadlocked(self, machine: Machine, connection: "ParkingConnection") -> bool:
        """Would everybody wait in a circle? Then whoever closes it is the victim."""
        blockers = {_pid(a.waits_for): self._blockers(a.waits_for) for a in machine.waiting}
        reached, front = set[int](), set(self._blockers(connection))
        while front:
            reached |= front
            front = {b for pid in front for b in blockers.get(pid, [])} - reached
        return _pid(connection) in reached

    def _answers(self, connection: Any) -> bool:
        """Wait until it has answered, or is known to wait for somebody still."""
        while not _poll(connection.pgconn.socket, Wait.R):
            if self._blockers(connection):
                return False
        return True

    def _blockers(self, connection: Any) -> list[int]:
        [row] = self._watch(f"SELECT pg_blocking_pids({_pid(connection)}) AS pids")
        pids: list[int] = row["pids"]
        return pids

    def _watch(self, query: str) -> Rows:
        assert self._monitor is not None
        return list(self._monitor.execute(query.encode()))

    def _connect(self, _dialect: Any, _record: Any, args: Any, parameters: dict[str, Any]) -> Any:
        parameters["options"] += OPTIONS
        connection = ParkingConnection.connect(*args, **parameters)
        connection.driver = self
        self._made.append(connection)
        return connection

    def _end(self) -> None:
        self._tap.machine = self._tap.faults = None
        self.database.close()
        while self._made:  # an actor that died with its process never gave its own back
            self._made.pop().close()
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None
            self._server.drop(self._own)


class ParkingConnection(psycopg.Connection[Any]):
    """A connection whose waiting the simulation does."""

    driver: PostgresDriver | None = None

    def wait(self, gen: Any, *args: Any, **options: Any) -> Any:
        """Wait for the server, or let others go on meanwhile."""
        if self.driver is None or not self.driver.is_acting:
            return super().wait(gen, *args, **options)
        return self.driver.wait(self, gen)


def _poll(socket: int, state: Wait) -> Ready:
    reads = [socket] if state & Wait.R else []
    writes = [socket] if state & Wait.W else []
    readable, writable, _ = select.select(reads, writes, [], ANSWER_SECONDS)
    return Ready((Ready.R if readable else 0) | (Ready.W if writable else 0))


def _pid(connection: Any) -> int:
    pid: int = connection.info.backend_pid
    return pid
