"""Many subscriptions on one anchor: all of them due at once, month after month."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dateutil.relativedelta import relativedelta
from sqlalchemy import Table, func, insert, select

from sketchmaker.accounts.tables import User
from sketchmaker.credits.tables import IS_ACTIVE, LEDGER, SUBSCRIPTIONS
from sketchmaker.database import Base, Database
from tests.support.people import subscriber

ANCHOR = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
CHARGED_USERS = 12


@dataclass(frozen=True)
class Crowd:
    """So many subscriptions; a few of their users are charged."""

    size: int
    users: list[int]


def gather(database: Database, size: int) -> Crowd:
    """Somebody who joined by the engine's own verbs, and copies of that person."""
    first = subscriber(database, now=ANCHOR, plan="premium")
    users = Base.metadata.tables[User.__tablename__]
    with database.transaction() as session:
        connection = session.connection()

        def copy(table: Table, changes: list[dict[str, Any]], which: Any) -> list[int]:
            row = connection.execute(select(table).where(which)).mappings().one()
            same = {name: value for name, value in row.items() if name != "id"}
            rows = [{**same, **change} for change in changes]
            statement = insert(table).returning(table.c.id, sort_by_parameter_order=True)
            return list(connection.execute(statement, rows).scalars())

        names = [f"copy-{number}" for number in range(1, size)]
        unique = ("username", "username_key", "email", "email_key")
        persons = copy(
            users, [dict.fromkeys(unique, n) for n in names], users.c.id == first.user_id
        )
        plans = copy(
            SUBSCRIPTIONS, [{"user_id": n} for n in persons], SUBSCRIPTIONS.c.id == first.id
        )
        rows = [
            {"user_id": user, "subscription_id": plan}
            for user, plan in zip(persons, plans, strict=True)
        ]
        copy(LEDGER, rows, LEDGER.c.subscription_id == first.id)
    return Crowd(size, [first.user_id, *persons[-CHARGED_USERS + 1 :]])


def shift_to(month: int) -> float:
    """By how many seconds a clock must differ to find that month's resets just due."""
    there = ANCHOR + relativedelta(months=month) + timedelta(seconds=1)
    return (there - datetime.now(UTC)).total_seconds()


def due(database: Database, month: int) -> int:
    """How many of the crowd wait for their reset of that month."""
    boundary = ANCHOR + relativedelta(months=month)
    with database.reading() as session:
        return session.execute(
            select(func.count()).where(IS_ACTIVE, SUBSCRIPTIONS.c.next_credit_reset <= boundary)
        ).scalar_one()
