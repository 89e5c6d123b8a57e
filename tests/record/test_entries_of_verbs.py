"""Each managing verb writes one entry, in its own transaction: who, what it was and became, why."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import RowMapping, select

from sketchmaker.credits.managing import (
    adjustments,
    forced_resets,
    granting,
    lifecycle,
    plan_changes,
    rescheduling,
    voids,
)
from sketchmaker.credits.resets import guard
from sketchmaker.credits.rows import plans
from sketchmaker.credits.spending import charges, refunds
from sketchmaker.database import Database
from sketchmaker.record.actor import Actor, Through
from sketchmaker.record.audit_tables import ENTRIES
from sketchmaker.record.errors import ReasonMissing
from tests.support.member import Member
from tests.support.people import add_user

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
LATER = JOINED + timedelta(days=3)
MOVED = LATER + timedelta(days=1)


@pytest.fixture
def member(database: Database) -> Member:
    return Member(database, now=JOINED, plan="premium")


@pytest.fixture
def grace(database: Database) -> Actor:
    with database.transaction() as session:
        account = add_user(session, now=JOINED, name="grace")
    return Actor(account.id, "grace", "admin", Through.CONSOLE, "192.0.2.7", "req-1")


def newest(database: Database) -> RowMapping:
    with database.reading() as session:
        entries = select(ENTRIES).order_by(ENTRIES.c.id.desc()).limit(1)
        return session.execute(entries).mappings().one()


def done(member: Member, verb: Any, by: Actor, reason: str = "They asked.", **what: Any) -> Any:
    with member.database.transaction() as session:
        return verb(session, **what, now=LATER, by=by, reason=reason)


def test_a_grant_says_what_was_before_and_after(member: Member, grace: Actor) -> None:
    given = done(member, granting.grant, grace, user_id=member.user_id, credits=5, kind="admin")
    entry = newest(member.database)
    assert (entry["action"], entry["reason"], entry["at"]) == (
        "credits_granted",
        "They asked.",
        LATER,
    )
    assert (entry["actor_id"], entry["actor_name"], entry["actor_role"]) == (
        grace.account_id,
        "grace",
        "admin",
    )
    assert (entry["subject_kind"], entry["subject_id"], entry["subject_name"]) == (
        "subscription",
        member.id,
        "Premium",
    )
    assert entry["owner_id"] == member.user_id
    assert entry["before"] == {"credits_remaining": 100, "bonus_remaining": 0}
    assert entry["after"]["credits_remaining"] == 105
    assert entry["after"]["grant"] == given.id


@pytest.mark.parametrize(
    ("verb", "what", "after"),
    [
        (adjustments.revoke, {"credits": 4}, {"credits_revoked": 4, "credits_remaining": 96}),
        (forced_resets.force_reset, {}, {"granted": 100}),
        (plan_changes.apply, {"plan_name": "pro", "when": "now"}, {"credits_remaining": 1000}),
        (plan_changes.apply, {"plan_name": "free", "when": "next_reset"}, {"to": "Free"}),
        (plan_changes.apply, {"plan_name": "free", "when": "restart"}, {"cycle": 1}),
        (plan_changes.end_at_reset, {}, {"ends": True}),
        (lifecycle.deactivate, {}, {"is_active": False}),
        (rescheduling.reschedule, {"at": MOVED}, {"to": MOVED.isoformat()}),
        (rescheduling.suspend, {}, {}),
    ],
)
def test_every_verb_over_a_subscription_writes_its_entry(
    member: Member, grace: Actor, verb: Any, what: dict[str, Any], after: dict[str, Any]
) -> None:
    subject: dict[str, Any] = (
        {"user_id": member.user_id} if "credits" in what else {"subscription_id": member.id}
    )
    done(member, verb, grace, **subject, **what)
    entry = newest(member.database)
    assert entry["reason"] == "They asked."
    assert entry["owner_id"] == member.user_id
    assert after.items() <= entry["after"].items()


@pytest.mark.parametrize(
    "verb", [forced_resets.force_reset, lifecycle.deactivate, rescheduling.suspend]
)
def test_an_admin_who_does_not_say_why_changes_nothing(
    member: Member, grace: Actor, verb: Any
) -> None:
    before = member.row.credits_remaining, member.row.is_active, len(member.ledger)
    with pytest.raises(ReasonMissing):
        done(member, verb, grace, reason=" ", subscription_id=member.id)
    assert (member.row.credits_remaining, member.row.is_active, len(member.ledger)) == before
    assert newest(member.database)["action"] == "subscription_started"


def test_people_need_no_reason_for_their_own_plan(member: Member) -> None:
    ada = Actor.person(member.user_id, "ada")
    change = {"subscription_id": member.id, "plan_name": "pro", "when": "now"}
    done(member, plan_changes.apply, ada, reason="", **change)
    entry = newest(member.database)
    assert (entry["actor_role"], entry["through"], entry["reason"]) == ("self", "page", "")
    assert member.row.assigned_by_id is None


def test_voids_refunds_and_resumed_resets_have_entries(member: Member, grace: Actor) -> None:
    given = done(member, granting.grant, grace, user_id=member.user_id, credits=5, kind="admin")
    done(member, voids.void, grace, grant_id=given.id)
    assert newest(member.database)["after"]["voided"] == 5
    with member.database.transaction() as session:
        charges.charge(session, user_id=member.user_id, credits=6, action="images", now=LATER)
    assert newest(member.database)["action"] == "grant_voided"  # spending has no entries
    done(member, refunds.refund, grace, entry_id=member.ledger[-1].id, credits=2)
    assert newest(member.database)["after"]["returned"] == 2
    done(member, rescheduling.suspend, grace, subscription_id=member.id)
    assert done(member, guard.resume, grace, subscription_id=member.id)
    assert newest(member.database)["action"] == "resets_resumed"
    assert not done(member, guard.resume, grace, subscription_id=member.id)


def test_plans_have_entries_of_what_changed_only(member: Member, grace: Actor) -> None:
    done(member, plans.choose_default, grace, plan_name="premium")
    entry = newest(member.database)
    assert (entry["action"], entry["subject_name"]) == ("plan_made_default", "Premium")
    done(member, plans.choose_default, grace, plan_name="premium")
    assert newest(member.database)["id"] == entry["id"]
    done(member, plans.deactivate, grace, plan_name="free")
    off = newest(member.database)
    assert (off["before"], off["after"]) == ({"is_active": True}, {"is_active": False})
