"""The setup guide's two SQL queries run as printed, on both databases."""

from datetime import UTC, datetime

from sqlalchemy import text

from sketchmaker.credits.spending import charges
from sketchmaker.database import Database
from tests.support.people import subscriber

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)

SUBSCRIPTION_STATUS = """
SELECT u.username, sp.display_name, us.credits_remaining, us.subscription_start
FROM users u
JOIN user_subscriptions us ON u.id = us.user_id
JOIN subscription_plans sp ON us.plan_id = sp.id
WHERE us.is_active = true;
"""

# Its `?` stands for a user's number, which whoever types the query puts there.
USAGE_HISTORY = """
SELECT uh.created_at, uh.action, uh.credits_used, uh.metadata
FROM usage_history uh
WHERE uh.user_id = ?
ORDER BY uh.created_at DESC;
"""


def test_the_guides_query_for_subscription_status_runs_as_printed(database: Database) -> None:
    subscriber(database, now=JOINED, plan="premium")

    with database.reading() as session:
        rows = session.execute(text(SUBSCRIPTION_STATUS)).all()

    assert [row[1:3] for row in rows] == [("Premium", 100)]


def test_the_guides_query_for_usage_history_runs_as_printed(database: Database) -> None:
    person = subscriber(database, now=JOINED)
    with database.transaction() as session:
        charges.charge(
            session, user_id=person.user_id, credits=2, action="images", now=JOINED.replace(hour=13)
        )

    with database.reading() as session:
        rows = session.execute(text(USAGE_HISTORY.replace("?", str(person.user_id)))).all()

    assert [(row.action, row.credits_used) for row in rows] == [
        ("images", 2),
        ("subscription_started", 0),
    ]
