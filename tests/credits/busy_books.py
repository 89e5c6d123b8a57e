"""A database in which everything has happened once, made by the engine's own verbs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sketchmaker.credits import resets
from sketchmaker.credits.managing import (
    adjustments,
    forced_resets,
    granting,
    lifecycle,
    plan_changes,
    voids,
)
from sketchmaker.credits.managing.rescheduling import reschedule
from sketchmaker.credits.rows import ledger
from sketchmaker.credits.spending import charges, holds, refunds
from sketchmaker.database import Database
from tests.support.actors import word_for
from tests.support.people import subscriber

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LATER = datetime(2026, 2, 18, 12, 0, tzinfo=UTC)

ADA, BOB, CLEO = 1, 2, 3
"""Numbers of the users and of their subscriptions: Ada's is looked at most closely."""


def make_busy(database: Database) -> None:
    """Three people, a month and three days; the subscriptions are numbered as the people."""
    for plan in ("premium", "pro", "free"):
        subscriber(database, now=JOINED, plan=plan)
    _first_month(database)
    do(database, resets.reset_due, now=JOINED + 32 * DAY)
    _second_month(database)


def do(database: Database, verb: Callable[..., Any], **arguments: Any) -> Any:
    """One verb in a transaction of its own."""
    with database.transaction() as session:
        return verb(session, **{**word_for(verb), **arguments})


def _first_month(database: Database) -> None:
    ada = {"user_id": ADA, "now": JOINED + DAY}
    bonus = {"kind": "promotion", "reason": "Welcome."}
    do(database, granting.grant, credits=6, expires_at=JOINED + 9 * DAY, **bonus, **ada)
    do(database, granting.grant, credits=20, expires_at=JOINED + 200 * DAY, **bonus, **ada)
    do(database, charges.charge, credits=4, action="images", **ada)
    # Two of the first grant and one of the allowance; it stays pending.
    pending = do(database, holds.place, credits=3, action="images", lifetime=7 * DAY, **ada)
    _keep(database, pending.id, since=JOINED + DAY, until=JOINED + 40 * DAY)
    settled = do(database, holds.place, credits=5, action="images", **ada)
    do(database, holds.settle, hold_id=settled.id, credits=2, now=JOINED + DAY)
    released = do(database, holds.place, credits=1, action="images", **ada)
    do(database, holds.release, hold_id=released.id, reason="Failed.", now=JOINED + DAY)
    late = do(
        database, holds.place, credits=7, action="images", user_id=BOB, now=JOINED + 29.99 * DAY
    )
    do(database, reschedule, subscription_id=BOB, at=JOINED + 30 * DAY, now=JOINED + DAY)
    do(database, resets.reset_due, now=JOINED + 30 * DAY)
    do(database, holds.settle, hold_id=late.id, credits=6, now=JOINED + 30 * DAY)
    do(database, lifecycle.deactivate, subscription_id=CLEO, now=JOINED + 2 * DAY)


def _keep(database: Database, hold_id: int, *, since: datetime, until: datetime) -> None:
    """Prolong a hold week after week, as work that goes on does."""
    for day in range(6, (until - since) // DAY - 6, 6):
        now = since + day * DAY
        do(database, holds.extend, hold_id=hold_id, until=now + 7 * DAY, now=now)


def _second_month(database: Database) -> None:
    at = {"now": JOINED + 33 * DAY}
    do(database, charges.charge, user_id=ADA, credits=9, action="images", **at)
    do(database, forced_resets.force_reset, subscription_id=ADA, reason="Sorry.", **at)
    # It burns before the allowance: spent bonus of the present cycle.
    soon = {"kind": "admin", "reason": "Sorry.", "expires_at": JOINED + 40 * DAY}
    do(database, granting.grant, user_id=ADA, credits=3, **soon, **at)
    do(database, charges.charge, user_id=ADA, credits=2, action="images", **at)
    do(database, adjustments.revoke, user_id=ADA, credits=3, reason="Too many.", **at)
    do(database, charges.charge, user_id=ADA, credits=6, action="images", **at)
    do(database, holds.place, user_id=ADA, credits=8, action="images", lifetime=7 * DAY, **at)
    change = {"plan_name": "premium", "when": "restart"}
    do(database, plan_changes.apply, subscription_id=BOB, **change, now=JOINED + 34 * DAY)
    do(database, lifecycle.reactivate, subscription_id=CLEO, **at)
    _bobs_second_thoughts(database)


def _bobs_second_thoughts(database: Database) -> None:
    at = {"now": JOINED + 34 * DAY}
    gift = {"kind": "promotion", "reason": "Welcome.", "expires_at": JOINED + 50 * DAY}
    given = do(database, granting.grant, user_id=BOB, credits=4, **gift, **at)
    do(database, charges.charge, user_id=BOB, credits=6, action="images", **at)
    with database.reading() as session:
        entry_id = ledger.recent(session, BOB, limit=1)[0].id
    for credits in (1, 4):
        wish = {"entry_id": entry_id, "credits": credits, "reason": "Blurred."}
        do(database, refunds.refund, **wish, **at)
    do(database, voids.void, grant_id=given.id, reason="A mistake.", **at)
