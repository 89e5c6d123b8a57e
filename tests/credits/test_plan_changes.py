"""Changing plan: what was used stays used, and going back and forth mints nothing."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sketchmaker.credits.managing import plan_changes, rescheduling
from sketchmaker.credits.rows.plans import DEFAULT_PLANS
from sketchmaker.credits.rules.errors import (
    AllowanceLimit,
    CreditError,
    InsufficientCredits,
    NoActiveSubscription,
    NothingToChange,
    SubscriptionNotFound,
    UnknownPlan,
)
from sketchmaker.credits.rules.invalid_input import InvalidTimeZone
from sketchmaker.database import Database
from tests.support.actors import SOMEBODY
from tests.support.member import Member
from tests.support.people import assert_books_close

JOINED = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 28, 12, 0, tzinfo=UTC)
MARCH = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
LATER = JOINED + timedelta(days=3)

ALLOWANCES = {plan.name: plan.monthly_credits for plan in DEFAULT_PLANS}
PLANS = st.sampled_from(sorted(ALLOWANCES))
WHEN: st.SearchStrategy[plan_changes.When] = st.sampled_from(["now", "next_reset", "restart"])


@pytest.fixture
def member(database: Database) -> Member:
    return Member(database, now=JOINED)


def test_an_upgrade_now_adds_the_difference_and_keeps_what_was_used_and_the_anchor(
    member: Member,
) -> None:
    member.charge(7, JOINED)

    change = member.change_plan("premium", "now", LATER)

    assert (change.from_plan, change.to_plan) == ("Free", "Premium")
    assert (change.available_before, change.available_after) == (3, 93)
    assert member.parts == (93, 0, 7)
    assert (member.row.subscription_start, member.row.next_credit_reset) == (JOINED, FEBRUARY)
    assert member.ledger[-1].credits_delta == 90
    assert_books_close(member.database)


@pytest.mark.parametrize(("used", "available"), [(0, 10), (4, 6), (10, 0), (60, 0)])
def test_a_downgrade_now_leaves_what_the_smaller_plan_would_have_left(
    member: Member, used: int, available: int
) -> None:
    member.change_plan("premium", "now", JOINED)
    if used:
        member.charge(used, JOINED)

    member.change_plan("free", "now", LATER)

    assert member.parts == (available, 0, used)
    assert_books_close(member.database)


@pytest.mark.parametrize(("held", "used", "available"), [(10, 0, 10), (50, 4, 6), (50, 20, 0)])
def test_holds_released_after_a_downgrade_give_no_more_than_the_smaller_plan(
    member: Member, held: int, used: int, available: int
) -> None:
    member.change_plan("premium", "now", JOINED)
    if used:
        member.charge(used, JOINED)
    hold = member.hold(held, JOINED)
    member.change_plan("free", "now", LATER)
    assert member.parts == (max(10 - held - used, 0), held, used)

    end = member.release(hold, LATER)

    assert end.available == available
    assert member.parts == (available, 0, used)
    assert_books_close(member.database)


def test_a_hold_settled_after_a_downgrade_costs_what_was_delivered(member: Member) -> None:
    member.change_plan("premium", "now", JOINED)
    hold = member.hold(50, JOINED)
    member.change_plan("free", "now", LATER)

    end = member.settle(hold, 7, LATER)

    assert (end.settled, end.returned, end.available) == (7, 3, 3)
    assert member.parts == (3, 0, 7)
    assert_books_close(member.database)


def test_a_downgrade_waits_for_the_next_reset_and_is_shown_until_then(member: Member) -> None:
    member.change_plan("premium", "now", JOINED)
    change = member.change_plan("free", "next_reset", LATER)

    waiting = member.statement(LATER)
    assert change.effective_at == FEBRUARY
    assert (waiting.plan_name, waiting.available) == ("premium", 100)
    assert waiting.next_plan_display_name == "Free"

    seen = member.statement(FEBRUARY)
    member.reset(FEBRUARY)
    assert member.statement(FEBRUARY) == seen
    assert (seen.plan_name, seen.allowance, seen.next_plan_display_name) == ("free", 10, None)
    assert_books_close(member.database)


def test_a_change_that_waits_can_be_taken_back_by_name_or_by_choosing_the_present_plan(
    member: Member,
) -> None:
    member.change_plan("premium", "next_reset", JOINED)
    member.cancel_change(LATER)
    with pytest.raises(NothingToChange):
        member.cancel_change(LATER)

    member.change_plan("premium", "next_reset", LATER)
    member.change_plan("free", "next_reset", LATER)
    with pytest.raises(NothingToChange):
        member.cancel_change(LATER)

    member.reset(FEBRUARY)
    assert member.statement(FEBRUARY).plan_name == "free"


def test_a_change_whose_reset_has_come_can_not_be_taken_back(member: Member) -> None:
    member.change_plan("premium", "next_reset", JOINED)

    with pytest.raises(NothingToChange):
        member.cancel_change(FEBRUARY)

    assert member.statement(FEBRUARY).plan_name == "premium"


def test_a_restart_voids_the_remainder_and_moves_the_anchor(member: Member) -> None:
    member.charge(3, JOINED)
    hold = member.hold(2, JOINED)

    change = member.change_plan("premium", "restart", LATER)

    assert (change.cycle, change.next_reset) == (1, LATER.replace(month=3))
    assert member.parts == (100, 0, 0)
    assert member.row.subscription_start == LATER
    assert member.ledger[-1].action == "cycle_restarted"
    assert member.release(hold, LATER).returned == 0
    member.reset(LATER.replace(month=4))
    assert (member.row.cycle, member.row.anchor_cycle) == (3, 1)
    assert_books_close(member.database)


def test_a_restart_counts_in_the_zone_where_the_person_is_now(database: Database) -> None:
    member = Member(database, now=JOINED, zone="Europe/Berlin")
    moved = datetime(2026, 3, 30, 3, tzinfo=UTC)  # the 29th in Honolulu, the 30th in Berlin

    foreseen = member.preview("free", "restart", moved, zone="Pacific/Honolulu")
    change = member.change_plan("free", "restart", moved, zone="Pacific/Honolulu")

    assert foreseen == change
    assert change.next_reset == datetime(2026, 4, 30, 3, tzinfo=UTC)
    member.reset(datetime(2027, 2, 28, 12, tzinfo=UTC))
    assert member.row.last_credit_reset == datetime(2027, 1, 30, 3, tzinfo=UTC)
    assert member.row.next_credit_reset == datetime(2027, 3, 1, 3, tzinfo=UTC)  # the 28th
    assert member.row.time_zone == "Pacific/Honolulu"
    assert_books_close(database)


def test_a_restart_without_a_zone_keeps_the_one_before(database: Database) -> None:
    member = Member(database, now=JOINED, zone="Europe/Berlin")

    member.change_plan("free", "restart", LATER)

    assert member.row.time_zone == "Europe/Berlin"


def test_other_changes_of_plan_leave_the_zone_alone(member: Member) -> None:
    member.change_plan("premium", "now", LATER, zone="Pacific/Honolulu")
    member.change_plan("free", "next_reset", LATER, zone="Pacific/Honolulu")
    member.reset(MARCH)

    assert member.row.time_zone == "UTC"
    assert_books_close(member.database)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc", "Europe", "UTC\0", 7, "a" * 65])
def test_a_zone_that_is_none_is_refused(member: Member, zone: str) -> None:
    for verb in (member.preview, member.change_plan):
        with pytest.raises(InvalidTimeZone):
            verb("free", "restart", LATER, zone=zone)

    assert member.row.cycle == 0


def test_a_restart_on_the_same_plan_is_a_change_and_any_other_is_not(member: Member) -> None:
    for when in ("now", "next_reset"):
        with pytest.raises(NothingToChange):
            member.change_plan("free", when, LATER)

    assert member.change_plan("free", "restart", LATER).available_after == 10


def test_a_late_reset_comes_before_the_change(member: Member) -> None:
    member.charge(10, JOINED)

    change = member.change_plan("premium", "now", MARCH)

    assert (change.cycle, change.available_before, change.available_after) == (2, 10, 100)
    actions = [row.action for row in member.ledger[2:]]
    assert actions == ["monthly_reset", "monthly_reset", "plan_changed"]


def test_up_is_at_once_and_down_is_at_the_next_reset_unless_somebody_says_otherwise(
    member: Member,
) -> None:
    def default(plan: str) -> plan_changes.When:
        with member.database.reading() as session:
            return plan_changes.default_when(
                session, subscription_id=member.id, plan_name=plan, now=JOINED
            )

    assert default("pro") == "now"
    member.change_plan("premium", "now", JOINED)
    assert (default("pro"), default("free")) == ("now", "next_reset")


def test_what_can_not_be_changed_is_named(member: Member) -> None:
    with pytest.raises(UnknownPlan):
        member.change_plan("platinum", "now", LATER)
    with member.database.reading() as session, pytest.raises(SubscriptionNotFound):
        plan_changes.preview(
            session, subscription_id=member.id + 1, plan_name="pro", when="now", now=LATER
        )
    member.deactivate(LATER)
    with pytest.raises(NoActiveSubscription):
        member.change_plan("pro", "now", LATER)


HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("charge"), st.integers(1, 60)),
        st.tuples(st.just("hold"), st.integers(1, 60)),
        st.tuples(st.just("grant"), st.integers(1, 9), st.integers(1, 50)),
        st.tuples(st.just("revoke"), st.integers(1, 9)),
        st.tuples(st.just("pass"), st.integers(1, 40)),
        st.tuples(st.just("change"), PLANS, WHEN),
    ),
    max_size=8,
)


def live_through(member: Member, happenings: list[Any], now: datetime) -> datetime:
    """Let it happen, as far as it is granted; the time it is then."""
    for what, *facts in happenings:
        try:
            if what == "pass":
                now += timedelta(days=facts[0])
            elif what == "grant":
                member.grant(facts[0], now, expires_at=now + timedelta(days=facts[1]))
            elif what == "change":
                member.change_plan(facts[0], facts[1], now)
            else:
                getattr(member, what)(facts[0], now)
        except CreditError:
            continue
    return now


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(happenings=HAPPENINGS, plan=PLANS, when=WHEN)
def test_a_preview_says_exactly_what_applying_does(
    database: Database, happenings: list[Any], plan: str, when: plan_changes.When
) -> None:
    member = Member(database, now=JOINED)
    now = live_through(member, happenings, JOINED)
    try:
        foreseen: Any = member.preview(plan, when, now)
    except (NothingToChange, AllowanceLimit) as refusal:
        with pytest.raises(type(refusal)):
            member.change_plan(plan, when, now)
        return

    change = member.change_plan(plan, when, now)

    assert change == foreseen
    statement = member.statement(now)
    assert (statement.available, statement.allowance) == (
        change.available_after,
        change.allowance_after,
    )
    assert (statement.next_reset, statement.cycle) == (change.next_reset, change.cycle)
    with suppress(AllowanceLimit):
        assert member.preview("pro", "restart", now) == replace(
            member.preview("pro", "restart", now), available_before=change.available_after
        )


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(
        st.tuples(PLANS, st.sampled_from(["now", "next_reset"]), st.integers(0, 400)), max_size=12
    ),
    start=PLANS,
)
def test_no_going_through_plans_yields_more_than_the_most_generous_one_held_throughout(
    database: Database, steps: list[tuple[str, plan_changes.When, int]], start: str
) -> None:
    """A restart is left out: it gives up what is left, and begins a new cycle by its meaning."""
    member = Member(database, now=JOINED, plan=start)
    allowances, spent, now = [ALLOWANCES[start]], 0, JOINED
    for number, (plan, when, wanted) in enumerate(steps):
        now = JOINED + timedelta(hours=number)  # all in one cycle
        with suppress(NothingToChange):
            allowances.append(member.change_plan(plan, when, now).allowance_after)
        with suppress(InsufficientCredits):
            spent += member.statement(now).available - member.charge(max(wanted, 1), now)
    left = member.statement(now).available
    if left:
        member.charge(left, now)
        spent += left

    assert spent <= max(allowances)
    assert member.row.credits_used_this_month == spent


def test_a_restart_after_a_moved_reset_leaves_sound_books(database: Database) -> None:
    member = Member(database, now=JOINED)
    moved_to = member.row.next_credit_reset - timedelta(days=3)
    with database.transaction() as session:
        rescheduling.reschedule(
            session,
            subscription_id=member.id,
            at=moved_to,
            now=JOINED,
            by=SOMEBODY,
            reason="A test.",
        )
    with database.transaction() as session:
        plan_changes.apply(
            session,
            subscription_id=member.id,
            plan_name="free",
            when="restart",
            now=JOINED,
            by=SOMEBODY,
            reason="A test.",
        )
    assert_books_close(database)
