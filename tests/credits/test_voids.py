"""Voiding a grant: what is left goes, what was used stays, what is held does not come back."""

from datetime import UTC, datetime, timedelta

import pytest

from sketchmaker.credits.reading.explanations import explain
from sketchmaker.credits.rules.errors import (
    GrantNotFound,
    InsufficientCredits,
    NothingToChange,
    ReasonMissing,
)
from sketchmaker.credits.tables import CreditGrant
from sketchmaker.database import Database
from tests.credits.test_races import race
from tests.support.member import Member
from tests.support.people import assert_books_close

pytestmark = pytest.mark.slow  # all of them together

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
RESET = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def member(database: Database) -> Member:
    return Member(database, now=JOINED)


def parts(member: Member, grant_id: int) -> tuple[int, int, int, int, int]:
    """Of the grant: left, held, used, expired, voided."""
    with member.database.reading() as session:
        row = session.get_one(CreditGrant, grant_id)
    return (
        row.credits_remaining,
        row.credits_held,
        row.credits_used,
        row.credits_expired,
        row.credits_voided,
    )


def test_what_is_left_of_a_voided_grant_is_taken_back_with_the_reason(member: Member) -> None:
    given = member.grant(5, JOINED)
    member.charge(12, JOINED)

    done = member.void(given.id, JOINED, "Given to the wrong person.")

    assert (done.credits, done.held, done.available) == (3, 0, 0)
    assert parts(member, given.id) == (0, 0, 2, 0, 3)
    row = member.ledger[-1]
    assert (row.action, row.credits_delta, row.bonus_delta) == ("grant_voided", -3, -3)
    assert explain(row) == (
        "3 credits that you were given were taken back (“Given to the wrong person.”)."
    )
    assert_books_close(member.database)


def test_other_grants_and_the_allowance_are_left_alone(member: Member) -> None:
    first = member.grant(5, JOINED, expires_at=JOINED + DAY)
    member.grant(4, JOINED, expires_at=JOINED + 2 * DAY)

    assert member.void(first.id, JOINED).available == 14

    assert member.row.bonus_expires_at == JOINED + 2 * DAY
    assert_books_close(member.database)


def test_held_credits_of_a_voided_grant_can_still_be_charged(member: Member) -> None:
    given = member.grant(5, JOINED)
    hold = member.hold(13, JOINED)

    done = member.void(given.id, JOINED)

    assert (done.credits, done.held) == (2, 3)
    assert member.settle(hold, 13, JOINED).settled == 13
    assert parts(member, given.id) == (0, 0, 3, 0, 2)
    assert_books_close(member.database)


def test_held_credits_that_come_back_do_not_revive_a_voided_grant(member: Member) -> None:
    given = member.grant(5, JOINED)
    hold = member.hold(13, JOINED)
    member.void(given.id, JOINED)

    ended = member.settle(hold, 11, JOINED)

    assert (ended.settled, ended.returned, ended.available) == (11, 0, 0)
    assert parts(member, given.id) == (0, 0, 1, 0, 4)
    with pytest.raises(InsufficientCredits):
        member.charge(1, JOINED)
    assert_books_close(member.database)


def test_a_grant_all_of_which_is_held_can_be_voided(member: Member) -> None:
    given = member.grant(5, JOINED, expires_at=JOINED + DAY)
    hold = member.hold(5, JOINED)

    assert member.void(given.id, JOINED).held == 5
    assert member.ledger[-1].credits_delta == 0
    assert explain(member.ledger[-1]).startswith("Credits that you were given were taken back")
    assert member.release(hold, JOINED).returned == 0
    assert parts(member, given.id) == (0, 0, 0, 0, 5)
    assert_books_close(member.database)


@pytest.mark.parametrize("how", ["used", "voided", "expired"])
def test_of_what_nothing_is_left_nothing_can_be_voided(member: Member, how: str) -> None:
    given = member.grant(5, JOINED, expires_at=JOINED + DAY)
    now = JOINED
    if how == "used":
        member.charge(5, now)
    elif how == "voided":
        member.void(given.id, now)
    else:
        now = JOINED + DAY

    with pytest.raises(NothingToChange):
        member.void(given.id, now)
    assert_books_close(member.database)


def test_an_instant_before_its_expiry_a_grant_can_be_voided(member: Member) -> None:
    given = member.grant(5, JOINED, expires_at=JOINED + DAY)

    assert member.void(given.id, JOINED + DAY - INSTANT).credits == 5


def test_a_void_finds_the_reset_due_and_applies_it_first(member: Member) -> None:
    given = member.grant(5, JOINED)
    member.charge(10, JOINED)

    assert member.void(given.id, RESET).available == 10

    assert [row.action for row in member.ledger[-2:]] == ["monthly_reset", "grant_voided"]
    assert_books_close(member.database)


def test_a_void_needs_a_reason_and_a_grant(member: Member) -> None:
    given = member.grant(5, JOINED)

    with pytest.raises(ReasonMissing):
        member.void(given.id, JOINED, "  ")
    with pytest.raises(GrantNotFound):
        member.void(given.id + 1, JOINED)


def test_a_grant_of_somebody_whose_subscription_ended_can_be_voided(member: Member) -> None:
    given = member.grant(5, JOINED)
    member.deactivate(JOINED)

    assert member.void(given.id, JOINED + DAY).credits == 5

    member.reactivate(JOINED + DAY)
    assert member.statement(JOINED + DAY).available == 10
    assert_books_close(member.database)


def test_grants_of_somebody_whose_subscription_ended_expire_all_the_same(member: Member) -> None:
    given = member.grant(5, JOINED, expires_at=JOINED + DAY)
    member.deactivate(JOINED)

    assert member.expire_grants(JOINED + DAY - INSTANT) == 0
    assert member.expire_grants(JOINED + DAY) == 5
    assert parts(member, given.id) == (0, 0, 0, 5, 0)
    assert_books_close(member.database)


def test_who_comes_back_after_a_grant_expired_is_told_of_it_swept_or_not(member: Member) -> None:
    member.grant(5, JOINED, expires_at=JOINED + DAY)
    member.deactivate(JOINED)

    member.reactivate(JOINED + DAY)

    assert [row.action for row in member.ledger[-2:]] == [
        "grant_expired",
        "subscription_reactivated",
    ]
    assert member.ledger[-1].balance_after == 10
    assert_books_close(member.database)


@pytest.mark.race
def test_a_grant_that_is_spent_and_voided_at_once_is_spent_or_voided(member: Member) -> None:
    given = member.grant(20, JOINED, expires_at=JOINED + DAY)

    def attempt(number: int) -> str:
        try:
            if number % 4:
                member.charge(1, JOINED)
                return "charged"
            member.void(given.id, JOINED)
        except NothingToChange:
            return "refused"
        except InsufficientCredits:
            return "empty"
        return "voided"

    outcomes = race(24, attempt)

    assert outcomes["voided"] == 1
    assert outcomes["refused"] == 5
    left, held, used, expired, voided = parts(member, given.id)
    assert (left, held, expired) == (0, 0, 0)
    assert used + voided == 20
    assert_books_close(member.database)
