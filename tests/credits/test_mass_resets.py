"""Many resets in one statement: the same rows as one by one, however the subscriptions stand."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Row, insert, select, update
from sqlalchemy.orm import Session

from sketchmaker.credits import resets
from sketchmaker.credits.managing import plan_edits
from sketchmaker.credits.managing.plan_edits import Edit
from sketchmaker.credits.resets import guard, mass_resets
from sketchmaker.credits.resets.reset_plan import PlannedReset
from sketchmaker.credits.rows import plans
from sketchmaker.credits.rows.state import state_of
from sketchmaker.credits.rules.cycle import cycle_number, cycle_start
from sketchmaker.credits.rules.errors import InsufficientCredits
from sketchmaker.credits.spending import charges
from sketchmaker.credits.tables import (
    LEDGER,
    PLANS,
    SUBSCRIPTIONS,
    SubscriptionPlanModel,
    UserSubscription,
)
from sketchmaker.credits.tables.plan_versions import OVERRIDES
from sketchmaker.database import Database
from sketchmaker.record.actor import Actor
from tests.support.actors import SOMEBODY
from tests.support.people import add_subscriber, add_user, assert_books_close

NOW = datetime(2028, 3, 30, 12, 0, tzinfo=UTC)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Africa/Casablanca",
)
ALL = 10_000
SOME_PLAN = SimpleNamespace(id=1, display_name="Any", version=1, monthly_credits=1)


def populate(session: Session, count: int) -> None:
    """Subscriptions in every state a row can be in: most of them due, some by several months."""
    add_subscriber(session, now=NOW)
    # JSON has to be written right around such a name, by every database.
    session.execute(
        update(SubscriptionPlanModel)
        .where(SubscriptionPlanModel.name == "free")
        .values(display_name='Grün "☂" \\')
    )
    on_offer = list(session.execute(select(PLANS)))
    _edit_plans(session)
    chance = random.Random(4711)
    for _ in range(count):
        _add_somebody(session, chance, on_offer)
    session.flush()


def _edit_plans(session: Session) -> None:
    """Versions of two of the plans, begun between the boundaries that have passed by now."""
    by = Actor.operator("root")
    for days, edit in (
        (60, Edit("premium", "new_subscribers", monthly_credits=80)),
        (40, Edit("premium", monthly_credits=120)),
        (3, Edit("premium", "date", monthly_credits=90, starts_at=NOW - timedelta(days=1))),
        (2, Edit("free", monthly_credits=12)),
    ):
        at = NOW - timedelta(days=days)
        plan_edits.apply(session, edit, by=by, reason="Prices.", now=at)


def _add_own(session: Session, chance: random.Random, user_id: int, plan_id: int) -> None:
    """Credits of their own: for long, or until lately."""
    ends_at = NOW + timedelta(days=chance.choice((-1, 90)))
    own = {"plan_id": plan_id, "monthly_credits": chance.choice((7, None)), "reason": "Why not?"}
    which = select(SUBSCRIPTIONS.c.id).where(SUBSCRIPTIONS.c.user_id == user_id)
    session.execute(
        insert(OVERRIDES).values(
            subscription_id=which.scalar_subquery(), ends_at=ends_at, created_at=NOW, **own
        )
    )


def _add_somebody(
    session: Session, chance: random.Random, on_offer: Sequence[Row[*tuple[Any, ...]]]
) -> None:
    user = add_user(session, now=NOW)
    plan = chance.choice(on_offer)
    anchor = NOW - timedelta(days=chance.randrange(150, 900), seconds=chance.randrange(-9, 9) * 600)
    anchor = anchor.replace(day=chance.choice((1, 15, 28, 29, 30, 31)), month=chance.choice((1, 3)))
    anchor = anchor.replace(microsecond=chance.choice((0, 0, 120_000, 1)))
    zone, first = chance.choice(ZONES), chance.choice((0, 0, 3))
    cycle = max(cycle_number(anchor, NOW, zone) - chance.choice((0, 1, 1, 1, 1, 1, 2, 3)), 0)
    last, following = (cycle_start(anchor, n, zone) for n in (cycle, cycle + 1))
    if chance.random() < 0.1:  # forced by an admin within the cycle, or moved by hand
        last = following - timedelta(days=chance.choice((2, 26, 28)))
    elif chance.random() < 0.1:
        following -= timedelta(days=chance.choice((-1, 1, 2)))
    session.add(
        UserSubscription(
            user_id=user.id,
            plan_id=plan.id,
            plan_version=chance.choice((1, 2, 3)) if plan.name == "premium" else 1,
            next_plan_id=chance.choice((None, None, chance.choice(on_offer).id)),
            cycle=cycle + first,
            anchor_cycle=first,
            time_zone=zone,
            subscription_start=anchor,
            last_credit_reset=last,
            next_credit_reset=following,
            is_active=chance.random() > 0.05,
            created_at=anchor,
            **_credits(chance, plan.monthly_credits),
        )
    )
    session.flush()
    if chance.random() < 0.1:
        _add_own(session, chance, user.id, plan.id)
    if chance.random() < 0.1:
        _suspend(session, user.id, NOW - timedelta(hours=chance.choice((0, 2))))


def _credits(chance: random.Random, allowance: int) -> dict[str, int]:
    held, used, revoked = (chance.choice((0, 1, allowance // 3)) for _ in range(3))
    bonus = {f"bonus_{name}": chance.choice((0, 0, 7)) for name in ("remaining", "held", "used")}
    left = max(allowance - held - used - revoked, 0)
    return {
        "cycle_allowance": allowance,
        "credits_revoked": revoked,
        "credits_remaining": left + bonus["bonus_remaining"],
        "credits_held": held + bonus["bonus_held"],
        "credits_used_this_month": used + bonus["bonus_used"],
        **bonus,
    }


def _suspend(session: Session, user_id: int, at: datetime) -> None:
    subscription_id = session.execute(
        select(SUBSCRIPTIONS.c.id).where(SUBSCRIPTIONS.c.user_id == user_id)
    ).scalar_one()
    guard.suspend_failed(session, subscription_id=subscription_id, error="It broke.", now=at)


def one_by_one(session: Session) -> int:
    """The way of every reset that is not plain, for all that are due."""
    return len(resets.apply_to(session, list(session.execute(resets.due(NOW))), NOW))


def is_plain(row: Row[*tuple[Any, ...]]) -> bool:
    """Has it missed nothing, never failed, and not been reset lately?"""
    planned = PlannedReset(state_of(row), lambda *_: SOME_PLAN, NOW)
    return not row.failures and not planned.is_unusual() and len(planned.steps) == 1


def all_ids(session: Session) -> list[int]:
    """The numbers of all subscriptions."""
    return list(session.scalars(select(SUBSCRIPTIONS.c.id)))


def all_rows(session: Session) -> tuple[list[Row[Any]], list[Row[Any]]]:
    """Every subscription and every ledger row, without the ledger's own numbers."""
    said = [column for column in LEDGER.c if column.name != "id"]
    order = (LEDGER.c.subscription_id, LEDGER.c.cycle)
    return (
        list(session.execute(select(SUBSCRIPTIONS).order_by(SUBSCRIPTIONS.c.id))),
        list(session.execute(select(*said).order_by(*order))),
    )


def test_in_sql_every_row_comes_out_as_one_by_one(database: Database) -> None:
    with database.transaction() as session:
        populate(session, 400)
        with session.begin_nested() as savepoint:
            count = one_by_one(session)
            expected = all_rows(session)
            savepoint.rollback()

        done = resets.reset_due(session, now=NOW, limit=ALL)

        assert count > 200
        assert done.count == count
        assert all_rows(session) == expected


def test_in_sql_are_all_that_are_plain_and_no_others(database: Database) -> None:
    with database.transaction() as session:
        populate(session, 400)
        plain = sum(map(is_plain, session.execute(resets.due(NOW))))

        done = mass_resets.reset_plain(session, all_ids(session), now=NOW)

        assert done.count == plain > 50
        assert len(done.described) == mass_resets.MAX_DESCRIBED_RESETS


def test_what_is_told_of_each_is_the_same_either_way(database: Database) -> None:
    with database.transaction() as session:
        populate(session, 60)
        with session.begin_nested() as savepoint:
            rows = list(session.execute(resets.due(NOW)))
            expected = resets.apply_to(session, rows, NOW)
            savepoint.rollback()

        done = resets.reset_due(session, now=NOW, limit=ALL)

    expected.sort(key=lambda reset: (reset.due_at, reset.subscription_id))
    assert done.described == expected


FORWARD = {
    "Europe/Berlin": "2028-03-26",
    "America/New_York": "2028-03-12",
    "Australia/Lord_Howe": "2028-10-01",
    "America/Havana": "2028-03-12",
}
BACK = {
    "Europe/Berlin": "2028-10-29",
    "America/New_York": "2028-11-05",
    "Australia/Lord_Howe": "2028-04-02",
    "America/Havana": "2028-11-05",
}


@pytest.mark.parametrize(("zone", "changes_on"), [*FORWARD.items(), *BACK.items()])
def test_times_that_a_zone_skips_or_has_twice_are_those_of_the_rule(
    database: Database, zone: str, changes_on: str
) -> None:
    day, local = datetime.fromisoformat(changes_on), ZoneInfo(zone)
    two_months_before = (day.replace(day=1) - timedelta(days=40)).replace(day=day.day)
    walls = [two_months_before + timedelta(minutes=10 * n) for n in range(-6, 30)]
    anchors = [wall.replace(tzinfo=local).astimezone(UTC) for wall in walls]
    # Those of the small hours are due, and their next boundary is on the day of the change.
    now = day.replace(tzinfo=UTC) - timedelta(days=20)
    with database.transaction() as session:
        people = [add_subscriber(session, now=anchor, zone=zone) for anchor in anchors]

        done = mass_resets.reset_plain(session, [person.id for person in people], now=now)

        assert done.count == len(anchors)
        expected = [cycle_start(anchor, 2, zone) for anchor in anchors]
        order = select(SUBSCRIPTIONS.c.next_credit_reset).order_by(SUBSCRIPTIONS.c.id)
        assert list(session.scalars(order)) == expected


def test_a_batch_takes_the_longest_overdue_whether_plain_or_not(database: Database) -> None:
    with database.transaction() as session:
        populate(session, 120)
        due = resets.due_ids(session, now=NOW, limit=30)

        done = resets.reset_due(session, now=NOW, limit=30)

        assert [reset.subscription_id for reset in done] == due


@pytest.mark.race
def test_two_runners_share_two_thousand_and_people_charge_meanwhile(database: Database) -> None:
    with database.transaction() as session:
        people = _due_members(session, 2_000)
    gate = Barrier(3)

    def run(limit: int) -> int:
        gate.wait()
        total = 0
        while done := _batch(database, limit):
            total += done
        return total

    def charge() -> int:
        gate.wait()
        return sum(_charge(database, user_id) for user_id in people[::20])

    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(run, 130), pool.submit(run, 170)]
        charged = pool.submit(charge).result()
        done = sum(future.result() for future in runs)

    with database.transaction() as session:
        assert resets.due_ids(session, now=NOW, limit=1) == []
        resets_done = session.execute(
            select(LEDGER.c.subscription_id).where(LEDGER.c.action == "monthly_reset").distinct()
        ).all()
    assert len(resets_done) == 2_000
    assert done <= 2_000 <= done + charged  # a charge resets what it finds due
    assert_books_close(database)


def _due_members(session: Session, count: int) -> list[int]:
    """People on all plans, in several zones, due by one boundary or more, with their first rows."""
    plans.ensure_default_plans(session, now=NOW, by=SOMEBODY, reason="A test.")
    users = [add_user(session, now=NOW).id for _ in range(count)]
    on_offer = plans.active_plans(session)
    rows = [_member(user_id, on_offer[user_id % len(on_offer)], user_id) for user_id in users]
    session.execute(insert(SUBSCRIPTIONS), rows)
    started = session.execute(select(SUBSCRIPTIONS)).all()
    session.execute(insert(LEDGER), [_first_row(row) for row in started])
    return users


def _member(user_id: int, plan: SubscriptionPlanModel, number: int) -> dict[str, Any]:
    joined = NOW - timedelta(days=31 * (1 + number % 3), minutes=number)
    zone = ZONES[number % len(ZONES)]
    return {
        "user_id": user_id,
        "plan_id": plan.id,
        "credits_remaining": plan.monthly_credits,
        "cycle_allowance": plan.monthly_credits,
        "time_zone": zone,
        "subscription_start": joined,
        "last_credit_reset": joined,
        "next_credit_reset": cycle_start(joined, 1, zone),
        "created_at": joined,
    }


def _first_row(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    return {
        "user_id": row.user_id,
        "subscription_id": row.id,
        "hold_id": None,
        "action": "subscription_started",
        "credits_used": 0,
        "credits_delta": row.cycle_allowance,
        "bonus_delta": 0,
        "balance_after": row.cycle_allowance,
        "cycle": 0,
        "metadata": {"plan": "Any", "granted": row.cycle_allowance},
        "created_at": row.created_at,
    }


def _batch(database: Database, limit: int) -> int:
    with database.transaction() as session:
        return resets.reset_due(session, now=NOW, limit=limit).count


def _charge(database: Database, user_id: int) -> int:
    try:
        with database.transaction() as session:
            charges.charge(session, user_id=user_id, credits=1, action="images", now=NOW)
    except InsufficientCredits:
        return 0
    return 1
