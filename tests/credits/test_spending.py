"""Charging and holding: exact on both databases, and refusals that carry facts."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from sketchmaker.clock import ManualClock
from sketchmaker.credits.rules.errors import (
    HoldNotFound,
    HoldNotPending,
    InsufficientCredits,
    InvalidAmount,
    NoActiveSubscription,
)
from sketchmaker.credits.spending import charges, holds
from sketchmaker.credits.tables import CreditHold, UserSubscription
from sketchmaker.database import Database
from tests.support.people import assert_books_close, ledger_of, reread, subscriber

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
FIRST_RESET = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)


@pytest.fixture
def person(database: Database) -> UserSubscription:
    return subscriber(database, now=JOINED)


def hold(database: Database, person: UserSubscription, credits: int, now: datetime = JOINED) -> int:
    with database.transaction() as session:
        placed = holds.place(
            session, user_id=person.user_id, credits=credits, action="images", now=now
        )
    return placed.id


def parts(database: Database, person: UserSubscription) -> tuple[int, int, int]:
    """Available, held, used."""
    row = reread(database, person)
    return row.credits_remaining, row.credits_held, row.credits_used_this_month


def test_a_charge_takes_credits_and_explains_itself(
    database: Database, person: UserSubscription
) -> None:
    with database.transaction() as session:
        charge = charges.charge(
            session,
            user_id=person.user_id,
            credits=3,
            action="images",
            now=JOINED,
            details={"prompt": "a lighthouse"},
        )

    assert (charge.credits, charge.available, charge.cycle) == (3, 7, 0)
    assert parts(database, person) == (7, 0, 3)
    row = ledger_of(database, person)[-1]
    assert (row.credits_delta, row.credits_used, row.balance_after) == (-3, 3, 7)
    assert row.details == {"details": {"prompt": "a lighthouse"}}
    assert_books_close(database)


def test_a_charge_beyond_the_balance_takes_nothing_and_carries_the_facts(
    database: Database, person: UserSubscription
) -> None:
    with pytest.raises(InsufficientCredits) as refusal, database.transaction() as session:
        charges.charge(session, user_id=person.user_id, credits=11, action="images", now=JOINED)

    assert (refusal.value.required, refusal.value.available) == (11, 10)
    assert refusal.value.next_reset == FIRST_RESET
    assert refusal.value.plan_display_name == "Free"
    assert parts(database, person) == (10, 0, 0)


def test_somebody_without_a_plan_is_told_so(database: Database) -> None:
    with pytest.raises(NoActiveSubscription), database.transaction() as session:
        charges.charge(session, user_id=4711, credits=1, action="images", now=JOINED)


def test_held_credits_are_neither_available_nor_used(
    database: Database, person: UserSubscription
) -> None:
    hold(database, person, 4)

    assert parts(database, person) == (6, 4, 0)
    assert len(ledger_of(database, person)) == 1
    assert_books_close(database)


def test_settling_charges_what_was_delivered_and_gives_the_rest_back(
    database: Database, person: UserSubscription
) -> None:
    held = hold(database, person, 4)

    with database.transaction() as session:
        holds.settle(session, hold_id=held, credits=3, now=JOINED)

    assert parts(database, person) == (7, 0, 3)
    row = ledger_of(database, person)[-1]
    assert (row.credits_delta, row.credits_used, row.balance_after) == (-3, 3, 7)
    assert_books_close(database)


def test_a_released_hold_costs_nothing_and_says_why(
    database: Database, person: UserSubscription
) -> None:
    held = hold(database, person, 4)

    with database.transaction() as session:
        holds.release(session, hold_id=held, reason="The provider was busy.", now=JOINED)

    assert parts(database, person) == (10, 0, 0)
    row = ledger_of(database, person)[-1]
    assert (row.credits_delta, row.credits_used) == (0, 0)
    assert row.details["reason"] == "The provider was busy."
    assert_books_close(database)


def test_a_hold_ends_once(database: Database, person: UserSubscription) -> None:
    held = hold(database, person, 4)
    with database.transaction() as session:
        holds.settle(session, hold_id=held, credits=4, now=JOINED)

    with pytest.raises(HoldNotPending, match="settled"), database.transaction() as session:
        holds.settle(session, hold_id=held, credits=4, now=JOINED)
    with pytest.raises(HoldNotPending, match="settled"), database.transaction() as session:
        holds.release(session, hold_id=held, reason="Too late.", now=JOINED)

    assert parts(database, person) == (6, 0, 4)
    assert_books_close(database)


def test_more_than_was_held_can_not_be_settled(
    database: Database, person: UserSubscription
) -> None:
    held = hold(database, person, 4)

    with pytest.raises(InvalidAmount, match="from 1 to 4"), database.transaction() as session:
        holds.settle(session, hold_id=held, credits=5, now=JOINED)

    assert parts(database, person) == (6, 4, 0)


def test_a_hold_that_never_was_is_not_found(database: Database) -> None:
    with pytest.raises(HoldNotFound), database.transaction() as session:
        holds.release(session, hold_id=99, reason="Nothing there.", now=JOINED)


def test_a_forgotten_hold_expires_and_strands_nothing(
    database: Database, person: UserSubscription, clock: ManualClock
) -> None:
    forgotten, fresh = (
        hold(database, person, 4),
        hold(database, person, 2, JOINED.replace(minute=30)),
    )

    with database.transaction() as session:
        released = holds.release_expired(session, now=JOINED + timedelta(hours=1))

    assert released == 1
    assert parts(database, person) == (8, 2, 0)
    with database.reading() as session:
        assert session.get_one(CreditHold, forgotten).state == "expired"
        assert session.get_one(CreditHold, fresh).state == "pending"
    assert_books_close(database)


def test_a_charge_that_finds_its_subscription_due_resets_it_first(
    database: Database, person: UserSubscription
) -> None:
    with database.transaction() as session:
        charges.charge(session, user_id=person.user_id, credits=10, action="images", now=JOINED)

    with database.transaction() as session:
        charge = charges.charge(
            session, user_id=person.user_id, credits=2, action="images", now=FIRST_RESET
        )

    assert (charge.available, charge.cycle) == (8, 1)
    assert [row.action for row in ledger_of(database, person)] == [
        "subscription_started",
        "images",
        "monthly_reset",
        "images",
    ]
    assert_books_close(database)


def test_held_before_a_reset_and_settled_after_it_costs_the_new_cycle_nothing(
    database: Database, person: UserSubscription
) -> None:
    held = hold(database, person, 4, FIRST_RESET - timedelta(seconds=1))
    hold(database, person, 1, FIRST_RESET)  # finds the subscription due and resets it

    with database.transaction() as session:
        holds.settle(session, hold_id=held, credits=4, now=FIRST_RESET + timedelta(seconds=1))

    assert parts(database, person) == (9, 1, 0)
    row = ledger_of(database, person)[-1]
    assert (row.cycle, row.credits_used, row.credits_delta) == (0, 4, 0)
    assert_books_close(database)


def test_held_before_a_reset_and_released_after_it_gives_the_new_cycle_nothing(
    database: Database, person: UserSubscription
) -> None:
    held = hold(database, person, 4, FIRST_RESET - timedelta(seconds=1))
    hold(database, person, 1, FIRST_RESET)

    with database.transaction() as session:
        holds.release(session, hold_id=held, reason="It failed.", now=FIRST_RESET)

    assert parts(database, person) == (9, 1, 0)
    assert_books_close(database)


def test_the_database_itself_refuses_books_that_do_not_close(
    database: Database, person: UserSubscription
) -> None:
    statement = text("UPDATE user_subscriptions SET credits_remaining = credits_remaining + 1")

    with pytest.raises(Exception, match="books_close"), database.transaction() as session:
        session.execute(statement)


def test_the_statement_that_spends_uses_the_index_of_active_subscriptions(
    sqlite_database: Database,
) -> None:
    with sqlite_database.reading() as session:
        plan = session.execute(
            text(
                "EXPLAIN QUERY PLAN UPDATE user_subscriptions SET credits_remaining = 1 "
                "WHERE user_id = 1 AND is_active IS 1 AND next_credit_reset > 'x'"
            )
        ).all()

    assert "uq_user_subscriptions_active_user" in str(plan)


def test_a_hold_that_is_extended_outlives_its_first_expiry(
    database: Database, person: UserSubscription
) -> None:
    held = hold(database, person, 4)
    until = JOINED + timedelta(hours=3)

    def extend(to: datetime) -> None:
        with database.transaction() as session:
            holds.extend(session, hold_id=held, until=to, now=JOINED)

    extend(until)
    extend(until - timedelta(hours=1))  # earlier changes nothing

    with database.transaction() as session:
        assert holds.release_expired(session, now=until - timedelta(microseconds=1)) == 0
        assert holds.release_expired(session, now=until) == 1
    with pytest.raises(HoldNotPending, match="expired"):
        extend(until + timedelta(hours=1))
    with pytest.raises(HoldNotFound), database.transaction() as session:
        holds.extend(session, hold_id=held + 1, until=until, now=JOINED)
