"""What the hot path sends as plain SQL says and refuses the same as SQLAlchemy's statement."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Integer, bindparam, func, insert, select
from sqlalchemy.exc import IntegrityError

from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.rows.rendered import Rendered
from sketchmaker.credits.rules.errors import InvalidInstant
from sketchmaker.credits.tables import LEDGER, UserSubscription
from sketchmaker.database import Database, DatabaseUnavailable
from tests.support.people import ledger_of, subscriber

NOW = datetime(2026, 1, 15, 12, 0, 0, 120, tzinfo=UTC)


@pytest.fixture
def person(database: Database) -> UserSubscription:
    return subscriber(database, now=NOW)


def row_of(person: UserSubscription, **other: Any) -> dict[str, Any]:
    row = {
        "user_id": person.user_id,
        "subscription_id": person.id,
        "action": "images",
        "credits_used": 0,
        "credits_delta": 0,
        "bonus_delta": 0,
        "balance_after": 0,
        "cycle": 0,
        "metadata": {"prompt": 'ein "Fuchs" \\ ☂', "sizes": [1, 2]},
        "created_at": NOW.astimezone(timezone(timedelta(hours=5))),
    }
    return {**row, **other}


def test_values_are_written_as_sqlalchemy_writes_them(
    database: Database, person: UserSubscription
) -> None:
    row = row_of(person)
    with database.transaction() as session:
        session.execute(insert(LEDGER), [row])
    with database.statement() as connection:
        Rendered(insert(LEDGER).inline(), columns=list(row)).run(connection, row)

    usual, rendered = ledger_of(database, person)[-2:]
    assert usual.details == rendered.details == row["metadata"]
    assert usual.created_at == rendered.created_at == NOW
    with database.reading() as session:
        # As SQLite keeps it: text must be the same to sort and compare.
        assert len(set(session.scalars(select(LEDGER.c.created_at)))) == 1


def test_it_runs_again_with_other_values(database: Database, person: UserSubscription) -> None:
    wanted = select(LEDGER.c.id).where(LEDGER.c.user_id == bindparam("which"))
    statement = Rendered(wanted)
    with database.statement() as connection:
        (entry,) = statement.first(connection, {"which": person.user_id}) or ()
        assert entry == ledger_of(database, person)[0].id
        assert statement.first(connection, {"which": 0}) is None


def test_it_breaks_with_the_errors_of_sqlalchemy(
    database: Database, person: UserSubscription
) -> None:
    entry = Rendered(insert(LEDGER).inline(), columns=["id", *row_of(person)])
    with pytest.raises(IntegrityError) as raised, database.statement() as connection:
        entry.run(connection, row_of(person, id=ledger_of(database, person)[0].id))
    assert "ein" not in str(raised.value)  # values are prompts: they stay out of the log


def test_a_connection_that_was_lost_is_named_and_replaced(
    postgres_database: Database,
) -> None:
    statement = Rendered(select(bindparam("said", type_=Integer)))
    with pytest.raises(DatabaseUnavailable):
        lose_the_connection_and(postgres_database, statement)
    with postgres_database.statement() as connection:
        assert statement.first(connection, {"said": 7}) == (7,)


def test_a_naive_moment_is_refused_and_nothing_is_charged(
    database: Database, person: UserSubscription
) -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(InvalidInstant):
        CreditDesk(database).charge(user_id=person.user_id, credits=1, action="images", now=naive)
    assert len(ledger_of(database, person)) == 1


def lose_the_connection_and(database: Database, statement: Rendered) -> None:
    """Have the server end the connection just before the statement."""
    with database.statement() as connection:
        used: Any = connection.connection.driver_connection
        with database.transaction() as session:
            session.execute(select(func.pg_terminate_backend(used.info.backend_pid)))
        statement.first(connection, {"said": 7})
