"""Leaving and coming back: no reset for time away, and nothing gained by going back and forth."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sketchmaker.credits import hold_ends, present, resets
from sketchmaker.credits.managing import voids
from sketchmaker.credits.resets import writing
from sketchmaker.credits.resets.reset_plan import PlannedReset
from sketchmaker.credits.rows import managed, state
from sketchmaker.credits.rows.managed import Decision
from sketchmaker.credits.rows.plan_versions import Plans
from sketchmaker.credits.rows.state import State
from sketchmaker.credits.rules.actions import DEACTIVATION_ACTION, REACTIVATION_ACTION
from sketchmaker.credits.rules.errors import (
    AlreadySubscribed,
    NothingToChange,
    SubscriptionNotFound,
)
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.spending import holds
from sketchmaker.credits.tables import (
    IS_PENDING,
    SUBSCRIPTIONS,
    CreditHold,
)
from sketchmaker.record.actor import Actor

GONE = "The account was deleted."


@in_utc
def deactivate(
    session: Session, *, subscription_id: int, now: datetime, by: Actor, reason: str
) -> None:
    """End the subscription: no spending and no resets from now on. Holds may still end.

    Its balance stays as it is, in case it comes back within its cycle.

    Raises:
        SubscriptionNotFound; NothingToChange: it is not active.
    """
    found = _found(session, subscription_id)
    if not found.is_active:
        raise NothingToChange("The subscription is not active.")
    before = present.best_effort(session, found, now=now)
    after = replace(before, is_active=False, ended_at=now, next_plan_id=None)
    managed.move_and_note(
        session, before, after, Decision(by, reason, now), action=DEACTIVATION_ACTION, details={}
    )


@in_utc
def reactivate(
    session: Session, *, subscription_id: int, now: datetime, by: Actor, reason: str
) -> None:
    """Take the subscription up again, with its anchor.

    Within the cycle in which it ended, it goes on with the balance it had. Later, the boundaries
    that passed are written down as skipped, and the present cycle gets its allowance, once.

    Raises:
        SubscriptionNotFound; NothingToChange: it is active.
        AlreadySubscribed: the user has another active subscription.
        ResetSuspended: it missed a reset that is suspended.
    """
    before = _found(session, subscription_id)
    if before.is_active:
        raise NothingToChange("The subscription is active.")
    if state.of_user(session, before.user_id) is not None:
        raise AlreadySubscribed(before.user_id)
    resets.refuse_suspended(session, SUBSCRIPTIONS.c.id == subscription_id, now)
    before = present.best_effort(session, before, now=now)
    current = _caught_up(session, before, now) if before.next_reset <= now else before
    after = replace(current, is_active=True, ended_at=None)
    managed.move_and_note(
        session, current, after, Decision(by, reason, now), action=REACTIVATION_ACTION, details={}
    )


@in_utc
def leave(session: Session, *, user_id: int, now: datetime, by: Actor, reason: str) -> None:
    """The user's account is deleted: release what is held, end the subscription, void the grants.

    The ledger stays; whoever owns the account takes the name off it.
    """
    hold_ends.end_expired_of_user(session, user_id, now=now)
    pending = session.scalars(
        select(CreditHold.id).where(CreditHold.user_id == user_id, IS_PENDING)
    ).all()
    for hold_id in pending:
        holds.release(session, hold_id=hold_id, reason=GONE, now=now)
    active = state.of_user(session, user_id)
    if active is not None:
        deactivate(session, subscription_id=active.id, now=now, by=by, reason=reason)
    if state.latest_of_user(session, user_id) is not None:
        voids.void_all(session, user_id=user_id, reason=GONE, now=now, by=by)


def _found(session: Session, subscription_id: int) -> State:
    found = state.of_subscription(session, subscription_id)
    if found is None:
        raise SubscriptionNotFound(subscription_id)
    return found


def _caught_up(session: Session, before: State, now: datetime) -> State:
    """The subscription in the present cycle, with a row for each boundary of its absence."""
    given = Plans.read(session, [before.id]).after_reset
    planned = PlannedReset(before, given, now, was_away=True)
    writing.write_resets(session, [planned], now=now)
    return planned.after
