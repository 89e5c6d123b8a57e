"""An outage is an outage only by the database's own code; every other error is our mistake."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError

from sketchmaker.clock import ManualClock
from sketchmaker.database import (
    Database,
    DatabaseUnavailable,
    LostRace,
    TransactionConflict,
    outages_named,
    retrying,
)
from tests.support.people import subscriber


def sqlite_error(code: int) -> DBAPIError:
    cause = sqlite3.OperationalError("it happened")
    cause.sqlite_errorcode = code
    return OperationalError("SELECT 1", None, cause)


def postgres_error(state: str | None) -> DBAPIError:
    cause: Any = Exception("it happened")
    cause.sqlstate = state
    return DatabaseError("SELECT 1", None, cause)


def named(error: Exception, *, writing: bool = True) -> type[BaseException]:
    try:
        with outages_named(writing=writing):
            raise error
    except Exception as found:  # noqa: BLE001 - whichever it is, it is told
        return type(found)


@pytest.mark.parametrize(
    "code",
    [
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_BUSY_SNAPSHOT,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CANTOPEN_ISDIR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_IOERR_FSYNC,
    ],
)
def test_these_results_of_sqlite_are_outages_whatever_their_extension(code: int) -> None:
    assert named(sqlite_error(code)) is DatabaseUnavailable


@pytest.mark.parametrize(
    "code",
    [
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISUSE,
        sqlite3.SQLITE_CORRUPT,
    ],
)
def test_every_other_result_of_sqlite_is_our_mistake(code: int) -> None:
    assert named(sqlite_error(code)) is OperationalError


@pytest.mark.parametrize("state", ["08006", "53100", "53300", "57P01", "57014", "40002"])
def test_these_states_of_postgresql_are_outages(state: str) -> None:
    assert named(postgres_error(state)) is DatabaseUnavailable


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03"])
def test_these_states_of_postgresql_are_lost_races(state: str) -> None:
    assert named(postgres_error(state)) is TransactionConflict


@pytest.mark.parametrize("state", ["42703", "22003", "23505", "25P02", "XX000", None])
def test_every_other_state_of_postgresql_is_our_mistake(state: str | None) -> None:
    assert named(postgres_error(state)) is DatabaseError


@pytest.mark.parametrize(
    "error", [sqlite_error(sqlite3.SQLITE_READONLY), postgres_error("25006")], ids=["sqlite", "pg"]
)
def test_what_can_not_be_written_is_an_outage_only_for_who_may_write(error: DBAPIError) -> None:
    assert named(error, writing=True) is DatabaseUnavailable
    assert named(error, writing=False) is type(error)


def test_a_write_by_a_reader_is_our_mistake(database: Database, clock: ManualClock) -> None:
    person = subscriber(database, now=clock.now())
    statement = text("UPDATE user_subscriptions SET cycle = 7 WHERE id = :id")
    with pytest.raises(DBAPIError), database.reading() as session:
        session.execute(statement, {"id": person.id})


@pytest.mark.parametrize(
    "statement",
    ["SELECT nonsense", "SELECT * FROM nowhere", "SELEC 1", "SELECT no_such_function(1)"],
)
def test_a_mistake_in_a_statement_is_not_called_an_outage(
    database: Database, statement: str
) -> None:
    with pytest.raises(DBAPIError), database.reading() as session:
        session.execute(text(statement))


def test_a_broken_constraint_is_not_called_an_outage(database: Database) -> None:
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(
            text(
                "INSERT INTO scheduler_heartbeats (process, host, pid, started_at, beat_at)"
                " VALUES (NULL, 'h', 1, '2026-01-01', '2026-01-01')"
            )
        )


def test_a_function_of_ours_that_breaks_inside_sqlite_is_not_called_an_outage(
    sqlite_database: Database,
) -> None:
    with sqlite_database.reading() as session:
        driven: Any = session.connection().connection.driver_connection
        driven.create_function("divide", 2, lambda a, b: a / b)
    with pytest.raises(OperationalError), sqlite_database.reading() as session:
        session.execute(text("SELECT divide(1, 0)"))


def test_a_locked_file_is_an_outage(
    sqlite_database: Database, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sketchmaker.database.sqlite.BUSY_SECONDS", 0.1)
    other = sqlite3.connect(str(make_url(sqlite_url).database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with (
        pytest.raises(DatabaseUnavailable, match="locked"),
        sqlite_database.transaction() as session,
    ):
        session.execute(text("SELECT 1"))
    other.close()


def test_a_file_that_can_not_be_opened_is_an_outage(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/nowhere/none.db")
    with pytest.raises(DatabaseUnavailable):
        database.ping()


def test_a_server_that_is_not_there_is_an_outage() -> None:
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseUnavailable):
        database.ping()


def test_a_connection_that_the_server_ended_is_an_outage(postgres_database: Database) -> None:
    kill = text("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(DatabaseUnavailable), postgres_database.transaction() as session:
        session.execute(kill)


def test_a_race_that_was_lost_is_run_again_and_a_mistake_is_not() -> None:
    tries: list[int] = []

    def lose_twice() -> str:
        tries.append(1)
        if len(tries) <= 2:
            raise LostRace
        return "won"

    assert retrying(lose_twice) == "won"

    def lose_always() -> None:
        tries.append(1)
        raise LostRace

    tries.clear()
    with pytest.raises(LostRace):
        retrying(lose_always)
    assert len(tries) == 4


def test_a_thread_knows_how_many_transactions_it_has_committed(database: Database) -> None:
    before = database.commits_of_this_thread
    with database.transaction():
        pass
    with pytest.raises(RuntimeError), database.transaction():
        raise RuntimeError
    with database.reading():
        pass
    with database.statement():
        pass
    assert database.commits_of_this_thread == before + 2
