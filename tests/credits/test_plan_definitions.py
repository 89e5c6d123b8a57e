"""Plans are made off sale, called something else at once, and deleted if nobody was on them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, text

from sketchmaker.credits.managing import plan_definitions, plan_edits, subscriptions
from sketchmaker.credits.managing.plan_edits import Edit
from sketchmaker.credits.rows import plans
from sketchmaker.credits.rules.errors import (
    InvalidAmount,
    NothingToChange,
    PlanIsDefault,
    UnknownPlan,
)
from sketchmaker.credits.rules.features import Feature, Features
from sketchmaker.credits.rules.plan_errors import (
    InvalidFeatures,
    InvalidPlanWords,
    PlanChangedMeanwhile,
    PlanInUse,
    PlanNameTaken,
)
from sketchmaker.database import Database
from sketchmaker.record.actor import Actor, Through
from sketchmaker.record.audit_tables import ENTRIES
from sketchmaker.record.errors import ReasonMissing
from tests.support.member import Member
from tests.support.people import add_user
from tests.support.waiting import wait_until

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
BY: dict[str, Any] = {
    "by": Actor(1, "ada", "superadmin", Through.CONSOLE),
    "reason": "For schools.",
    "now": NOW,
}
WORDS = {"display_name": "School", "description": "For a class."}
GIVES: dict[str, Any] = {
    "monthly_credits": 300,
    "features": Features((Feature("models", "all"),)),
}


@pytest.fixture
def school(database: Database) -> Database:
    """A database with the plan `school`, and somebody on the free plan."""
    Member(database, now=NOW)
    make(database)
    return database


def make(database: Database, **other: Any) -> None:
    with database.transaction() as session:
        plan_definitions.create(session, **{"name": "school", **WORDS, **GIVES, **BY, **other})


def delete(database: Database, name: str) -> None:
    with database.transaction() as session:
        plan_definitions.remove(session, plan_name=name, **BY)


def test_a_new_plan_is_not_on_sale_until_somebody_says_so(school: Database) -> None:
    with school.transaction() as session:
        assert "school" not in {plan.name for plan in plans.active_plans(session)}
        plans.activate(session, plan_name="school", **BY)
    assert Member(school, now=NOW, plan="school").parts == (300, 0, 0)


@pytest.mark.parametrize(
    ("other", "error"),
    [
        ({"name": "free"}, PlanNameTaken),
        ({"name": "School plan"}, InvalidPlanWords),
        ({"name": ""}, InvalidPlanWords),
        ({"name": "x", "display_name": " "}, InvalidPlanWords),
        ({"name": "x", "description": "a\0b"}, InvalidPlanWords),
        ({"name": "x", "monthly_credits": -1}, InvalidAmount),
        ({"name": "x", "features": Features((Feature("models", "few"),))}, InvalidFeatures),
        ({"name": "x", "reason": ""}, ReasonMissing),
    ],
)
def test_a_plan_that_can_not_be_is_refused(
    school: Database, other: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        make(school, **other)


def test_it_is_called_something_else_at_once_and_nobody_overwrites_unseen(
    school: Database,
) -> None:
    def describe(name: str, seen: int | None = None) -> None:
        with school.transaction() as session:
            plan_definitions.describe(
                session, plan_name="free", display_name=name, description="", seen=seen, **BY
            )

    describe("Starter", 2)  # it was made the default plan before
    with pytest.raises(PlanChangedMeanwhile):
        describe("Basic", 2)
    with pytest.raises(NothingToChange):
        describe("Starter", 3)
    with school.reading() as session:
        assert plans.any_plan(session, "free").display_name == "Starter"
        actions = list(session.scalars(select(ENTRIES.c.action).order_by(ENTRIES.c.id)))
    assert actions[-2:] == ["plan_made", "plan_described"]


def test_a_plan_that_nobody_was_on_can_be_deleted_with_its_versions(school: Database) -> None:
    with school.transaction() as session:
        plan_edits.apply(session, Edit("school", monthly_credits=5), **BY)
    delete(school, "school")
    with school.reading() as session, pytest.raises(UnknownPlan):
        plans.any_plan(session, "school")


@pytest.mark.parametrize("how", ["is on it", "was on it", "waits for it"])
def test_a_plan_in_use_can_not_be_deleted(school: Database, how: str) -> None:
    with school.transaction() as session:
        plans.activate(session, plan_name="school", **BY)
    if how == "waits for it":
        Member(school, now=NOW).change_plan("school", "next_reset", NOW)
    else:
        member = Member(school, now=NOW, plan="school")
        if how == "was on it":
            member.deactivate(NOW)
    with pytest.raises(PlanInUse):
        delete(school, "school")


def test_the_default_plan_can_not_be_deleted(school: Database) -> None:
    with pytest.raises(PlanIsDefault):
        delete(school, "free")


def test_a_plan_that_somebody_joins_at_the_same_time_is_not_deleted(
    postgres_database: Database,
) -> None:
    Member(postgres_database, now=NOW)
    make(postgres_database)
    with postgres_database.transaction() as session:
        plans.activate(session, plan_name="school", **BY)
        user = add_user(session, now=NOW)
    with ThreadPoolExecutor(1) as other:
        with postgres_database.transaction() as session:
            subscriptions.start(session, user_id=user.id, plan_name="school", **BY)
            deleting = other.submit(delete, postgres_database, "school")
            wait_until(lambda: somebody_waits_for_a_lock(postgres_database), what="The deletion")
        with pytest.raises(PlanInUse):
            deleting.result()


def somebody_waits_for_a_lock(database: Database) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with database.reading() as session:
        return bool(session.scalar(text(waiting)))
