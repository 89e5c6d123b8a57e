"""Bonus credits: what expires first burns first, and no reset or change of plan takes them."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from sketchmaker.credits.grants import MAX_BONUS
from sketchmaker.credits.reading.explanations import explain
from sketchmaker.credits.rules.amounts import MAX_CREDITS
from sketchmaker.credits.rules.errors import (
    InsufficientCredits,
    InvalidAmount,
    InvalidGrant,
    NoActiveSubscription,
    ReasonMissing,
)
from sketchmaker.credits.rules.invalid_input import TooManyGranted
from sketchmaker.credits.tables import PLANS, CreditGrant
from sketchmaker.database import Database
from tests.support.member import Member
from tests.support.people import assert_books_close

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
RESET = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def member(database: Database) -> Member:
    return Member(database, now=JOINED)


def left(member: Member) -> list[int]:
    """What each grant has left, the oldest grant first."""
    with member.database.reading() as session:
        query = select(CreditGrant.credits_remaining).where(CreditGrant.user_id == member.user_id)
        return list(session.scalars(query.order_by(CreditGrant.id)))


def test_a_grant_adds_to_the_one_number_and_says_why(member: Member) -> None:
    given = member.grant(5, JOINED)

    statement = member.statement(JOINED)
    assert (given.available, statement.available, statement.bonus) == (15, 15, 5)
    row = member.ledger[-1]
    assert (row.credits_delta, row.bonus_delta, row.balance_after) == (5, 5, 15)
    assert "Sorry for the outage." in explain(row)
    assert_books_close(member.database)


def test_the_allowance_burns_before_a_grant_that_never_expires(member: Member) -> None:
    member.grant(5, JOINED)

    member.charge(12, JOINED)

    assert left(member) == [3]
    assert member.ledger[-1].bonus_delta == -2


@pytest.mark.parametrize(
    ("expires_at", "expected"),
    [
        (RESET - INSTANT, 2),  # before the allowance does
        (RESET, 2),  # with the allowance: the grant first
        (RESET + INSTANT, 5),  # after it
    ],
)
def test_what_expires_before_or_with_the_allowance_burns_before_it(
    member: Member, expires_at: datetime, expected: int
) -> None:
    member.grant(5, JOINED, expires_at=expires_at)

    member.charge(3, JOINED)

    assert left(member) == [expected]
    assert member.statement(JOINED).available == 12
    assert_books_close(member.database)


def test_of_two_grants_the_one_that_expires_first_burns_first_and_in_a_tie_the_older(
    member: Member,
) -> None:
    for expires_at in (JOINED + 3 * DAY, JOINED + 2 * DAY, JOINED + 3 * DAY):
        member.grant(2, JOINED, expires_at=expires_at)

    member.charge(3, JOINED)

    assert left(member) == [1, 0, 2]


def test_grants_survive_the_reset_and_a_change_of_plan(member: Member) -> None:
    member.grant(5, JOINED)
    member.change_plan("premium", "now", JOINED)
    member.charge(100, JOINED)

    member.reset(RESET)

    assert member.statement(RESET).available == 105
    assert (member.row.bonus_remaining, member.row.bonus_used) == (5, 0)
    assert_books_close(member.database)


def test_an_expired_grant_is_not_shown_nor_spent_before_anybody_swept(member: Member) -> None:
    member.grant(5, JOINED, expires_at=JOINED + DAY)

    assert member.statement(JOINED + DAY - INSTANT).available == 15
    assert member.statement(JOINED + DAY).available == 10
    with pytest.raises(InsufficientCredits) as refusal:
        member.charge(11, JOINED + DAY)
    assert refusal.value.available == 10
    assert member.charge(10, JOINED + DAY) == 0
    assert [row.action for row in member.ledger[-2:]] == ["grant_expired", "images"]
    assert_books_close(member.database)


def test_the_sweep_ends_expired_grants_once_and_leaves_what_was_seen(member: Member) -> None:
    member.grant(5, JOINED, expires_at=JOINED + DAY)
    seen = member.statement(JOINED + DAY)

    assert member.expire_grants(JOINED + DAY - INSTANT) == 0
    assert member.expire_grants(JOINED + DAY) == 5
    assert member.expire_grants(JOINED + DAY) == 0

    assert member.statement(JOINED + DAY) == seen
    assert member.ledger[-1].credits_delta == -5
    assert "expired" in explain(member.ledger[-1])
    assert_books_close(member.database)


def test_the_held_part_of_an_expired_grant_lapses_when_it_comes_back(member: Member) -> None:
    member.grant(5, JOINED, expires_at=JOINED + DAY)
    held = member.hold(5, JOINED)

    assert member.expire_grants(JOINED + DAY) == 0  # all of it is held
    end = member.settle(held, 2, JOINED + DAY)

    assert (end.settled, end.returned, end.available) == (2, 0, 10)
    assert member.ledger[-1].details["lapsed"] == 3
    assert_books_close(member.database)


def test_held_bonus_credits_go_back_to_their_grant_even_after_a_reset(member: Member) -> None:
    member.grant(5, JOINED)
    held = member.hold(13, JOINED)
    member.reset(RESET)

    end = member.release(held, RESET)

    assert (end.returned, end.available) == (3, 15)
    assert member.parts == (15, 0, 0)
    assert_books_close(member.database)


def test_a_grant_to_somebody_whose_reset_is_late_tells_what_they_really_have(
    member: Member,
) -> None:
    member.charge(10, JOINED)

    given = member.grant(5, RESET)

    assert given.available == member.statement(RESET).available == 15
    assert [row.balance_after for row in member.ledger[-2:]] == [10, 15]


def test_the_end_of_a_hold_tells_what_is_there_after_a_late_reset(member: Member) -> None:
    member.grant(2, JOINED, expires_at=RESET)
    held = member.hold(12, JOINED)

    end = member.release(held, RESET)

    assert (end.returned, end.available) == (0, 10)
    assert member.statement(RESET).available == 10
    assert_books_close(member.database)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "gift"},
        {"reason": "  "},
        {"expires_at": JOINED},
        {"expires_at": JOINED - DAY},
    ],
)
def test_a_grant_of_no_kind_without_reason_or_over_already_is_refused(
    member: Member, wrong: dict[str, object]
) -> None:
    with pytest.raises((InvalidGrant, ReasonMissing)):
        member.grant(5, JOINED, **wrong)

    assert member.parts == (10, 0, 0)


@pytest.mark.parametrize("credits", [0, -1, True, 1.0, "5", MAX_BONUS + 1])
def test_a_grant_is_a_whole_number_of_credits_within_the_limit(
    member: Member, credits: int
) -> None:
    with pytest.raises(InvalidAmount):
        member.grant(credits, JOINED)


def test_the_grants_of_one_user_stay_within_the_limit_together(member: Member) -> None:
    member.grant(MAX_BONUS - 1, JOINED)
    member.hold(20, JOINED, weeks=0)  # held credits count

    with pytest.raises(InvalidAmount, match="at most 1 more"):
        member.grant(2, JOINED)
    member.grant(1, JOINED)

    assert_books_close(member.database)


def test_no_sum_of_a_cycle_outgrows_four_bytes(member: Member) -> None:
    member.grant(MAX_BONUS, JOINED)
    member.charge(10, JOINED)
    member.charge(MAX_BONUS, JOINED)

    with pytest.raises(TooManyGranted, match="at most 0 more"):
        member.grant(1, JOINED)
    member.reset(RESET)
    member.grant(MAX_BONUS, RESET)

    assert_books_close(member.database)


def test_a_refund_gives_no_more_than_grants_may_have(member: Member) -> None:
    member.charge(10, JOINED)
    spend = member.ledger[-1].id
    member.reset(RESET)
    member.grant(MAX_BONUS - 4, RESET)

    with pytest.raises(TooManyGranted, match="at most 4 more"):
        member.refund(spend, 5, RESET)
    member.refund(spend, 4, RESET)

    assert_books_close(member.database)


def test_the_largest_plan_and_the_largest_grant_fit_together(member: Member) -> None:
    with member.database.transaction() as session:
        session.execute(
            update(PLANS).where(PLANS.c.name == "pro").values(monthly_credits=MAX_CREDITS)
        )
    member.change_plan("pro", "now", JOINED)
    member.grant(MAX_BONUS, JOINED)

    assert member.statement(JOINED).available == MAX_CREDITS + MAX_BONUS
    member.charge(MAX_CREDITS, JOINED)
    member.hold(MAX_BONUS, JOINED, weeks=0)
    member.force_reset(JOINED)
    member.charge(MAX_CREDITS, JOINED)

    assert_books_close(member.database)


def test_somebody_without_a_plan_gets_no_grant(member: Member) -> None:
    member.deactivate(JOINED)

    with pytest.raises(NoActiveSubscription):
        member.grant(5, JOINED)
