"""Moving one reset by hand. The anchor stays, and so do all the resets after it."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from sketchmaker.credits import state
from sketchmaker.credits.actions import RESCHEDULE_ACTION
from sketchmaker.credits.errors import InvalidResetDate, SubscriptionNotFound


def reschedule(session: Session, *, subscription_id: int, at: datetime, now: datetime) -> None:
    """Let the next reset of an active subscription happen at `at`.

    The ledger says so: else nobody could tell a reset that was moved from one that went astray.
    It must stay between its neighbours, so that every cycle still has one reset.

    Raises:
        SubscriptionNotFound: no active subscription has that number.
        InvalidResetDate: not after the last reset, or not before the one that follows.
    """
    before = state.of_subscription(session, subscription_id)
    if before is None or not before.is_active:
        raise SubscriptionNotFound(subscription_id)
    following = before.schedule.start_of(before.cycle + 2)
    if not before.last_reset < at < following:
        raise InvalidResetDate(subscription_id, at, before.last_reset, following)
    after = replace(before, next_reset=at)
    details = {"from": before.next_reset.isoformat(), "to": at.isoformat()}
    state.move(session, before, after, action=RESCHEDULE_ACTION, now=now, details=details)
