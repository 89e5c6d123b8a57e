"""Resets by force, and the guard that parks what gets too many allowances."""

from datetime import UTC, datetime, timedelta

import pytest

from sketchmaker.credits import books
from sketchmaker.credits.reading.explanations import explain
from sketchmaker.credits.resets import guard
from sketchmaker.credits.rules.errors import AllowanceLimit, ResetSuspended
from sketchmaker.credits.tables import UserSubscription
from sketchmaker.database import Database
from tests.support.actors import SOMEBODY
from tests.support.member import Member
from tests.support.people import assert_books_close

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
RESET = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)
NEXT = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LATER = JOINED + 48 * HOUR


@pytest.fixture
def member(database: Database) -> Member:
    return Member(database, now=JOINED)


def make_due(member: Member, at: datetime) -> None:
    """What no arithmetic of ours does: somebody wrote into the table."""
    with member.database.transaction() as session:
        row = session.get_one(UserSubscription, member.id)
        row.last_credit_reset, row.next_credit_reset = at - HOUR, at


def let_in(member: Member) -> bool:
    with member.database.transaction() as session:
        return guard.resume(
            session, subscription_id=member.id, now=JOINED, by=SOMEBODY, reason="A test."
        )


def causes(member: Member) -> list[str]:
    with member.database.reading() as session:
        return [row.cause for row in guard.all_suspended(session)]


def test_a_forced_reset_gives_the_allowance_afresh_and_leaves_the_dates_alone(
    member: Member,
) -> None:
    member.charge(7, JOINED)

    member.force_reset(LATER)

    assert member.parts == (10, 0, 0)
    row = member.row
    assert (row.subscription_start, row.next_credit_reset) == (JOINED, RESET)
    assert (row.last_credit_reset, row.cycle) == (LATER, 0)
    entry = member.ledger[-1]
    assert (entry.credits_delta, entry.details["next_reset"]) == (7, RESET.isoformat())
    assert "They asked." in explain(entry)
    assert_books_close(member.database)


def test_the_regular_reset_comes_all_the_same(member: Member) -> None:
    member.force_reset(RESET - HOUR)
    member.charge(4, RESET - HOUR)

    member.reset(RESET)

    assert (member.parts, member.row.next_credit_reset) == ((10, 0, 0), NEXT)
    assert causes(member) == []


def test_what_is_held_stays_held_and_is_charged_when_it_settles(member: Member) -> None:
    held = member.hold(4, JOINED)

    member.force_reset(LATER)

    assert member.parts == (6, 4, 0)
    member.settle(held, 3, LATER)
    assert member.parts == (7, 0, 3)
    assert_books_close(member.database)


def test_on_a_clock_behind_the_last_reset_stays_within_its_cycle(member: Member) -> None:
    member.reset(RESET)

    member.force_reset(RESET - HOUR)

    assert member.row.last_credit_reset == RESET
    assert member.ledger[-1].created_at == RESET - HOUR
    assert_books_close(member.database)


def test_a_clock_set_back_between_two_leaves_the_later_one_the_last(member: Member) -> None:
    member.force_reset(LATER)
    member.charge(3, LATER)

    member.force_reset(LATER - HOUR)

    assert member.parts == (10, 0, 0)
    assert member.row.last_credit_reset == LATER
    assert_books_close(member.database)


def test_a_last_reset_before_its_cycle_is_found(member: Member) -> None:
    member.reset(RESET)
    member.force_reset(RESET - HOUR)
    with member.database.transaction() as session:
        session.get_one(UserSubscription, member.id).last_credit_reset = RESET - HOUR

    with member.database.reading() as session:
        found = [each.invariant for each in books.verify(session, now=RESET)]

    assert found == ["B24"]


def test_grants_are_not_refilled(member: Member) -> None:
    member.grant(5, JOINED)
    member.charge(12, JOINED)

    member.force_reset(LATER)

    assert member.statement(LATER).available == 13
    assert member.statement(LATER).used == 0
    assert_books_close(member.database)


def test_two_in_24_hours_are_the_limit(member: Member) -> None:
    member.force_reset(LATER)
    member.force_reset(LATER + HOUR)

    with pytest.raises(AllowanceLimit):
        member.force_reset(LATER + 24 * HOUR - timedelta(microseconds=1))
    member.force_reset(LATER + 24 * HOUR)

    assert causes(member) == []


def test_a_restart_gives_an_allowance_too_and_counts(member: Member) -> None:
    member.force_reset(LATER)
    member.change_plan("free", "restart", LATER + HOUR)

    with pytest.raises(AllowanceLimit):
        member.preview("free", "restart", LATER + 2 * HOUR)
    with pytest.raises(AllowanceLimit, match="Grant credits instead"):
        member.change_plan("premium", "restart", LATER + 2 * HOUR)
    with pytest.raises(AllowanceLimit):
        member.force_reset(LATER + 2 * HOUR)
    member.change_plan("premium", "now", LATER + 2 * HOUR)

    assert causes(member) == []
    assert_books_close(member.database)


def test_resets_that_a_clock_ahead_left_in_the_future_do_not_count_as_of_today(
    member: Member,
) -> None:
    for month in range(2, 6):
        member.reset(JOINED.replace(month=month))
        member.force_reset(JOINED.replace(month=month))

    member.force_reset(LATER)

    assert causes(member) == []


def test_more_than_three_allowances_in_24_hours_park_the_subscription(member: Member) -> None:
    member.force_reset(LATER)
    member.force_reset(LATER + HOUR)
    for hours in (2, 3):
        make_due(member, LATER + hours * HOUR)
        assert member.reset(LATER + hours * HOUR) is not None

    assert causes(member) == ["runaway"]
    assert member.charge(1, LATER + 3 * HOUR) == 9  # what was given may be spent
    make_due(member, LATER + 4 * HOUR)
    with pytest.raises(ResetSuspended, match="runaway"):
        member.charge(1, LATER + 4 * HOUR)
    with pytest.raises(ResetSuspended):
        member.reset(LATER + 400 * HOUR)


def test_who_is_let_in_again_is_reset_at_once(member: Member) -> None:
    with member.database.transaction() as session:
        guard.suspend_failed(session, subscription_id=member.id, error="It broke.", now=RESET)
    with pytest.raises(ResetSuspended, match="failed"):
        member.charge(1, RESET)

    assert let_in(member)

    assert member.charge(1, RESET) == 9
    assert not let_in(member)


def test_a_failed_reset_is_tried_again_later_each_time_and_forgotten_when_it_went_well(
    member: Member,
) -> None:
    waits = []
    for _ in range(8):
        with member.database.transaction() as session:
            row = guard.suspend_failed(
                session, subscription_id=member.id, error="It broke.", now=RESET
            )
            assert row.retry_at is not None
            waits.append(row.retry_at - RESET)

    minutes = [1, 2, 4, 8, 16, 32, 60, 60]
    assert waits == [timedelta(minutes=minute) for minute in minutes]
    assert member.reset(RESET + HOUR) is not None
    assert causes(member) == []


def test_boundaries_caught_up_together_are_one_allowance(member: Member) -> None:
    member.force_reset(LATER)

    member.reset(JOINED.replace(month=12))

    assert causes(member) == []
