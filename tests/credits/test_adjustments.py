"""Taking credits back: as many as there are, of this cycle's allowance, and never of a grant."""

from datetime import UTC, datetime

import pytest

from sketchmaker.credits.rules.errors import (
    InvalidAmount,
    NoActiveSubscription,
    NothingToChange,
    ReasonMissing,
)
from sketchmaker.database import Database
from tests.support.member import Member
from tests.support.people import assert_books_close

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
RESET = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)


@pytest.fixture
def member(database: Database) -> Member:
    return Member(database, now=JOINED)


def test_what_is_revoked_is_gone_until_the_reset(member: Member) -> None:
    assert member.revoke(4, JOINED) == 4
    assert member.parts == (6, 0, 0)
    assert member.ledger[-1].credits_delta == -4
    assert member.ledger[-1].details["reason"] == "Abuse."

    member.reset(RESET)

    assert member.parts == (10, 0, 0)
    assert_books_close(member.database)


def test_no_more_is_revoked_than_there_is_and_what_is_held_and_granted_stays(
    member: Member,
) -> None:
    member.grant(5, JOINED)
    held = member.hold(4, JOINED)

    assert member.revoke(100, JOINED) == 6
    assert member.parts == (5, 4, 0)
    rows = len(member.ledger)
    with pytest.raises(NothingToChange):
        member.revoke(1, JOINED)
    assert len(member.ledger) == rows

    assert member.settle(held, 1, JOINED).available == 8
    assert_books_close(member.database)


def test_what_was_revoked_stays_so_on_another_plan(member: Member) -> None:
    member.revoke(4, JOINED)

    member.change_plan("premium", "now", JOINED)

    assert member.parts == (96, 0, 0)
    assert_books_close(member.database)


def test_revoking_from_somebody_whose_reset_is_late_takes_from_the_new_cycle(
    member: Member,
) -> None:
    member.charge(10, JOINED)

    assert member.revoke(3, RESET) == 3
    assert member.statement(RESET).available == 7


def test_revoking_needs_a_reason_an_amount_and_a_plan(member: Member) -> None:
    with pytest.raises(ReasonMissing):
        member.revoke(1, JOINED, reason=" ")
    with pytest.raises(InvalidAmount):
        member.revoke(0, JOINED)
    member.deactivate(JOINED)
    with pytest.raises(NoActiveSubscription):
        member.revoke(1, JOINED)
