"""Moving one reset by hand. The anchor stays, and so do all the resets after it."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from sketchmaker.credits import state
from sketchmaker.credits.errors import InvalidResetDate, SubscriptionNotFound


def reschedule(session: Session, *, subscription_id: int, at: datetime) -> None:
    """Let the next reset of an active subscription happen at `at`.

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
    state.write(session, before, replace(before, next_reset=at))
