"""A plan that ends with its cycle: nothing changes before, and then it is the default plan."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from sketchmaker.credits import resets
from sketchmaker.credits.managing import plan_changes
from sketchmaker.credits.managing.rescheduling import reschedule
from sketchmaker.credits.reading.explanations import explain
from sketchmaker.credits.rows import plans
from sketchmaker.credits.rules.errors import (
    InsufficientCredits,
    NoActiveSubscription,
    NothingToChange,
    SubscriptionNotFound,
)
from sketchmaker.database import Database
from tests.credits.test_races import race
from tests.support.actors import SOMEBODY
from tests.support.member import Member
from tests.support.people import assert_books_close

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
RESET = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def member(database: Database) -> Member:
    return Member(database, now=JOINED, plan="premium")


def test_until_the_end_everything_stays_and_the_end_is_foreseen(member: Member) -> None:
    change = member.end_at_reset(JOINED)

    assert (change.to_plan, change.effective_at) == ("Free", RESET)
    assert (change.available_before, change.available_after) == (100, 100)
    before = member.statement(RESET - INSTANT)
    assert (before.plan_name, before.available) == ("premium", 100)
    assert before.next_plan_display_name == "Free"
    assert explain(member.ledger[-1]) == (
        "Your Premium plan ends at your next reset. From then on you are on the Free plan."
    )
    assert_books_close(member.database)


def by_the_scheduler(member: Member) -> None:
    with member.database.transaction() as session:
        assert len(resets.reset_due(session, now=RESET)) == 1


def by_name(member: Member) -> None:
    assert member.reset(RESET) is not None


def nobody(_member: Member) -> None:
    """Whoever comes next finds the end due."""


@pytest.mark.parametrize("applied_by", [by_the_scheduler, by_name, nobody])
def test_at_the_reset_the_person_is_on_the_default_plan_whoever_applied_it(
    member: Member, applied_by: Callable[[Member], None]
) -> None:
    member.charge(70, JOINED)
    member.end_at_reset(JOINED)

    applied_by(member)

    after = member.statement(RESET)
    assert (after.plan_name, after.available, after.used) == ("free", 10, 0)
    assert (after.next_reset, after.next_plan_display_name) == (RESET + 28 * DAY, None)
    with pytest.raises(InsufficientCredits):
        member.charge(11, RESET)
    assert member.charge(10, RESET) == 0
    assert_books_close(member.database)


def test_an_end_after_months_without_a_scheduler_is_the_same(member: Member) -> None:
    member.end_at_reset(JOINED)

    assert member.charge(10, RESET + 60 * DAY) == 0

    assert member.statement(RESET + 60 * DAY).plan_name == "free"
    assert_books_close(member.database)


def test_an_end_can_be_taken_back_before_it_comes(member: Member) -> None:
    member.end_at_reset(JOINED)

    member.cancel_change(RESET - INSTANT)

    assert member.statement(RESET).available == 100
    assert_books_close(member.database)


def test_an_end_that_has_come_cannot_be_taken_back(member: Member) -> None:
    member.end_at_reset(JOINED)

    with pytest.raises(NothingToChange):
        member.cancel_change(RESET)
    assert member.statement(RESET).plan_name == "free"


def test_an_end_takes_the_place_of_a_change_that_waited(member: Member) -> None:
    member.change_plan("pro", "next_reset", JOINED)

    member.end_at_reset(JOINED)

    assert member.statement(RESET).plan_name == "free"


def test_a_change_of_plan_takes_the_place_of_an_end(member: Member) -> None:
    member.end_at_reset(JOINED)

    member.change_plan("pro", "now", JOINED)

    assert member.statement(RESET).plan_name == "pro"


def test_the_end_moves_with_the_reset(member: Member) -> None:
    member.end_at_reset(JOINED)
    with member.database.transaction() as session:
        reschedule(
            session,
            subscription_id=member.id,
            at=RESET - DAY,
            now=JOINED,
            by=SOMEBODY,
            reason="A test.",
        )

    assert member.statement(RESET - DAY - INSTANT).plan_name == "premium"
    assert member.statement(RESET - DAY).plan_name == "free"


def test_a_plan_ends_in_the_default_plan_whichever_that_is(member: Member) -> None:
    with member.database.transaction() as session:
        plans.choose_default(session, plan_name="pro", now=JOINED, by=SOMEBODY, reason="A test.")

    assert member.end_at_reset(JOINED).to_plan == "Pro"


def test_who_is_on_the_default_plan_or_at_its_end_has_nothing_to_end(member: Member) -> None:
    member.end_at_reset(JOINED)
    with pytest.raises(NothingToChange, match="already"):
        member.end_at_reset(JOINED)
    with pytest.raises(NothingToChange, match="Free"):
        member.end_at_reset(RESET)


def test_only_an_active_subscription_has_a_plan_to_end(member: Member) -> None:
    member.deactivate(JOINED)

    with pytest.raises(NoActiveSubscription):
        member.end_at_reset(JOINED)
    with pytest.raises(SubscriptionNotFound), member.database.transaction() as session:
        plan_changes.end_at_reset(
            session, subscription_id=4711, now=JOINED, by=SOMEBODY, reason="A test."
        )


@pytest.mark.race
def test_of_many_who_end_a_plan_at_once_one_does(member: Member) -> None:
    def end(_: int) -> str:
        try:
            member.end_at_reset(JOINED)
        except NothingToChange:
            return "refused"
        return "ended"

    assert race(12, end) == {"ended": 1, "refused": 11}
    assert len(member.ledger) == 2
    assert_books_close(member.database)


@pytest.mark.race
def test_an_end_that_races_its_reset_comes_now_or_a_month_later(member: Member) -> None:
    def end_or_reset(number: int) -> str:
        if number % 2:
            return "reset" if member.reset(RESET) else "nothing due"
        try:
            member.end_at_reset(RESET if number else RESET - INSTANT)
        except NothingToChange:
            return "refused"
        return "ended"

    outcomes = race(12, end_or_reset)

    assert outcomes["ended"] == 1
    assert member.statement(RESET).cycle == 1
    assert member.statement(RESET + 28 * DAY).plan_name == "free"
    assert_books_close(member.database)
