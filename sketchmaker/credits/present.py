"""A subscription as of now: what every verb but the hot ones begins with.

A reset that is due is applied, holds and grants whose time is over are ended, in the verb's own
transaction. So what a verb answers is right for `now`, whether the housekeeper ran or not.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from sketchmaker.credits import grants, hold_ends, resets
from sketchmaker.credits.hold_ends import Freed
from sketchmaker.credits.resets.reset_plan import PlannedReset
from sketchmaker.credits.rows import state
from sketchmaker.credits.rows.plan_versions import Plans
from sketchmaker.credits.rows.state import State
from sketchmaker.credits.rules.errors import (
    NoActiveSubscription,
    ResetSuspended,
    SubscriptionNotFound,
)
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.tables import SUBSCRIPTIONS


@in_utc
def of_user(session: Session, user_id: int, *, now: datetime) -> State:
    """The user's active subscription, brought up to `now` and locked.

    Raises:
        NoActiveSubscription: the user has no plan.
        ResetSuspended: the reset that is due is suspended.
    """
    hold_ends.end_expired_of_user(session, user_id, now=now)
    resets.reset_user(session, user_id=user_id, now=now)
    grants.expire_of_user(session, user_id=user_id, now=now)
    found = state.of_user(session, user_id)
    if found is None:
        raise NoActiveSubscription(user_id)
    return found


@in_utc
def of_subscription(session: Session, subscription_id: int, *, now: datetime) -> State:
    """The active subscription of that number, brought up to `now` and locked.

    Raises:
        SubscriptionNotFound: no such subscription.
        NoActiveSubscription: it is not active.
        ResetSuspended: the reset that is due is suspended.
    """
    return of_user(session, _active(session, subscription_id).user_id, now=now)


@in_utc
def best_effort(session: Session, found: State, *, now: datetime) -> State:
    """As `of_subscription`, for verbs that must not fail: a suspended reset stays undone.

    Of one that is not active, the allowance is left as it was when it ended.
    """
    if not hold_ends.end_expired_of_user(session, found.user_id, now=now) and not _is_behind(
        found, now
    ):
        return found
    if found.is_active:
        with suppress(ResetSuspended):
            resets.reset_subscription(session, subscription_id=found.id, now=now)
    grants.expire_of_user(session, user_id=found.user_id, now=now)
    return state.of_subscription(session, found.id) or found


@in_utc
def of_grants(session: Session, user_id: int, *, now: datetime) -> State:
    """The subscription that carries the user's grants, brought up as far as possible.

    It is the active one, or else the last one they had.

    Raises:
        NoActiveSubscription: the user never had a plan.
    """
    found = state.latest_of_user(session, user_id)
    if found is None:
        raise NoActiveSubscription(user_id)
    return best_effort(session, found, now=now)


@in_utc
def foreseen(session: Session, subscription_id: int, *, now: datetime) -> State:
    """What `of_subscription` would give; nothing is written or locked.

    Raises:
        As `of_subscription`.
    """
    found = _active(session, subscription_id)
    freed = _freed(session, found, now)
    after = freed.taken_from(found)
    if found.next_reset <= now:
        resets.refuse_suspended(session, SUBSCRIPTIONS.c.id == subscription_id, now)
        given = Plans.read(session, [subscription_id]).after_reset
        after = PlannedReset(after, given, now).after
    alive = grants.sources(session, after, now=now)
    remaining = sum(source.credits for source in alive if source.grant_id is not None)
    return replace(after, bonus=replace(after.bonus, remaining=remaining + freed.back_to_bonus))


def _freed(session: Session, found: State, now: datetime) -> Freed:
    return hold_ends.freed(session, [found.id], now=now).get(found.id, Freed())


def _is_behind(found: State, now: datetime) -> bool:
    expiry = found.bonus.expires_at
    return found.next_reset <= now or (expiry is not None and expiry <= now)


def _active(session: Session, subscription_id: int) -> State:
    found = state.of_subscription(session, subscription_id, lock=False)
    if found is None:
        raise SubscriptionNotFound(subscription_id)
    if not found.is_active:
        raise NoActiveSubscription(found.user_id)
    return found
