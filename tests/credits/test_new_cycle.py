"""What a reset does is said once: the scheduler, a mass of resets and the page all follow it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, case, select
from sqlalchemy.orm import Session

from sketchmaker.credits import present, resets
from sketchmaker.credits.reading.statement import statement_for
from sketchmaker.credits.resets import mass_resets, reset_plan
from sketchmaker.credits.resets.reset_plan import PlannedReset
from sketchmaker.credits.rows.state import Bonus, Schedule, State, columns_of
from sketchmaker.credits.rules import new_cycle
from sketchmaker.credits.rules.balance import Balance
from sketchmaker.credits.rules.new_cycle import Boundary
from sketchmaker.credits.spending import charges
from sketchmaker.credits.tables import LEDGER, SUBSCRIPTIONS
from sketchmaker.database import Database
from tests.support.people import add_subscriber, assert_books_close

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
FEBRUARY, MARCH = JOINED.replace(month=2), JOINED.replace(month=3)


@st.composite
def balances(draw: st.DrawFn) -> Balance:
    allowance, held, used, revoked = (draw(st.integers(0, 1000)) for _ in range(4))
    return Balance(allowance, held, used, revoked)


def due_subscription(balance: Balance, months: int) -> tuple[State, datetime]:
    """A subscription with that balance, and an instant at which so many boundaries have passed."""
    schedule = Schedule(JOINED, "UTC")
    state = State(
        id=1,
        user_id=1,
        is_active=True,
        ended_at=None,
        plan_id=1,
        plan_version=1,
        next_plan_id=None,
        cycle=0,
        schedule=schedule,
        last_reset=JOINED,
        next_reset=FEBRUARY,
        balance=balance,
        bonus=Bonus(remaining=5, held=3, used=2),
    )
    return state, schedule.start_of(months)


def rows_of(planned: PlannedReset) -> list[dict[str, Any]]:
    """The rows of the ledger for every step."""
    return [
        new_cycle.reset_entry(columns_of(step.before), step.plan, step.boundary, MARCH, MARCH)
        for step in planned.steps
    ]


@given(before=balances(), allowance=st.integers(0, 1000), months=st.integers(1, 40))
def test_many_months_missed_make_as_many_rows_and_one_allowance(
    before: Balance, allowance: int, months: int
) -> None:
    state, now = due_subscription(before, months)
    plan = SimpleNamespace(id=2, display_name="Any", version=1, monthly_credits=allowance)

    planned = PlannedReset(state, lambda *_: plan, now)

    rows = rows_of(planned)
    assert [row["cycle"] for row in rows] == list(range(1, months + 1))
    assert [row["metadata"]["missed"] for row in rows] == [True] * (months - 1) + [False]
    assert before.in_the_books + sum(row["credits_delta"] for row in rows) == allowance
    assert planned.after.balance == Balance(allowance)
    assert planned.after.bonus == Bonus(remaining=5, held=3, used=0)


@given(before=balances(), allowance=st.integers(0, 1000), months=st.integers(1, 40))
def test_months_away_grant_nothing_but_the_present_one(
    before: Balance, allowance: int, months: int
) -> None:
    state, now = due_subscription(before, months)
    plan = SimpleNamespace(id=2, display_name="Any", version=1, monthly_credits=allowance)

    rows = rows_of(PlannedReset(state, lambda *_: plan, now, was_away=True))

    assert [row["metadata"]["granted"] for row in rows] == [0] * (months - 1) + [allowance]
    assert ["skipped" in row["metadata"] for row in rows] == [True] * (months - 1) + [False]
    assert not any(row["metadata"]["missed"] for row in rows)
    assert before.in_the_books + sum(row["credits_delta"] for row in rows) == allowance


begin_cycle = new_cycle.begin_cycle


def rolling_over(before: Any, plan: Any, boundary: Boundary) -> dict[str, Any]:
    """Another rule: up to three unused credits are carried over into the new cycle."""
    left = before.credits_remaining - before.bonus_remaining
    in_sql = isinstance(left, ColumnElement)
    kept: Any = case((left < 3, left), else_=3) if in_sql else min(left, 3)
    allowance = plan.monthly_credits + kept
    return {
        **begin_cycle(before, plan, boundary),
        "cycle_allowance": allowance,
        "credits_remaining": allowance + before.bonus_remaining,
    }


@pytest.fixture
def roll_over(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The product with that rule in the place of its own."""
    for module in (new_cycle, reset_plan, mass_resets):
        monkeypatch.setattr(module, "begin_cycle", rolling_over)
    mass_resets.postgres_statement.cache_clear()
    mass_resets.sqlite_statements.cache_clear()
    yield
    mass_resets.postgres_statement.cache_clear()
    mass_resets.sqlite_statements.cache_clear()


def each_of(session: Session, column: ColumnElement[int]) -> dict[int, int]:
    """The column's value for every subscription."""
    return dict(session.execute(select(SUBSCRIPTIONS.c.id, column)).all())


@pytest.mark.usefixtures("roll_over")
def test_another_rule_in_its_one_place_is_followed_everywhere(database: Database) -> None:
    with database.transaction() as session:
        people = [add_subscriber(session, now=JOINED) for _ in range(10)]
        for number, person in enumerate(people, 1):
            charges.charge(
                session, user_id=person.user_id, credits=number, action="images", now=JOINED
            )
        unused = each_of(session, SUBSCRIPTIONS.c.credits_remaining)
    expected = {which: 10 + min(left, 3) for which, left in unused.items()}

    with database.reading() as session:
        pages = {
            person.id: statement_for(session, person.user_id, now=FEBRUARY) for person in people
        }
        previews = {
            person.id: present.foreseen(session, person.id, now=FEBRUARY) for person in people
        }
    with database.transaction() as session:
        resets.reset_subscription(session, subscription_id=people[0].id, now=FEBRUARY)
        mass = mass_resets.reset_plain(session, list(unused), now=FEBRUARY)
        written = each_of(session, SUBSCRIPTIONS.c.credits_remaining)
        entries = select(LEDGER.c.subscription_id, LEDGER.c.credits_delta)
        of_resets = entries.where(LEDGER.c.action == "monthly_reset")
        deltas = dict(session.execute(of_resets).all())

    assert mass.count == len(people) - 1
    assert {which: page.available for which, page in pages.items()} == expected
    assert {which: state.available for which, state in previews.items()} == expected
    assert written == expected
    assert deltas == {which: expected[which] - unused[which] for which in unused}
    assert_books_close(database)
