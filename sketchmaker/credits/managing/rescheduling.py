"""Moving one reset by hand, or suspending them. The anchor stays, and so do later resets."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from sketchmaker.credits import present
from sketchmaker.credits.resets import guard
from sketchmaker.credits.rows import managed, state
from sketchmaker.credits.rows.managed import Decision
from sketchmaker.credits.rows.state import State
from sketchmaker.credits.rules.actions import RESCHEDULE_ACTION
from sketchmaker.credits.rules.errors import InvalidResetDate, SubscriptionNotFound
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.record.actor import Actor


@in_utc
def reschedule(
    session: Session, *, subscription_id: int, at: datetime, now: datetime, by: Actor, reason: str
) -> None:
    """Let the next reset of an active subscription happen at `at`.

    A reset that is due by `now` happens first. The ledger says what was moved: else nobody could
    tell a reset that was moved from one that went astray. It must stay between its neighbours, so
    that every cycle still has one reset.

    Raises:
        SubscriptionNotFound: no active subscription has that number.
        InvalidResetDate: not after the last reset, or not before the one that follows.
    """
    before = _present(session, subscription_id, now)
    following = before.schedule.start_of(before.cycle + 2)
    if not before.last_reset < at < following:
        raise InvalidResetDate(subscription_id, at, before.last_reset, following)
    after = replace(before, next_reset=at)
    details = {"from": before.next_reset.isoformat(), "to": at.isoformat()}
    managed.move_and_note(
        session, before, after, Decision(by, reason, now), action=RESCHEDULE_ACTION, details=details
    )


@in_utc
def suspend(
    session: Session, *, subscription_id: int, now: datetime, by: Actor, reason: str
) -> None:
    """Suspend the resets of an active subscription, until `guard.resume`.

    A reset that is due by `now` happens first.

    Raises:
        SubscriptionNotFound: no active subscription has that number.
    """
    found = _present(session, subscription_id, now)
    guard.suspend_by_hand(session, subscription_id=subscription_id, now=now)
    suspended = {"resets": "suspended"}
    managed.note(
        session, found, found, Decision(by, reason, now), action="resets_suspended", facts=suspended
    )


def _present(session: Session, subscription_id: int, now: datetime) -> State:
    found = state.of_subscription(session, subscription_id)
    if found is None or not found.is_active:
        raise SubscriptionNotFound(subscription_id)
    return present.best_effort(session, found, now=now)
