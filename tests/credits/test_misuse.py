"""What a program that embeds the engine could get wrong, and is told instead."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.managing import adjustments, lifecycle, subscriptions
from sketchmaker.credits.rules.actions import ENGINE_ACTIONS
from sketchmaker.credits.rules.errors import (
    InvalidAction,
    InvalidDetails,
    InvalidReason,
    ReservedAction,
    SubscriptionEnded,
)
from sketchmaker.credits.spending import charges, holds
from sketchmaker.database import Database
from tests.support.actors import SOMEBODY
from tests.support.people import assert_books_close, reread, subscriber

pytestmark = pytest.mark.slow  # all of them together

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
UNKEEPABLE = ["NUL \0", "half \ud83d"]
THEMSELVES: dict[str, Any] = {}
THEMSELVES["again"] = THEMSELVES
NO_JSON: list[dict[Any, Any]] = [
    {"at": JOINED},
    {"a": 1, 2: 3},
    {"nan": float("nan")},
    {"all": [1.5, -float("inf")]},
    *({"text": text} for text in UNKEEPABLE),
    *({text: 1} for text in UNKEEPABLE),
    THEMSELVES,
]


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
        lifecycle.deactivate(
            session, subscription_id=person.id, now=later, by=SOMEBODY, reason="A test."
        )

    with (
        pytest.raises(SubscriptionEnded, match="Take it up again"),
        database.transaction() as session,
    ):
        subscriptions.start(
            session, user_id=person.user_id, now=later, by=SOMEBODY, reason="A test."
        )

    assert_books_close(database)


@pytest.mark.parametrize("action", ["a" * 51, *UNKEEPABLE], ids=repr)
@pytest.mark.parametrize("key", [None, "order-7"])
def test_a_name_that_no_database_keeps_is_refused(
    database: Database, action: str, key: str | None
) -> None:
    person = subscriber(database, now=JOINED)
    desk = CreditDesk(database)

    for verb in (desk.charge, desk.hold):
        with pytest.raises(InvalidAction):
            verb(user_id=person.user_id, credits=1, action=action, now=JOINED, key=key)

    desk.charge(user_id=person.user_id, credits=1, action="a" * 50, now=JOINED)
    assert reread(database, person).credits_remaining == 9
    assert_books_close(database)


@pytest.mark.parametrize("details", NO_JSON, ids=range(len(NO_JSON)))
@pytest.mark.parametrize("key", [None, "order-7"])
def test_details_that_are_no_json_are_refused(
    database: Database, details: dict[str, Any], key: str | None
) -> None:
    person = subscriber(database, now=JOINED)
    desk = CreditDesk(database)
    spend: dict[str, Any] = {"user_id": person.user_id, "credits": 1, "action": "images"}
    hold = desk.hold(now=JOINED, **spend)
    given: dict[str, Any] = {"now": JOINED, "details": details, "key": key}

    for verb in (desk.charge, desk.hold):
        with pytest.raises(InvalidDetails):
            verb(**spend, **given)
    with pytest.raises(InvalidDetails):
        desk.settle(hold_id=hold.id, credits=1, **given)
    with pytest.raises(InvalidDetails):
        desk.release(hold_id=hold.id, reason="It failed.", **given)

    assert reread(database, person).credits_held == 1
    assert_books_close(database)


@pytest.mark.parametrize("reason", UNKEEPABLE, ids=repr)
def test_a_reason_that_no_database_keeps_is_refused(database: Database, reason: str) -> None:
    person = subscriber(database, now=JOINED)
    hold = CreditDesk(database).hold(user_id=person.user_id, credits=1, action="images", now=JOINED)

    with pytest.raises(InvalidReason), database.transaction() as session:
        adjustments.revoke(
            session, user_id=person.user_id, credits=1, reason=reason, now=JOINED, by=SOMEBODY
        )
    with pytest.raises(InvalidReason):
        CreditDesk(database).release(hold_id=hold.id, reason=reason, now=JOINED)
