"""What has an instant has it for all: a hold that is over, a reset that is due or suspended."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from sketchmaker.credits import resets
from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.managing import plan_changes, rescheduling
from sketchmaker.credits.resets import guard
from sketchmaker.credits.rules.errors import (
    HoldNotPending,
    InsufficientCredits,
    InvalidChoice,
    InvalidLifetime,
    ResetSuspended,
)
from sketchmaker.credits.spending import holds
from sketchmaker.database import Database
from sketchmaker.reports import listings
from sketchmaker.reports.subscriptions import search_subscriptions
from tests.support.actors import SOMEBODY
from tests.support.member import Member
from tests.support.people import assert_books_close

pytestmark = pytest.mark.slow  # all of them together

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
RESET = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def member(database: Database) -> Member:
    return Member(database, now=JOINED)


@pytest.fixture
def desk(database: Database) -> CreditDesk:
    return CreditDesk(database)


@pytest.fixture(params=["swept", "not swept"])
def sweep(request: pytest.FixtureRequest, database: Database) -> Callable[[datetime], None]:
    """Every chore, or none: what is answered must not depend on it."""

    def chores(now: datetime) -> None:
        if request.param == "swept":
            with database.transaction() as session:
                resets.reset_due(session, now=now)
                holds.release_expired(session, now=now)

    return chores


def held(desk: CreditDesk, member: Member, credits: int, now: datetime = JOINED) -> int:
    return desk.hold(user_id=member.user_id, credits=credits, action="images", now=now).id


def suspend(member: Member, now: datetime) -> None:
    with member.database.transaction() as session:
        rescheduling.suspend(
            session, subscription_id=member.id, now=now, by=SOMEBODY, reason="A test."
        )


def test_credits_of_a_hold_that_is_over_can_be_spent_and_are_shown(
    desk: CreditDesk, member: Member, sweep: Callable[[datetime], None]
) -> None:
    held(desk, member, 6)
    sweep(JOINED + HOUR - MOMENT)
    shown = member.statement(JOINED + HOUR - MOMENT)
    assert (shown.available, shown.held) == (4, 6)

    sweep(JOINED + HOUR)

    shown = member.statement(JOINED + HOUR)
    assert (shown.available, shown.held) == (10, 0)
    with member.database.reading() as session:
        (listed,) = listings.upcoming_resets(session, now=JOINED + HOUR).rows.items
        (found,) = search_subscriptions(session, now=JOINED + HOUR).rows.items
    assert listed.statement == shown
    assert found.statement == shown
    preview = member.preview("premium", "now", JOINED + HOUR)
    assert (preview.available_before, preview.available_after) == (10, 100)
    # Also the common charge, for which there would be enough anyway, tells the right balance.
    assert member.charge(3, JOINED + HOUR) == 7
    assert member.charge(7, JOINED + HOUR) == 0
    assert_books_close(member.database)


def test_a_hold_after_its_time_is_neither_settled_nor_released_nor_prolonged(
    desk: CreditDesk, member: Member, sweep: Callable[[datetime], None]
) -> None:
    hold_id, end = held(desk, member, 6), JOINED + HOUR
    sweep(end)

    for late in (
        lambda: desk.settle(hold_id=hold_id, credits=1, now=end),
        lambda: desk.settle(hold_id=hold_id, credits=0, now=end),
        lambda: desk.release(hold_id=hold_id, reason="Late.", now=end),
        lambda: desk.extend(hold_id=hold_id, until=end + DAY, now=end),
    ):
        with pytest.raises(HoldNotPending) as refusal:
            late()
        assert refusal.value.state == "expired"


def test_a_hold_may_be_settled_until_just_before_its_end(desk: CreditDesk, member: Member) -> None:
    hold_id = held(desk, member, 6)

    assert desk.settle(hold_id=hold_id, credits=5, now=JOINED + HOUR - MOMENT).available == 5


def test_grants_come_back_from_a_hold_that_is_over(
    desk: CreditDesk, member: Member, sweep: Callable[[datetime], None]
) -> None:
    member.grant(5, JOINED, expires_at=RESET + DAY)
    member.grant(2, JOINED, expires_at=JOINED + HOUR / 2)
    held(desk, member, 17)

    sweep(JOINED + HOUR)

    shown = member.statement(JOINED + HOUR)
    assert (shown.available, shown.bonus, shown.held) == (15, 5, 0)
    assert member.charge(15, JOINED + HOUR) == 0
    assert_books_close(member.database)


def test_a_hold_that_ended_with_the_cycle_before_gives_nothing_to_this_one(
    desk: CreditDesk, member: Member, sweep: Callable[[datetime], None]
) -> None:
    held(desk, member, 6, RESET - HOUR / 2)
    sweep(RESET + HOUR)

    assert member.statement(RESET + HOUR).available == 10
    with pytest.raises(InsufficientCredits):
        member.charge(11, RESET + HOUR)
    assert member.charge(10, RESET + HOUR) == 0
    assert_books_close(member.database)


def test_nothing_delivered_is_a_release(desk: CreditDesk, member: Member) -> None:
    hold_id = held(desk, member, 6)

    end = desk.settle(hold_id=hold_id, credits=0, now=JOINED)

    assert (end.settled, end.returned, end.available) == (0, 6, 10)
    assert member.ledger[-1].details["outcome"] == "released"


@pytest.mark.parametrize("lifetime", [timedelta(0), -HOUR, 7 * DAY + MOMENT, timedelta.max])
def test_a_hold_lives_for_more_than_nothing_and_at_most_seven_days(
    desk: CreditDesk, member: Member, lifetime: timedelta
) -> None:
    with pytest.raises(InvalidLifetime):
        desk.hold(user_id=member.user_id, credits=1, action="images", now=JOINED, lifetime=lifetime)
    assert member.parts == (10, 0, 0)


def test_a_hold_is_prolonged_to_at_most_seven_days_from_now(
    desk: CreditDesk, member: Member
) -> None:
    hold_id = held(desk, member, 1)
    with pytest.raises(InvalidLifetime):
        desk.extend(hold_id=hold_id, until=JOINED + 7 * DAY + MOMENT, now=JOINED)

    desk.extend(hold_id=hold_id, until=JOINED + 7 * DAY, now=JOINED)


def test_moving_a_reset_that_is_due_loses_no_allowance(
    member: Member, sweep: Callable[[datetime], None]
) -> None:
    member.charge(10, JOINED)
    sweep(RESET + DAY)

    with member.database.transaction() as session:
        rescheduling.reschedule(
            session,
            subscription_id=member.id,
            at=RESET + 27 * DAY,
            now=RESET + DAY,
            by=SOMEBODY,
            reason="A test.",
        )

    shown = member.statement(RESET + DAY)
    assert (shown.available, shown.next_reset) == (10, RESET + 27 * DAY)


def test_a_change_is_up_or_down_as_seen_from_the_present_cycle(
    database: Database, sweep: Callable[[datetime], None]
) -> None:
    member = Member(database, now=JOINED, plan="pro")
    member.change_plan("free", "next_reset", JOINED)
    sweep(RESET)

    with database.reading() as session:
        when = plan_changes.default_when(
            session, subscription_id=member.id, plan_name="premium", now=RESET
        )

    assert when == "now"


def test_a_slip_in_when_changes_nothing(member: Member) -> None:
    with pytest.raises(InvalidChoice, match="next_reset"):
        member.change_plan("premium", "nextreset", JOINED)  # type: ignore[arg-type]

    assert member.parts == (10, 0, 0)


def test_a_reset_that_is_due_and_suspended_shows_nothing_to_spend(member: Member) -> None:
    member.grant(3, JOINED)
    suspend(member, JOINED)
    assert member.statement(RESET - MOMENT).available == 13

    shown = member.statement(RESET)

    assert (shown.is_suspended, shown.available, shown.bonus) == (True, 0, 0)
    with pytest.raises(ResetSuspended):
        member.charge(1, RESET)
    with member.database.transaction() as session:
        guard.resume(session, subscription_id=member.id, now=RESET, by=SOMEBODY, reason="A test.")
    assert member.statement(RESET).available == 13


def test_a_pause_begins_now_and_does_not_take_what_was_due(
    member: Member, sweep: Callable[[datetime], None]
) -> None:
    sweep(RESET + DAY)
    suspend(member, RESET + DAY)

    assert member.statement(RESET + DAY).available == 10
    assert member.charge(1, RESET + DAY) == 9
