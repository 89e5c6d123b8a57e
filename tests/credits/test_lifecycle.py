"""Leaving and coming back: nothing is lost, nothing is owed, and nothing is to be gained by it."""

from datetime import UTC, datetime, timedelta

import pytest

from sketchmaker.credits.managing import lifecycle
from sketchmaker.credits.resets import guard
from sketchmaker.credits.rules.cycle import cycle_start
from sketchmaker.credits.rules.errors import (
    AlreadySubscribed,
    NoActiveSubscription,
    NothingToChange,
    ResetSuspended,
    SubscriptionNotFound,
)
from sketchmaker.credits.tables import UserSubscription
from sketchmaker.database import Database
from tests.support.actors import SOMEBODY
from tests.support.member import Member
from tests.support.people import assert_books_close

JOINED = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 28, 12, 0, tzinfo=UTC)
MAY = datetime(2026, 5, 31, 12, 0, tzinfo=UTC)
LATER = JOINED + timedelta(days=3)


@pytest.fixture
def member(database: Database) -> Member:
    return Member(database, now=JOINED)


def park(member: Member) -> None:
    with member.database.transaction() as session:
        guard.suspend_failed(session, subscription_id=member.id, error="It broke.", now=FEBRUARY)


def test_who_has_left_can_not_spend_and_is_not_reset(member: Member) -> None:
    member.deactivate(LATER)

    with pytest.raises(NoActiveSubscription):
        member.charge(1, LATER)
    with pytest.raises(NoActiveSubscription):
        member.hold(1, LATER)
    with pytest.raises(NoActiveSubscription):
        member.force_reset(LATER)
    assert member.reset(FEBRUARY) is None
    assert member.parts == (10, 0, 0)
    assert_books_close(member.database)


def test_what_is_held_may_still_end(member: Member) -> None:
    kept, failed = member.hold(4, JOINED), member.hold(2, JOINED, weeks=20)
    member.deactivate(LATER)

    assert member.settle(kept, 3, LATER).available == 5
    assert member.release(failed, MAY).available == 7

    assert member.parts == (7, 0, 3)
    assert_books_close(member.database)


def test_who_comes_back_within_the_cycle_goes_on_with_what_was_left(member: Member) -> None:
    member.charge(7, JOINED)
    member.deactivate(LATER)

    member.reactivate(FEBRUARY - timedelta(microseconds=1))

    assert member.parts == (3, 0, 7)
    assert member.reset(FEBRUARY) is not None
    assert member.parts == (10, 0, 0)
    assert_books_close(member.database)


def test_who_comes_back_after_months_gets_one_allowance_and_a_row_for_each_boundary(
    member: Member,
) -> None:
    member.charge(7, JOINED)
    member.deactivate(LATER)

    member.reactivate(MAY)

    rows = [row for row in member.ledger if row.action == "monthly_reset"]
    assert [row.cycle for row in rows] == [1, 2, 3, 4]
    assert [row.details.get("skipped", False) for row in rows] == [True, True, True, False]
    assert [row.details["granted"] for row in rows] == [0, 0, 0, 10]
    assert member.parts == (10, 0, 0)
    assert member.row.subscription_start == JOINED
    assert member.row.next_credit_reset == datetime(2026, 6, 30, 12, 0, tzinfo=UTC)
    assert_books_close(member.database)


def test_going_back_and_forth_gains_nothing(member: Member) -> None:
    for days in range(1, 80):
        now = JOINED + timedelta(days=days)
        available = member.statement(now).available
        if available:
            member.charge(available, now)
        member.deactivate(now)
        member.reactivate(now)

    # 80 days have two boundaries: three allowances, as for everybody.
    assert sum(row.credits_used for row in member.ledger) == 30
    assert_books_close(member.database)


def test_a_late_reset_is_applied_before_leaving(member: Member) -> None:
    member.charge(7, JOINED)

    member.deactivate(FEBRUARY)

    assert member.parts == (10, 0, 0)
    member.reactivate(FEBRUARY + timedelta(days=1))
    assert member.parts == (10, 0, 0)


def test_a_change_of_plan_that_waited_is_forgotten_on_leaving(member: Member) -> None:
    member.change_plan("premium", "next_reset", JOINED)
    member.deactivate(LATER)

    member.reactivate(MAY)

    assert member.statement(MAY).plan_name == "free"


def test_a_grant_waits_for_who_comes_back_unless_it_has_expired(member: Member) -> None:
    member.grant(5, JOINED)
    member.grant(3, JOINED, expires_at=FEBRUARY)
    member.deactivate(LATER)

    member.reactivate(MAY)

    assert member.statement(MAY).available == 15
    assert member.charge(15, MAY) == 0
    assert_books_close(member.database)


def test_what_was_used_of_a_grant_is_not_counted_in_the_cycle_of_coming_back(
    member: Member,
) -> None:
    member.grant(5, JOINED)
    member.charge(12, JOINED)
    member.deactivate(LATER)

    member.reactivate(MAY)

    assert member.parts == (13, 0, 0)
    assert member.row.bonus_used == 0
    assert_books_close(member.database)


def test_leaving_releases_what_is_held_voids_the_grants_and_ends_the_subscription(
    member: Member,
) -> None:
    member.grant(5, JOINED)
    member.hold(12, JOINED)

    member.leave(LATER)

    assert member.parts == (10, 0, 0)
    assert member.row.bonus_remaining == 0
    assert not member.row.is_active
    member.leave(LATER)  # an account without a plan can be deleted too
    assert_books_close(member.database)


def test_who_is_suspended_can_leave_and_is_not_resumed_by_coming_back(member: Member) -> None:
    member.charge(7, JOINED)
    held = member.hold(1, JOINED)
    park(member)

    member.deactivate(FEBRUARY)

    assert member.release(held, FEBRUARY).available == 3
    with pytest.raises(ResetSuspended):
        member.reactivate(FEBRUARY)
    member.reactivate(FEBRUARY + timedelta(hours=1))
    assert member.parts == (10, 0, 0)
    assert_books_close(member.database)


def test_the_account_of_who_is_suspended_can_be_deleted(member: Member) -> None:
    member.hold(4, JOINED)
    park(member)

    member.leave(FEBRUARY)

    assert not member.row.is_active
    assert member.parts == (10, 0, 0)


def test_what_is_so_already_and_what_is_not_there_is_said(member: Member) -> None:
    with pytest.raises(NothingToChange):
        member.reactivate(LATER)
    member.deactivate(LATER)
    with pytest.raises(NothingToChange):
        member.deactivate(LATER)
    with pytest.raises(SubscriptionNotFound), member.database.transaction() as session:
        lifecycle.deactivate(
            session, subscription_id=member.id + 1, now=LATER, by=SOMEBODY, reason="A test."
        )


def test_who_has_another_plan_by_then_can_not_take_the_old_one_up(member: Member) -> None:
    member.deactivate(LATER)
    # `start` refuses to make a second one; a row that another program made is minded as well.
    plan_id = member.row.plan_id
    with member.database.transaction() as session:
        session.add(
            UserSubscription(
                user_id=member.user_id,
                plan_id=plan_id,
                credits_remaining=10,
                cycle_allowance=10,
                subscription_start=LATER,
                last_credit_reset=LATER,
                next_credit_reset=cycle_start(LATER, 1),
                created_at=LATER,
            )
        )

    with pytest.raises(AlreadySubscribed):
        member.reactivate(LATER)
