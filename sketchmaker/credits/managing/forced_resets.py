"""Resets by force: an allowance given afresh within a cycle, on an admin's word."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from sketchmaker.credits import present
from sketchmaker.credits.resets import guard
from sketchmaker.credits.rows import managed
from sketchmaker.credits.rows.managed import Decision
from sketchmaker.credits.rows.plan_versions import Plans
from sketchmaker.credits.rows.state import State
from sketchmaker.credits.rules.actions import FORCE_RESET_ACTION
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.record.actor import Actor


@in_utc
def force_reset(
    session: Session, *, subscription_id: int, now: datetime, by: Actor, reason: str
) -> State:
    """Give the allowance of the present cycle afresh, on an admin's word.

    The anchor and the next reset stay as they are, and the regular reset comes all the same. What
    is held stays held. When the clock is behind the last reset, that stays the last one.

    Raises:
        SubscriptionNotFound, NoActiveSubscription, ResetSuspended.
        AllowanceLimit: as `guard.check_by_hand`.
    """
    before = present.of_subscription(session, subscription_id, now=now)
    guard.check_by_hand(session, subscription_id, now=now)
    allowance = Plans.read(session, [before.id]).held_by(before, now).monthly_credits
    after = replace(
        before,
        balance=before.balance.refilled(allowance),
        bonus=replace(before.bonus, used=0),
        last_reset=max(now, before.last_reset),
    )
    details = {
        "reason": reason,
        "granted": allowance,
        "next_reset": before.next_reset.isoformat(),
    }
    managed.move_and_note(
        session,
        before,
        after,
        Decision(by, reason, now),
        action=FORCE_RESET_ACTION,
        details=details,
    )
    guard.watch(session, [subscription_id], now=now)
    return after
