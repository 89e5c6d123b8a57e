"""Resets: one row a boundary, one allowance in effect, whoever applies them and however late."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from sketchmaker.credits import resets
from sketchmaker.credits.reading.explanations import explain
from sketchmaker.credits.reading.statement import statement_for
from sketchmaker.credits.resets import guard
from sketchmaker.credits.resets.reset_plan import ResetDone
from sketchmaker.credits.rows import ledger
from sketchmaker.credits.spending import charges
from sketchmaker.credits.tables import UserSubscription
from sketchmaker.database import Database
from tests.support.people import assert_books_close, ledger_of, reread, subscriber

JOINED = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 28, 12, 0, tzinfo=UTC)
MARCH = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)


@pytest.fixture
def person(database: Database) -> UserSubscription:
    return subscriber(database, now=JOINED)


def spend(database: Database, person: UserSubscription, credits: int, now: datetime) -> None:
    with database.transaction() as session:
        charges.charge(session, user_id=person.user_id, credits=credits, action="images", now=now)


def reset_all(database: Database, now: datetime) -> list[ResetDone]:
    with database.transaction() as session:
        return resets.reset_due(session, now=now).described


def test_nothing_is_reset_before_its_time(database: Database, person: UserSubscription) -> None:
    assert reset_all(database, FEBRUARY - timedelta(microseconds=1)) == []


def test_a_reset_brings_the_allowance_back_on_the_boundary(
    database: Database, person: UserSubscription
) -> None:
    spend(database, person, 7, JOINED)

    (done,) = reset_all(database, FEBRUARY)

    row = reread(database, person)
    assert (row.credits_remaining, row.credits_used_this_month, row.cycle) == (10, 0, 1)
    assert (row.last_credit_reset, row.next_credit_reset) == (FEBRUARY, MARCH)
    assert row.get_next_reset_date() == MARCH
    assert (done.was_caught_up, done.missed) == (False, 0)
    assert reset_all(database, FEBRUARY) == []
    entry = ledger_of(database, person)[-1]
    assert (entry.action, entry.credits_delta, entry.balance_after) == ("monthly_reset", 7, 10)
    assert_books_close(database)


def test_a_reset_later_than_the_grace_is_marked_as_caught_up(
    database: Database, person: UserSubscription
) -> None:
    (done,) = reset_all(database, FEBRUARY + timedelta(hours=2))

    assert done.was_caught_up
    entry = ledger_of(database, person)[-1]
    assert entry.details["caught_up"] is True
    assert "Applied late" in explain(entry)


def test_after_months_away_there_is_a_row_for_each_and_one_allowance(
    database: Database, person: UserSubscription
) -> None:
    spend(database, person, 4, JOINED)

    (done,) = reset_all(database, datetime(2026, 6, 3, tzinfo=UTC))

    entries = ledger_of(database, person)[2:]
    assert [entry.cycle for entry in entries] == [1, 2, 3, 4]
    assert [entry.details["missed"] for entry in entries] == [True, True, True, False]
    assert done.missed == 3
    row = reread(database, person)
    assert (row.credits_remaining, row.cycle) == (10, 4)
    assert row.next_credit_reset == datetime(2026, 6, 30, 12, 0, tzinfo=UTC)
    assert_books_close(database)


def test_a_clock_set_back_undoes_nothing_and_spending_goes_on(
    database: Database, person: UserSubscription
) -> None:
    reset_all(database, FEBRUARY)

    assert reset_all(database, JOINED) == []
    spend(database, person, 3, JOINED)
    reset_all(database, FEBRUARY)

    row = reread(database, person)
    assert (row.cycle, row.credits_remaining) == (1, 7)
    assert_books_close(database)


def test_a_page_shows_what_a_reset_will_do_without_writing_it(
    database: Database, person: UserSubscription
) -> None:
    spend(database, person, 9, JOINED)
    later = MARCH + timedelta(days=3)

    with database.reading() as session:
        shown = statement_for(session, person.user_id, now=later)

    assert len(ledger_of(database, person)) == 2
    reset_all(database, later)
    with database.reading() as session:
        assert statement_for(session, person.user_id, now=later) == shown
    assert (shown.available, shown.used, shown.cycle) == (10, 0, 2)


def test_an_inactive_subscription_is_not_reset(
    database: Database, person: UserSubscription
) -> None:
    with database.transaction() as session:
        session.get_one(UserSubscription, person.id).is_active = False

    assert reset_all(database, MARCH) == []


def test_the_ledger_refuses_a_second_reset_of_the_same_cycle(
    database: Database, person: UserSubscription
) -> None:
    reset_all(database, FEBRUARY)
    entry = ledger_of(database, person)[-1]

    with pytest.raises(IntegrityError), database.transaction() as session:
        ledger.append(
            session,
            user_id=entry.user_id,
            subscription_id=entry.subscription_id,
            hold_id=None,
            action="monthly_reset",
            credits_used=0,
            credits_delta=0,
            bonus_delta=0,
            balance_after=10,
            cycle=entry.cycle,
            details={},
            created_at=FEBRUARY,
        )


def test_batches_take_the_longest_overdue_first_and_leave_out_what_is_suspended(
    database: Database, person: UserSubscription
) -> None:
    later = subscriber(database, now=JOINED + timedelta(hours=1))

    with database.transaction() as session:
        (first,) = resets.reset_due(session, now=MARCH, limit=1)
        guard.suspend_failed(session, subscription_id=later.id, error="It broke.", now=MARCH)
    with database.transaction() as session:
        left_out = resets.reset_due(session, now=MARCH)

    assert first.subscription_id == person.id
    assert left_out.count == 0


def test_the_reset_follows_the_row_when_newer_zone_data_would_count_otherwise(
    database: Database, person: UserSubscription
) -> None:
    scheduled = FEBRUARY - timedelta(hours=1)
    with database.transaction() as session:
        session.get_one(UserSubscription, person.id).next_credit_reset = scheduled

    (done,) = reset_all(database, scheduled)

    assert (done.cycle, done.next_reset) == (1, MARCH)
    row = reread(database, person)
    assert row.last_credit_reset == scheduled
