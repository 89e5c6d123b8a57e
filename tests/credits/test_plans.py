"""Plans: one of them is the default, always on offer, and what newcomers get."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from alembic import command
from sqlalchemy import Insert, Update, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from sketchmaker import membership, schema
from sketchmaker.accounts import registration
from sketchmaker.credits.managing import subscriptions
from sketchmaker.credits.reading.statement import statement_for
from sketchmaker.credits.rows import plans
from sketchmaker.credits.rules.amounts import MAX_CREDITS
from sketchmaker.credits.rules.errors import NoDefaultPlan, PlanIsDefault, UnknownPlan
from sketchmaker.credits.tables import PLANS
from sketchmaker.database import Database
from tests.support.actors import SOMEBODY, word_for
from tests.support.databases import Databases
from tests.support.people import add_user

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


@pytest.fixture
def offer(database: Database) -> Database:
    """A database with the plans of a new installation."""
    with database.transaction() as session:
        plans.ensure_default_plans(session, now=NOW, by=SOMEBODY, reason="A test.")
    return database


def defaults(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(PLANS.c.name).where(PLANS.c.is_default)))


def choose(database: Database, name: str) -> None:
    with database.transaction() as session:
        plans.choose_default(session, plan_name=name, now=NOW, by=SOMEBODY, reason="A test.")


def switch_off(database: Database, name: str) -> None:
    with database.transaction() as session:
        plans.deactivate(session, plan_name=name, now=NOW, by=SOMEBODY, reason="A test.")


def test_free_is_the_default_plan_of_a_new_installation(offer: Database) -> None:
    assert defaults(offer) == ["free"]


def test_the_database_allows_no_plan_beyond_what_an_amount_may_be(offer: Database) -> None:
    too_much = update(PLANS).values(monthly_credits=MAX_CREDITS + 1)

    with (
        pytest.raises(IntegrityError, match="monthly_credits_within_limit"),
        offer.transaction() as session,
    ):
        session.execute(too_much)


def test_set_up_leaves_the_default_plan_that_somebody_chose(offer: Database) -> None:
    choose(offer, "premium")

    with offer.transaction() as session:
        assert plans.ensure_default_plans(session, now=NOW, by=SOMEBODY, reason="A test.") == 0

    assert defaults(offer) == ["premium"]


def test_set_up_puts_free_on_offer_again_when_no_plan_is_the_default(offer: Database) -> None:
    with offer.transaction() as session:
        session.execute(update(PLANS).values(is_default=False, is_active=False))

    with offer.transaction() as session:
        plans.ensure_default_plans(session, now=NOW, by=SOMEBODY, reason="A test.")

    assert defaults(offer) == ["free"]
    with offer.reading() as session:
        assert [plan.name for plan in plans.active_plans(session)] == ["free"]


def test_newcomers_get_the_default_plan_whichever_it_is(offer: Database) -> None:
    choose(offer, "premium")
    switch_off(offer, "free")
    prepared = registration.prepare(
        username="ada", email="ada@example.org", password="a-long-enough-pass"
    )

    with offer.transaction() as session:
        user = membership.enrol(session, prepared, now=NOW, by=SOMEBODY, reason="A test.")
        assert statement_for(session, user.id, now=NOW).plan_name == "premium"


def test_everybody_without_a_plan_gets_the_default_one(offer: Database) -> None:
    choose(offer, "pro")

    with offer.transaction() as session:
        user_id = add_user(session, now=NOW).id
        membership.enrol_everyone_without_a_plan(session, now=NOW, by=SOMEBODY, reason="A test.")
        assert statement_for(session, user_id, now=NOW).plan_name == "pro"


def test_the_default_plan_stays_on_offer_until_another_is_the_default(offer: Database) -> None:
    with pytest.raises(PlanIsDefault, match="Make another plan the default first"):
        switch_off(offer, "free")

    choose(offer, "premium")
    switch_off(offer, "free")

    with offer.reading() as session:
        assert [plan.name for plan in plans.active_plans(session)] == ["premium", "pro"]


def test_a_plan_that_is_not_on_offer_cannot_become_the_default(offer: Database) -> None:
    switch_off(offer, "pro")

    with pytest.raises(UnknownPlan):
        choose(offer, "pro")

    with offer.transaction() as session:
        plans.activate(session, plan_name="pro", now=NOW, by=SOMEBODY, reason="A test.")
    choose(offer, "pro")
    assert defaults(offer) == ["pro"]


@pytest.mark.parametrize("verb", [plans.choose_default, plans.activate, plans.deactivate])
def test_a_plan_that_there_is_not_is_refused_by_name(
    offer: Database, verb: Callable[..., None]
) -> None:
    with pytest.raises(UnknownPlan), offer.transaction() as session:
        verb(session, plan_name="gold", now=NOW, **word_for(verb))


def test_an_installation_that_was_never_set_up_has_no_default_plan(database: Database) -> None:
    with pytest.raises(NoDefaultPlan), database.transaction() as session:
        subscriptions.start(
            session, user_id=add_user(session, now=NOW).id, now=NOW, by=SOMEBODY, reason="A test."
        )


SECOND = {
    "name": "second",
    "display_name": "Second",
    "monthly_credits": 1,
    "description": "",
    "features": [],
    "created_at": NOW,
    "updated_at": NOW,
    "is_default": True,
}


@pytest.mark.parametrize(
    "statement",
    [insert(PLANS).values(SECOND), update(PLANS).where(PLANS.c.is_default).values(is_active=False)],
)
def test_the_database_allows_one_default_plan_and_only_on_offer(
    offer: Database, statement: Insert | Update
) -> None:
    with pytest.raises(IntegrityError), offer.transaction() as session:
        session.execute(statement)


@pytest.mark.race
def test_of_many_choices_at_once_one_plan_is_the_default(offer: Database) -> None:
    together = Barrier(12)

    def choose_often(number: int) -> None:
        together.wait()
        for _ in range(5):
            choose(offer, ("free", "premium", "pro")[number % 3])

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(choose_often, range(12)))

    assert len(defaults(offer)) == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("was_active", [True, False])
def test_an_upgrade_makes_free_the_default_and_changes_other_plans_only_beyond_the_limit(
    kind: str, *, was_active: bool, databases: Databases, tmp_path: object
) -> None:
    if kind == "sqlite":
        _check_upgrade(Database(f"sqlite:///{tmp_path}/old.db"), was_active=was_active)
        return
    with databases.empty_postgres() as url:
        _check_upgrade(Database(url), was_active=was_active)


def _check_upgrade(database: Database, *, was_active: bool) -> None:
    with database.engine.begin() as connection:
        command.upgrade(schema.alembic_config(connection), "0002")
        for name, credits, active in (
            ("free", 10, was_active),
            ("premium", MAX_CREDITS, True),
            ("old", 2 * MAX_CREDITS, False),
        ):
            connection.execute(
                text(
                    "INSERT INTO subscription_plans (name, display_name, monthly_credits, "
                    "description, features, is_active, created_at, updated_at) "
                    "VALUES (:name, 'A plan', :credits, '', '[]', :active, :now, :now)"
                ),
                {
                    "name": name,
                    "credits": credits,
                    "active": active,
                    "now": "2026-01-15 12:00:00.000000",
                },
            )
    schema.upgrade(database)
    with database.reading() as session:
        rows = session.execute(
            select(
                PLANS.c.name, PLANS.c.monthly_credits, PLANS.c.is_active, PLANS.c.is_default
            ).order_by(PLANS.c.id)
        ).all()
    database.close()
    assert [tuple(row) for row in rows] == [
        ("free", 10, True, True),
        ("premium", MAX_CREDITS, True, False),
        ("old", MAX_CREDITS, False, False),
    ]
