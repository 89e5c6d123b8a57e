"""Databases full of people, made fast: rows are written in SQL, not one by one."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from sketchmaker import schema
from sketchmaker.credits.rows import plans
from sketchmaker.credits.rules.cycle import cycle_start
from sketchmaker.database import Database
from tests.support.actors import SOMEBODY

JOINED = datetime(2026, 1, 1, tzinfo=UTC)
"""The first joins here, the others within the 31 days after it."""

NOTHING_DUE = datetime(2026, 2, 28, 12, tzinfo=UTC)
"""Everybody is in cycle 1, which ends in March."""

ALL_DUE = datetime(2026, 3, 31, 21, tzinfo=UTC)
"""Everybody's second reset is due, and nobody's third for three hours."""

_USERS = """
INSERT INTO users (username, username_key, email, email_key, password_hash, role, is_active,
                   time_zone, created_at, password_changed_at)
WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < :count)
SELECT 'person' || i, 'person' || i, 'person' || i || '@example.org',
       'person' || i || '@example.org', '!', 'user', true, 'UTC', :joined, :joined
FROM numbers
"""

_SUBSCRIPTIONS = """
INSERT INTO user_subscriptions
       (user_id, plan_id, credits_remaining, credits_held, credits_used_this_month, cycle_allowance,
        cycle, time_zone, subscription_start, last_credit_reset, next_credit_reset, is_active,
        created_at)
SELECT u.id, p.id, p.monthly_credits - u.id % 10, 0, u.id % 10, p.monthly_credits,
       1, 'UTC', a.anchor, a.last_reset, a.next_reset, true, a.anchor
FROM users AS u
JOIN anchors AS a ON a.number = u.id % :anchors
JOIN subscription_plans AS p
  ON p.name = CASE u.id % 20 WHEN 0 THEN 'pro' ELSE 'premium' END
ORDER BY u.id
"""

_ANCHORS = 5_000
"""Different moments of joining."""


def fill(url: str, count: int) -> None:
    """Bring an empty database up to date and write so many people, each with a plan."""
    database = Database(url)
    schema.upgrade(database)
    with database.transaction() as session:
        plans.ensure_default_plans(session, now=JOINED, by=SOMEBODY, reason="A test.")
        _write(session.connection(), database.dialect, count)
    _settle(database)
    database.close()


def _write(connection: Connection, dialect: str, count: int) -> None:
    stamp = "timestamptz" if dialect == "postgresql" else "text"

    connection.execute(
        text(
            "CREATE TEMPORARY TABLE anchors (number integer PRIMARY KEY, "
            f"anchor {stamp}, last_reset {stamp}, next_reset {stamp})"
        )
    )
    rows = [_anchor(number, dialect) for number in range(_ANCHORS)]
    connection.execute(
        text("INSERT INTO anchors VALUES (:number, :anchor, :last_reset, :next_reset)"), rows
    )
    connection.execute(text(_USERS), {"count": count, "joined": _stamp(JOINED, dialect)})
    connection.execute(text(_SUBSCRIPTIONS), {"anchors": _ANCHORS})
    connection.execute(text("DROP TABLE anchors"))


def _anchor(number: int, dialect: str) -> dict[str, Any]:
    anchor = JOINED + timedelta(days=number % 31, seconds=number * 7 % 72_000)
    return {
        "number": number,
        "anchor": _stamp(anchor, dialect),
        "last_reset": _stamp(cycle_start(anchor, 1), dialect),
        "next_reset": _stamp(cycle_start(anchor, 2), dialect),
    }


def _stamp(moment: datetime, dialect: str) -> datetime | str:
    return moment if dialect == "postgresql" else f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def _settle(database: Database) -> None:
    """Do now what the database would do in the background, so that no measurement pays for it."""
    if database.dialect == "sqlite":
        with database.transaction() as session:
            session.execute(text("ANALYZE"))
        return
    with database.statement() as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))
