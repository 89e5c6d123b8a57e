"""What one person has instead: counted while they are on the plan, until its end."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from sketchmaker.credits import resets
from sketchmaker.credits.managing import plan_edits, plan_overrides
from sketchmaker.credits.managing.plan_edits import Edit
from sketchmaker.credits.managing.plan_overrides import CreditsWhen, OverrideChange, Own
from sketchmaker.credits.rules.errors import InvalidAmount, InvalidChoice, NothingToChange
from sketchmaker.credits.rules.features import Feature, Features
from sketchmaker.credits.rules.plan_errors import InvalidStart
from sketchmaker.credits.tables.plan_versions import OVERRIDES
from sketchmaker.database import Database
from sketchmaker.record.actor import Actor, Through
from sketchmaker.record.audit_tables import ENTRIES
from tests.support.member import Member
from tests.support.people import assert_books_close

JOINED = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 28, 12, 0, tzinfo=UTC)
MARCH = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
LATER = JOINED + timedelta(days=3)
DAY = timedelta(days=1)
ADMIN = Actor(1, "ada", "superadmin", Through.CONSOLE)
ALL = Features((Feature("models", "all"), Feature("api_access", value=True)))


@pytest.fixture
def member(database: Database) -> Member:
    return Member(database, now=JOINED)


def give(member: Member, own: Own, when: CreditsWhen, now: datetime) -> OverrideChange:
    with member.database.transaction() as session:
        return plan_overrides.apply(
            session,
            subscription_id=member.id,
            own=own,
            when=when,
            by=ADMIN,
            reason="A school.",
            now=now,
        )


def take(member: Member, when: CreditsWhen, now: datetime) -> OverrideChange:
    with member.database.transaction() as session:
        return plan_overrides.remove(
            session, subscription_id=member.id, when=when, by=ADMIN, reason="It moved.", now=now
        )


def test_credits_of_their_own_come_at_the_next_reset(member: Member) -> None:
    give(member, Own(50), "next_reset", LATER)
    assert member.parts == (10, 0, 0)
    member.reset(FEBRUARY)
    assert member.parts == (50, 0, 0)
    assert_books_close(member.database)


def test_or_now_and_what_was_used_stays_used(member: Member) -> None:
    member.charge(4, JOINED)
    change = give(member, Own(50), "now", LATER)
    assert (change.available_before, change.available_after) == (6, 46)
    assert member.parts == (46, 0, 4)
    member.force_reset(LATER)
    assert member.parts == (50, 0, 0)
    assert_books_close(member.database)


def test_a_mass_reset_gives_them_too(member: Member) -> None:
    other = Member(member.database, now=JOINED)
    give(member, Own(50), "next_reset", LATER)
    with member.database.transaction() as session:
        assert len(resets.reset_due(session, now=FEBRUARY)) == 2
    assert (member.parts[0], other.parts[0]) == (50, 10)


def test_after_their_end_the_plan_gives_what_it_gives_everybody(member: Member) -> None:
    give(member, Own(50, ALL, FEBRUARY + DAY), "now", LATER)
    member.reset(FEBRUARY)
    assert member.parts == (50, 0, 0)
    assert member.statement(FEBRUARY).features == ALL
    assert member.statement(FEBRUARY + DAY).features != ALL
    seen = member.statement(MARCH)
    member.reset(MARCH)
    assert member.statement(MARCH) == seen
    assert member.parts == (10, 0, 0)
    assert_books_close(member.database)


def test_they_count_while_the_person_is_on_that_plan(member: Member) -> None:
    give(member, Own(50, ALL), "now", LATER)
    member.change_plan("premium", "now", LATER)
    assert member.parts == (100, 0, 0)
    assert member.statement(LATER).features != ALL
    assert_books_close(member.database)


def test_an_edit_of_the_plan_leaves_credits_of_their_own(member: Member) -> None:
    give(member, Own(50), "now", LATER)
    with member.database.transaction() as session:
        edit = Edit("free", "now", monthly_credits=20)
        done = plan_edits.apply(session, edit, by=ADMIN, reason="More for all.", now=LATER)
    assert (done.subscribers, done.keeping, done.changing) == (1, 1, 0)
    assert member.parts == (50, 0, 0)
    member.reset(FEBRUARY)
    assert member.parts == (50, 0, 0)
    take(member, "now", FEBRUARY)
    assert member.parts == (20, 0, 0)
    assert_books_close(member.database)


@pytest.mark.parametrize("when", ["now", "next_reset"])
def test_a_preview_is_exactly_what_applying_does(member: Member, when: CreditsWhen) -> None:
    own = Own(50, ALL, MARCH)
    with member.database.reading() as session:
        seen = plan_overrides.preview(
            session, subscription_id=member.id, own=own, when=when, now=LATER
        )
    assert give(member, own, when, LATER) == seen
    assert (seen.next_allowance, seen.next_reset) == (50, FEBRUARY)


def test_taking_them_back_leaves_the_cycle_unless_asked(member: Member) -> None:
    give(member, Own(50), "now", LATER)
    take(member, "next_reset", LATER)
    assert member.parts == (50, 0, 0)
    member.reset(FEBRUARY)
    assert member.parts == (10, 0, 0)
    with pytest.raises(NothingToChange):
        take(member, "now", FEBRUARY)


@pytest.mark.parametrize(
    ("own", "when", "error"),
    [
        (Own(), "now", NothingToChange),
        (Own(-1), "now", InvalidAmount),
        (Own(5, until=LATER), "now", InvalidStart),
        (Own(5), "soon", InvalidChoice),
    ],
)
def test_what_can_not_be_is_refused(
    member: Member, own: Own, when: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        give(member, own, when, LATER)
    with member.database.reading() as session:
        assert session.execute(select(OVERRIDES)).all() == []


def test_they_are_in_the_record_and_their_words_leave_with_the_person(member: Member) -> None:
    give(member, Own(50, ALL), "now", LATER)
    with member.database.reading() as session:
        newest = select(ENTRIES).order_by(ENTRIES.c.id.desc()).limit(1)
        entry = session.execute(newest).one()
        assert plan_overrides.override_of(session, member.id, now=LATER) == Own(50, ALL)
    assert (entry.action, entry.owner_id, entry.reason) == (
        "override_set",
        member.user_id,
        "A school.",
    )
    assert (entry.before["available"], entry.after["available"]) == (10, 50)
