"""Refunds: what a charge or settled hold took comes back, in parts, and never more than it took."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from sketchmaker.credits.managing import rescheduling
from sketchmaker.credits.reading.explanations import explain
from sketchmaker.credits.rows import ledger
from sketchmaker.credits.rules.errors import (
    EntryNotFound,
    InvalidAmount,
    NotRefundable,
    ReasonMissing,
    RefundTooLarge,
)
from sketchmaker.credits.tables import CreditGrant
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
    return Member(database, now=JOINED)


def charged(member: Member, credits: int, now: datetime = JOINED) -> int:
    """The number of the ledger's row of a charge."""
    member.charge(credits, now)
    return member.ledger[-1].id


def grants(member: Member) -> list[tuple[str, int, int, int, int]]:
    """Of each grant: its kind, what is left, was used, has expired and was voided."""
    with member.database.reading() as session:
        rows = session.scalars(select(CreditGrant).order_by(CreditGrant.id)).all()
    return [
        (
            row.kind,
            row.credits_remaining,
            row.credits_used,
            row.credits_expired,
            row.credits_voided,
        )
        for row in rows
    ]


def test_a_refund_in_the_same_cycle_undoes_the_use(member: Member) -> None:
    entry = charged(member, 7)

    done = member.refund(entry, 7, JOINED, "It was blurred.")

    assert (done.credits, done.granted, done.returned, done.available) == (7, 0, 7, 10)
    assert member.parts == (10, 0, 0)
    row = member.ledger[-1]
    assert (row.action, row.refund_of_id, row.credits_used) == ("credits_refunded", entry, -7)
    assert explain(row) == ("7 credits of an earlier charge were refunded (“It was blurred.”).")
    assert grants(member) == []
    assert_books_close(member.database)


def test_a_charge_is_refunded_in_parts_and_never_more_than_it_took(member: Member) -> None:
    entry = charged(member, 7)

    assert member.refund(entry, 3, JOINED).available == 6
    with pytest.raises(RefundTooLarge) as refusal:
        member.refund(entry, 5, JOINED)
    assert (refusal.value.asked, refusal.value.left) == (5, 4)
    assert member.refund(entry, 4, JOINED).available == 10
    with pytest.raises(RefundTooLarge):
        member.refund(entry, 1, JOINED)
    assert_books_close(member.database)


def test_what_a_settled_hold_took_can_be_refunded(member: Member) -> None:
    hold = member.hold(6, JOINED)
    member.settle(hold, 4, JOINED)

    assert member.refund(member.ledger[-1].id, 4, JOINED).available == 10
    assert member.parts == (10, 0, 0)
    assert_books_close(member.database)


def test_until_the_reset_a_refund_goes_into_the_cycle_and_from_then_on_it_is_a_grant(
    member: Member,
) -> None:
    entry = charged(member, 8)

    assert member.refund(entry, 3, RESET - INSTANT).granted == 0
    done = member.refund(entry, 5, RESET)

    assert (done.granted, done.returned, done.available) == (5, 5, 15)
    assert grants(member) == [("refund", 5, 0, 0, 0)]
    assert member.row.bonus_expires_at is None
    assert [row.action for row in member.ledger[-2:]] == ["monthly_reset", "credits_refunded"]
    assert "5 credits of them are kept after the reset." in explain(member.ledger[-1])
    assert member.statement(RESET + 40 * DAY).available == 15
    assert_books_close(member.database)


def test_a_hold_that_was_settled_after_its_reset_is_refunded_as_a_grant(member: Member) -> None:
    hold = member.hold(6, RESET - timedelta(minutes=30))
    member.settle(hold, 6, RESET)

    assert member.refund(member.ledger[-1].id, 6, RESET).granted == 6
    assert_books_close(member.database)


def test_a_charge_before_a_forced_reset_is_refunded_as_a_grant(member: Member) -> None:
    entry = charged(member, 8)
    member.force_reset(JOINED + DAY)
    later = charged(member, 2, JOINED + DAY)

    assert member.refund(entry, 8, JOINED + DAY).granted == 8
    assert member.refund(later, 2, JOINED + DAY).granted == 0
    assert member.parts == (18, 0, 0)
    assert_books_close(member.database)


def test_a_charge_before_a_restart_is_refunded_as_a_grant(member: Member) -> None:
    entry = charged(member, 8)
    member.change_plan("free", "restart", JOINED + DAY)

    assert member.refund(entry, 8, JOINED + DAY).granted == 8
    assert member.parts == (18, 0, 0)
    assert_books_close(member.database)


def test_credits_of_a_grant_go_back_to_it_while_it_is_alive(member: Member) -> None:
    member.grant(5, JOINED, expires_at=RESET + DAY)
    entry = charged(member, 13)

    done = member.refund(entry, 13, JOINED + DAY)

    assert (done.granted, done.returned, done.available) == (0, 13, 15)
    assert grants(member) == [("admin", 5, 0, 0, 0)]
    assert (member.row.bonus_used, member.row.bonus_remaining) == (0, 5)
    assert_books_close(member.database)


def test_credits_of_a_grant_go_back_to_it_also_when_the_cycle_is_over(member: Member) -> None:
    member.grant(5, JOINED, expires_at=RESET + DAY)
    entry = charged(member, 13)

    done = member.refund(entry, 13, RESET)

    assert (done.granted, done.returned, done.available) == (10, 13, 25)
    assert grants(member) == [("admin", 5, 0, 0, 0), ("refund", 10, 0, 0, 0)]
    assert_books_close(member.database)


def test_credits_of_a_grant_that_expired_become_a_grant_of_the_kind_refund(member: Member) -> None:
    member.grant(5, JOINED, expires_at=JOINED + DAY)
    entry = charged(member, 4)

    done = member.refund(entry, 4, JOINED + DAY)

    assert (done.granted, done.returned, done.available) == (4, 4, 14)
    assert grants(member) == [("admin", 0, 0, 5, 0), ("refund", 4, 0, 0, 0)]
    assert member.row.credits_used_this_month == 0
    assert_books_close(member.database)


def test_a_refund_does_not_revive_a_grant_that_was_voided(member: Member) -> None:
    given = member.grant(5, JOINED, expires_at=JOINED + DAY)
    entry = charged(member, 4)
    member.void(given.id, JOINED)

    done = member.refund(entry, 4, JOINED)

    assert (done.credits, done.granted, done.returned, done.available) == (4, 0, 0, 10)
    assert grants(member) == [("admin", 0, 0, 0, 5)]
    assert "4 credits of them could not be given back." in explain(member.ledger[-1])
    assert_books_close(member.database)


def test_the_allowance_comes_back_before_grants_and_the_last_grant_before_the_first(
    member: Member,
) -> None:
    for days in (1, 2):
        member.grant(2, JOINED, expires_at=JOINED + days * DAY)
    entry = charged(member, 9)  # two, two and five of the allowance

    seen = []
    for _ in range(9):
        member.refund(entry, 1, JOINED)
        seen.append([left for _, left, *_ in grants(member)])

    assert seen == [[0, 0]] * 5 + [[0, 1], [0, 2], [1, 2], [2, 2]]
    assert member.parts == (14, 0, 0)
    assert_books_close(member.database)


def test_on_a_plan_that_became_smaller_a_refund_gives_no_more_than_the_plan(
    database: Database,
) -> None:
    member = Member(database, now=JOINED, plan="premium")
    entry = charged(member, 50)
    member.change_plan("free", "now", JOINED)

    assert member.refund(entry, 30, JOINED).returned == 0
    assert member.refund(entry, 20, JOINED).returned == 10
    assert member.parts == (10, 0, 0)
    assert_books_close(database)


def test_a_refund_to_somebody_whose_subscription_ended_waits_for_them(member: Member) -> None:
    entry = charged(member, 7)
    member.deactivate(JOINED)

    member.refund(entry, 7, JOINED + DAY)

    member.reactivate(JOINED + DAY)
    assert member.parts == (10, 0, 0)
    assert_books_close(member.database)


def test_a_refund_is_given_also_while_the_reset_is_suspended(member: Member) -> None:
    entry = charged(member, 7)
    with member.database.transaction() as session:
        rescheduling.suspend(
            session, subscription_id=member.id, now=JOINED, by=SOMEBODY, reason="A test."
        )

    assert member.refund(entry, 7, RESET).credits == 7
    assert_books_close(member.database)


def test_only_what_used_credits_can_be_refunded(member: Member) -> None:
    hold = member.hold(3, JOINED)
    member.release(hold, JOINED)
    released = member.ledger[-1].id
    refunded = charged(member, 3)
    member.refund(refunded, 1, JOINED)

    for entry in (member.ledger[0].id, released, member.ledger[-1].id):
        with pytest.raises(NotRefundable):
            member.refund(entry, 1, JOINED)
    with pytest.raises(EntryNotFound):
        member.refund(4711, 1, JOINED)
    with pytest.raises(InvalidAmount):
        member.refund(refunded, 0, JOINED)
    with pytest.raises(ReasonMissing):
        member.refund(refunded, 1, JOINED, " ")


def test_usage_of_a_day_is_told_without_what_was_refunded_later(member: Member) -> None:
    entry = charged(member, 7)
    charged(member, 1, JOINED + DAY)
    member.refund(entry, 4, JOINED + 2 * DAY)

    with member.database.reading() as session:
        days = ledger.daily_usage(
            session, member.user_id, since=JOINED, until=RESET, zone="Europe/Berlin"
        )

    assert [used for _, used in days] == [3, 1]


@pytest.mark.race
@pytest.mark.parametrize("later", [timedelta(), RESET - JOINED])
def test_refunds_that_race_give_back_what_was_taken_and_no_more(
    member: Member, later: timedelta
) -> None:
    entry = charged(member, 10)

    def attempt(_: int) -> str:
        try:
            member.refund(entry, 3, JOINED + later)
        except RefundTooLarge:
            return "refused"
        return "refunded"

    assert race(16, attempt) == {"refunded": 3, "refused": 13}
    assert sum(row.credits_used for row in member.ledger) == 1
    assert_books_close(member.database)


@pytest.mark.race
def test_charges_and_refunds_that_race_keep_the_books(member: Member) -> None:
    # Five are left for five that spend: none is refused, even if all come before the refunds.
    entries = [charged(member, 1) for _ in range(5)]

    def attempt(number: int) -> str:
        if number % 2:
            member.refund(entries[number // 2], 1, JOINED)
            return "refunded"
        member.charge(1, JOINED) if number < 4 else member.release(member.hold(1, JOINED), JOINED)
        return "spent"

    race(10, attempt)

    assert member.parts == (8, 0, 2)
    assert_books_close(member.database)
