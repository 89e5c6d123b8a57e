"""Editing a plan: for whom and from when, exactly as it was previewed, and nothing is minted."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from sketchmaker.credits import resets
from sketchmaker.credits.managing import plan_edits, subscriptions
from sketchmaker.credits.managing.plan_edit_counts import ApplyTo
from sketchmaker.credits.managing.plan_edits import Edit, PlanEdit
from sketchmaker.credits.rows import plans
from sketchmaker.credits.rows.plan_versions import Plans
from sketchmaker.credits.rules.errors import (
    CreditError,
    InvalidAmount,
    InvalidChoice,
    NothingToChange,
    UnknownPlan,
)
from sketchmaker.credits.rules.features import Feature, Features
from sketchmaker.credits.rules.plan_errors import InvalidStart, PlanChangedMeanwhile
from sketchmaker.credits.tables import SubscriptionPlanModel
from sketchmaker.database import Database
from sketchmaker.record.actor import Actor, Through
from sketchmaker.record.audit_tables import ENTRIES
from sketchmaker.record.errors import ReasonMissing
from tests.support.actors import SOMEBODY
from tests.support.member import Member
from tests.support.people import add_user, assert_books_close

pytestmark = pytest.mark.slow  # all of them together

JOINED = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 28, 12, 0, tzinfo=UTC)
MARCH = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
APRIL = datetime(2026, 4, 30, 12, 0, tzinfo=UTC)
LATER = JOINED + timedelta(days=3)
DAY = timedelta(days=1)

ADMIN = Actor(1, "ada", "superadmin", Through.CONSOLE)
LESS = Features((Feature("models", "basic"), Feature("images_at_once", 1)))


@pytest.fixture
def member(database: Database) -> Member:
    return Member(database, now=JOINED, plan="premium")


def edit(
    member: Member, apply_to: ApplyTo, now: datetime, *, seen: int | None = None, **what: Any
) -> PlanEdit:
    """Edit the premium plan."""
    wanted = Edit("premium", apply_to, **what)
    with member.database.transaction() as session:
        return plan_edits.apply(
            session, wanted, by=ADMIN, reason="A new price list.", now=now, seen=seen
        )


def preview(member: Member, apply_to: ApplyTo, now: datetime, **what: Any) -> PlanEdit:
    with member.database.reading() as session:
        return plan_edits.preview(session, Edit("premium", apply_to, **what), now=now)


def newcomer(member: Member, now: datetime) -> int:
    """What somebody gets who joins the premium plan."""
    with member.database.transaction() as session:
        user = add_user(session, now=now)
        begun = subscriptions.start(
            session, user_id=user.id, plan_name="premium", now=now, by=SOMEBODY, reason="A test."
        )
        return begun.cycle_allowance


def plan_row(member: Member) -> SubscriptionPlanModel:
    with member.database.reading() as session:
        return plans.any_plan(session, "premium")


def test_by_default_everybody_gets_it_at_their_next_reset_and_newcomers_at_once(
    member: Member,
) -> None:
    assert Edit("premium").apply_to == "next_reset"
    done = edit(member, "next_reset", LATER, monthly_credits=120)

    assert (done.credits_before, done.credits_after, done.version) == (100, 120, 2)
    assert (done.first_reset, done.last_reset) == (FEBRUARY, FEBRUARY)
    assert member.parts == (100, 0, 0)
    assert newcomer(member, LATER) == 120
    assert plan_row(member).monthly_credits == 120
    member.reset(FEBRUARY)
    assert member.parts == (120, 0, 0)
    assert_books_close(member.database)


def test_for_new_subscribers_only_those_who_are_there_keep_what_they_have_for_ever(
    member: Member,
) -> None:
    done = edit(member, "new_subscribers", LATER, monthly_credits=80)

    assert (done.subscribers, done.changing, done.first_reset) == (1, 0, None)
    assert newcomer(member, LATER) == 80
    for at in (FEBRUARY, MARCH):
        member.reset(at)
        assert member.parts == (100, 0, 0)
    assert_books_close(member.database)


def test_after_that_an_edit_for_everybody_reaches_them_too(member: Member) -> None:
    edit(member, "new_subscribers", LATER, monthly_credits=80)
    edit(member, "next_reset", LATER + DAY, monthly_credits=90)
    member.reset(FEBRUARY)
    assert member.parts == (90, 0, 0)


def test_for_everybody_now_what_was_used_stays_used(member: Member) -> None:
    member.charge(30, JOINED)
    held = member.hold(10, JOINED)
    member.grant(5, JOINED)
    other = Member(member.database, now=JOINED, plan="premium")
    stranger = Member(member.database, now=JOINED, plan="pro")

    done = edit(member, "now", LATER, monthly_credits=35)

    assert (done.subscribers, done.changing, done.over) == (2, 2, 1)
    assert member.parts == (5, 10, 30)
    assert other.parts == (35, 0, 0)
    assert stranger.parts == (1000, 0, 0)
    assert member.ledger[-1].credits_delta == -60
    member.release(held, LATER)
    assert member.parts == (10, 0, 30)
    assert_books_close(member.database)


def test_for_everybody_now_many_are_changed_in_batches(
    member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sketchmaker.credits.managing.plan_edits_now.BATCH", 2)
    others = [Member(member.database, now=JOINED, plan="premium") for _ in range(5)]
    done = edit(member, "now", LATER, monthly_credits=120)
    assert done.changing == 6
    assert {other.parts for other in (member, *others)} == {(120, 0, 0)}
    assert_books_close(member.database)


def test_from_a_date_on_each_gets_it_at_their_first_reset_since(member: Member) -> None:
    begins = MARCH - DAY
    done = edit(member, "date", LATER, monthly_credits=120, starts_at=begins)

    assert done.starts_at == begins
    assert plan_row(member).monthly_credits == 100
    assert newcomer(member, begins - DAY) == 100
    assert newcomer(member, begins) == 120
    member.reset(FEBRUARY)
    assert member.parts == (100, 0, 0)
    member.reset(MARCH)
    assert member.parts == (120, 0, 0)
    assert_books_close(member.database)


def test_what_begun_meanwhile_is_published_in_the_plan(member: Member) -> None:
    edit(member, "date", LATER, monthly_credits=120, starts_at=MARCH)
    with member.database.transaction() as session:
        assert plan_edits.publish_begun(session, now=MARCH - DAY) == 0
        assert plan_edits.publish_begun(session, now=MARCH) == 1
    assert plan_row(member).monthly_credits == 120


@pytest.mark.parametrize("caught_up_at", [MARCH + DAY, APRIL + DAY, APRIL + 90 * DAY])
def test_a_reset_caught_up_late_gives_what_was_in_effect_at_each_boundary(
    member: Member, caught_up_at: datetime
) -> None:
    edit(member, "date", LATER, monthly_credits=120, starts_at=MARCH - DAY)
    edit(member, "date", LATER, monthly_credits=70, starts_at=APRIL)

    seen = member.statement(caught_up_at)
    member.reset(caught_up_at)

    granted = [row.details["granted"] for row in member.ledger if row.action == "monthly_reset"]
    assert granted[:2] == [100, 120]
    assert set(granted[2:]) <= {70}
    assert member.statement(caught_up_at) == seen
    assert seen.available == granted[-1]
    assert_books_close(member.database)


def test_a_due_reset_applied_after_the_edit_gives_what_was_promised_at_its_boundary(
    member: Member,
) -> None:
    edit(member, "next_reset", FEBRUARY + DAY, monthly_credits=120)
    member.reset(FEBRUARY + DAY)
    assert member.parts == (100, 0, 0)
    member.reset(MARCH)
    assert member.parts == (120, 0, 0)


def test_many_at_once_get_what_one_gets(member: Member) -> None:
    others = [Member(member.database, now=JOINED, plan="premium") for _ in range(4)]
    edit(member, "new_subscribers", LATER, monthly_credits=80)
    late = Member(member.database, now=LATER, plan="premium")
    others[0].change_plan("free", "next_reset", LATER)
    free = Member(member.database, now=JOINED)
    free.change_plan("premium", "next_reset", LATER)
    seen = {each.id: each.statement(FEBRUARY).available for each in (member, *others, free)}

    with member.database.transaction() as session:
        resets.reset_due(session, now=FEBRUARY)

    assert {each.id: each.parts[0] for each in (member, *others, free)} == seen
    assert [seen[each.id] for each in (member, others[0], free)] == [100, 10, 80]
    assert late.parts == (80, 0, 0)
    assert (free.row.plan_version, member.row.plan_version) == (2, 1)
    assert_books_close(member.database)


def test_who_changes_plan_gets_the_version_on_sale(member: Member) -> None:
    edit(member, "new_subscribers", LATER, monthly_credits=80)
    free = Member(member.database, now=LATER)
    free.change_plan("premium", "now", LATER)
    assert free.parts == (80, 0, 0)

    member.change_plan("premium", "now", LATER)
    assert (member.parts, member.row.plan_version) == ((80, 0, 0), 2)
    with pytest.raises(NothingToChange):
        member.change_plan("premium", "now", LATER)
    assert_books_close(member.database)


def test_a_restart_and_a_forced_reset_give_what_the_person_is_on(member: Member) -> None:
    edit(member, "new_subscribers", LATER, monthly_credits=80)
    member.charge(5, LATER)
    member.force_reset(LATER)
    assert member.parts == (100, 0, 0)
    member.change_plan("premium", "restart", LATER)
    assert member.parts == (80, 0, 0)
    assert_books_close(member.database)


def test_who_comes_back_gets_what_is_in_effect(member: Member) -> None:
    member.deactivate(LATER)
    edit(member, "next_reset", LATER, monthly_credits=120)
    member.reactivate(MARCH + DAY)
    assert member.parts == (120, 0, 0)
    assert_books_close(member.database)


@pytest.mark.parametrize(
    ("apply_to", "before", "after"),
    [("now", LATER, LATER), ("next_reset", FEBRUARY - DAY, FEBRUARY), ("date", MARCH - DAY, MARCH)],
)
def test_features_come_with_the_version(
    member: Member, apply_to: ApplyTo, before: datetime, after: datetime
) -> None:
    had = member.statement(LATER).features
    starts: dict[str, Any] = {"starts_at": MARCH} if apply_to == "date" else {}
    edit(member, apply_to, LATER, features=LESS, **starts)

    assert member.statement(after).features == LESS
    if before != after:
        assert member.statement(before).features == had
    member.reset(after)
    assert member.statement(after).features == LESS


@pytest.mark.parametrize("apply_to", ["new_subscribers", "next_reset", "now", "date"])
def test_a_preview_is_exactly_what_applying_does(member: Member, apply_to: ApplyTo) -> None:
    member.charge(30, JOINED)
    Member(member.database, now=JOINED + DAY, plan="premium").change_plan(
        "free", "next_reset", JOINED + DAY
    )
    starts: dict[str, Any] = {"starts_at": MARCH} if apply_to == "date" else {}
    what: dict[str, Any] = {"monthly_credits": 20, "features": LESS, **starts}

    seen = preview(member, apply_to, LATER, **what)
    done = edit(member, apply_to, LATER, seen=seen.revision, **what)

    assert done == seen
    assert (seen.subscribers, seen.leaving) == (2, 1)
    assert_books_close(member.database)


@pytest.mark.parametrize("change", ["edited", "off sale"])
def test_what_was_previewed_is_refused_when_the_plan_was_changed_meanwhile(
    member: Member, change: str
) -> None:
    seen = preview(member, "next_reset", LATER, monthly_credits=120)
    if change == "edited":
        edit(member, "new_subscribers", LATER, monthly_credits=110)
    else:
        with member.database.transaction() as session:
            plans.deactivate(session, plan_name="premium", now=LATER, by=SOMEBODY, reason="A test.")

    with pytest.raises(PlanChangedMeanwhile) as refused:
        edit(member, "next_reset", LATER, seen=seen.revision, monthly_credits=120)

    assert (refused.value.seen, refused.value.revision) == (seen.revision, seen.revision + 1)
    member.reset(FEBRUARY)
    assert member.parts == (100, 0, 0)


def test_what_was_previewed_is_refused_when_a_planned_version_has_begun_meanwhile(
    member: Member,
) -> None:
    edit(member, "date", LATER, monthly_credits=70, starts_at=MARCH)
    seen = preview(member, "next_reset", MARCH - DAY, features=LESS)
    with pytest.raises(PlanChangedMeanwhile):
        edit(member, "next_reset", MARCH, seen=seen.revision, features=LESS)


def test_a_planned_version_can_be_taken_back_until_it_begins(member: Member) -> None:
    done = edit(member, "date", LATER, monthly_credits=120, starts_at=FEBRUARY)

    def take_back(now: datetime) -> None:
        with member.database.transaction() as session:
            plan_edits.cancel(
                session,
                plan_name="premium",
                version=done.version,
                by=ADMIN,
                reason="Too dear.",
                now=now,
            )

    with pytest.raises(NothingToChange):
        take_back(FEBRUARY)
    take_back(FEBRUARY - DAY)
    member.reset(FEBRUARY)
    assert member.parts == (100, 0, 0)
    assert_books_close(member.database)


def test_an_edit_is_in_the_record_with_who_and_why(member: Member) -> None:
    edit(member, "next_reset", LATER, monthly_credits=120)
    with member.database.reading() as session:
        newest = select(ENTRIES).order_by(ENTRIES.c.id.desc()).limit(1)
        entry = session.execute(newest).one()
    assert (entry.action, entry.actor_name, entry.reason) == (
        "plan_edited",
        "ada",
        "A new price list.",
    )
    assert (entry.before["monthly_credits"], entry.after["monthly_credits"]) == (100, 120)


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ({"monthly_credits": -1}, InvalidAmount),
        ({"monthly_credits": 10**10}, InvalidAmount),
        ({"monthly_credits": True}, InvalidAmount),
        ({"monthly_credits": 100}, NothingToChange),
        ({}, NothingToChange),
        ({"apply_to": "never", "monthly_credits": 5}, InvalidChoice),
        ({"apply_to": "date", "monthly_credits": 5}, InvalidStart),
        ({"apply_to": "date", "monthly_credits": 5, "starts_at": LATER}, InvalidStart),
        ({"apply_to": "now", "monthly_credits": 5, "starts_at": MARCH}, InvalidStart),
        ({"plan_name": "gold", "monthly_credits": 5}, UnknownPlan),
    ],
)
def test_what_can_not_be_is_refused_and_changes_nothing(
    member: Member, what: dict[str, Any], error: type[Exception]
) -> None:
    wanted = replace(Edit("premium"), **what)
    with pytest.raises(error), member.database.reading() as session:
        plan_edits.preview(session, wanted, now=LATER)
    with pytest.raises(error), member.database.transaction() as session:
        plan_edits.apply(session, wanted, by=ADMIN, reason="Why not?", now=LATER)
    assert plan_row(member).revision == 1


def test_an_edit_needs_a_reason(member: Member) -> None:
    wanted = Edit("premium", monthly_credits=5)
    with pytest.raises(ReasonMissing), member.database.transaction() as session:
        plan_edits.apply(session, wanted, by=ADMIN, reason=" ", now=LATER)


def test_a_plan_may_give_nothing_at_all(member: Member) -> None:
    edit(member, "now", LATER, monthly_credits=0)
    assert member.parts == (0, 0, 0)
    assert_books_close(member.database)


def test_on_a_clock_that_was_set_back_a_later_edit_still_comes_last(member: Member) -> None:
    edit(member, "next_reset", LATER, monthly_credits=120)
    edit(member, "next_reset", JOINED, monthly_credits=90)
    assert newcomer(member, LATER + DAY) == 90


STEP = st.sampled_from(["charge", "edit", "change", "reset", "force", "wait"])


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(STEP, st.integers(0, 200), st.integers(0, 3)), max_size=12))
def test_no_sequence_of_edits_and_changes_mints_credits(
    sqlite_database: Database, steps: list[tuple[str, int, int]]
) -> None:
    member = Member(sqlite_database, now=JOINED, plan="premium")
    now, largest = JOINED, 100
    for step, number, choice in steps:
        now += timedelta(hours=1)
        do = _steps(member, number, choice)[step]
        with suppress(CreditError):
            do(now)
        with sqlite_database.reading() as session:
            on_sale = Plans.read(session).on_sale(member.row.plan_id, now).monthly_credits
        largest = max(largest, on_sale, member.row.cycle_allowance, 10)
        if step == "wait":
            now += timedelta(days=number / 10)
        seen = member.statement(now)
        with suppress(CreditError):
            member.reset(now)
        assert member.statement(now) == seen
        row = member.row
        assert row.credits_remaining + row.credits_used_this_month <= max(
            largest, row.credits_used_this_month
        )
    assert_books_close(sqlite_database)


def _steps(member: Member, number: int, choice: int) -> dict[str, Callable[[datetime], object]]:
    apply_to: ApplyTo = ("new_subscribers", "next_reset", "now", "date")[choice]

    def change(now: datetime) -> object:
        starts: dict[str, Any] = {"starts_at": now + number * DAY} if apply_to == "date" else {}
        return edit(member, apply_to, now, monthly_credits=number, **starts)

    when: Any = ("now", "next_reset", "restart", "now")[choice]
    return {
        "charge": lambda now: member.charge(number + 1, now),
        "edit": change,
        "change": lambda now: member.change_plan(("free", "premium")[number % 2], when, now),
        "reset": member.reset,
        "force": member.force_reset,
        "wait": lambda _now: None,
    }
