"""What a program that embeds the engine could get wrong, and is told instead."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sketchmaker.credits import charges, holds, lifecycle, subscriptions
from sketchmaker.credits.actions import ENGINE_ACTIONS
from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.errors import ReservedAction, SubscriptionEnded
from sketchmaker.database import Database
from tests.support.people import assert_books_close, reread, subscriber

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("action", sorted(ENGINE_ACTIONS))
def test_a_spend_does_not_pass_for_something_else(sqlite_database: Database, action: str) -> None:
    person = subscriber(sqlite_database, now=JOINED)
    spend: dict[str, Any] = {"user_id": person.user_id, "credits": 1, "now": JOINED}
    desk = CreditDesk(sqlite_database)

    with pytest.raises(ReservedAction), sqlite_database.transaction() as session:
        charges.charge(session, action=action, **spend)
    with pytest.raises(ReservedAction), sqlite_database.transaction() as session:
        holds.place(session, action=action, **spend)
    with pytest.raises(ReservedAction, match=action):
        desk.charge(action=action, key="1", **spend)

    assert reread(sqlite_database, person).credits_remaining == 10
    assert_books_close(sqlite_database)


def test_leaving_and_starting_afresh_gives_no_second_allowance(database: Database) -> None:
    person = subscriber(database, now=JOINED)
    later = JOINED + timedelta(days=1)
    with database.transaction() as session:
        charges.charge(session, user_id=person.user_id, credits=10, action="images", now=later)
        lifecycle.deactivate(session, subscription_id=person.id, now=later)

    with (
        pytest.raises(SubscriptionEnded, match="Take it up again"),
        database.transaction() as session,
    ):
        subscriptions.start(session, user_id=person.user_id, now=later)

    assert_books_close(database)
