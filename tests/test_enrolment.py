"""An account and its plan begin together, and end together."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from sketchmaker.accounts import registration
from sketchmaker.accounts.errors import UserNotFound
from sketchmaker.accounts.tables import User
from sketchmaker.credits import holds, plans
from sketchmaker.credits.errors import NoActiveSubscription
from sketchmaker.credits.statement import statement_for
from sketchmaker.credits.tables import CreditHold, UsageHistory
from sketchmaker.database import Database
from sketchmaker.enrolment import depart, enrol, enrol_everyone_without_a_plan

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)

ADA = registration.prepare(
    username="ada", email="ada@example.org", password="a-long-enough-pass", time_zone="Asia/Tokyo"
)


@pytest.fixture
def ada(database: Database) -> int:
    with database.transaction() as session:
        plans.ensure_default_plans(session, now=NOW)
        return enrol(session, ADA, now=NOW).id


def test_who_joins_is_on_the_free_plan_from_that_instant_in_their_own_zone(
    database: Database, ada: int
) -> None:
    with database.reading() as session:
        statement = statement_for(session, ada, now=NOW)

    assert (statement.plan_name, statement.available, statement.anchor) == ("free", 10, NOW)
    assert statement.time_zone == "Asia/Tokyo"


def test_who_leaves_takes_their_name_along_and_leaves_the_books(
    database: Database, ada: int
) -> None:
    with database.transaction() as session:
        holds.place(session, user_id=ada, credits=4, action="images", now=NOW)
    with database.transaction() as session:
        depart(session, user_id=ada, now=NOW)

    with database.reading() as session:
        user = session.get_one(User, ada)
        assert (user.username, user.is_active) == (f"deleted {ada}", False)
        assert session.scalars(select(CreditHold.state)).all() == ["released"]
        rows = session.scalars(select(UsageHistory.action).order_by(UsageHistory.id)).all()
        with pytest.raises(NoActiveSubscription):
            statement_for(session, ada, now=NOW)
    assert rows == ["subscription_started", "images", "subscription_deactivated"]


def test_a_name_that_was_left_can_be_taken_again_by_somebody_else(
    database: Database, ada: int
) -> None:
    with database.transaction() as session:
        depart(session, user_id=ada, now=NOW)
        newcomer = enrol(session, ADA, now=NOW)

    assert newcomer.id != ada


def test_who_left_is_not_given_the_free_plan_by_the_next_set_up(
    database: Database, ada: int
) -> None:
    with database.transaction() as session:
        depart(session, user_id=ada, now=NOW)
        assert enrol_everyone_without_a_plan(session, now=NOW) == 0


def test_nobody_can_leave_who_is_not_there(database: Database) -> None:
    with pytest.raises(UserNotFound), database.transaction() as session:
        depart(session, user_id=4711, now=NOW)
