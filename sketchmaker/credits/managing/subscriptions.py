"""Who is on which plan."""

from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sketchmaker.credits.rows import ledger, managed, state
from sketchmaker.credits.rows.managed import Decision
from sketchmaker.credits.rows.plan_versions import Plans
from sketchmaker.credits.rows.plans import active_plan, default_plan
from sketchmaker.credits.rules.actions import START_ACTION
from sketchmaker.credits.rules.amounts import checked_zone
from sketchmaker.credits.rules.cycle import cycle_start
from sketchmaker.credits.rules.errors import AlreadySubscribed, SubscriptionEnded
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.tables import UserSubscription
from sketchmaker.record.actor import SELF, Actor


@in_utc
def start(
    session: Session,
    *,
    user_id: int,
    now: datetime,
    by: Actor,
    reason: str,
    plan_name: str | None = None,
    time_zone: str = "UTC",
) -> UserSubscription:
    """Begin a subscription, to the default plan if none is named; `now` is its anchor.

    Raises:
        UnknownPlan, InvalidTimeZone: no active plan, or no zone, has that name.
        NoDefaultPlan: none was named, and no plan is the default one.
        AlreadySubscribed: the user has an active subscription, or another request just made one.
        SubscriptionEnded: the user had one; `lifecycle.reactivate` takes it up again.
    """
    plan = default_plan(session) if plan_name is None else active_plan(session, plan_name)
    given = Plans.read(session).on_sale(plan.id, now)
    _refuse_fresh_start(session, user_id)
    subscription = UserSubscription(
        user_id=user_id,
        plan_id=plan.id,
        plan_version=given.version,
        credits_remaining=given.monthly_credits,
        cycle_allowance=given.monthly_credits,
        time_zone=checked_zone(time_zone),
        subscription_start=now,
        last_credit_reset=now,
        next_credit_reset=cycle_start(now, 1, time_zone),
        assigned_by_id=None if by.role == SELF else by.account_id,
        created_at=now,
    )
    _add(session, subscription)
    _record_start(session, subscription, plan.display_name, Decision(by, reason, now))
    return subscription


def _add(session: Session, subscription: UserSubscription) -> None:
    try:
        with session.begin_nested():
            session.add(subscription)
    except IntegrityError as error:
        raise AlreadySubscribed(subscription.user_id) from error


def _refuse_fresh_start(session: Session, user_id: int) -> None:
    # Ended and begun afresh, a subscription would give its allowance twice in one cycle; and what
    # grants have left would stay with the one that has ended.
    ended = exists().where(UserSubscription.user_id == user_id, ~UserSubscription.is_active)
    if session.scalar(select(ended)):
        raise SubscriptionEnded(user_id)


def _record_start(
    session: Session, subscription: UserSubscription, plan_name: str, decision: Decision
) -> None:
    facts = {"plan": plan_name, "granted": subscription.cycle_allowance}
    ledger.append(
        session,
        user_id=subscription.user_id,
        subscription_id=subscription.id,
        hold_id=None,
        action=START_ACTION,
        credits_used=0,
        credits_delta=subscription.cycle_allowance,
        bonus_delta=0,
        balance_after=subscription.credits_remaining,
        cycle=0,
        details=facts,
        created_at=decision.now,
    )
    began = state.state_of(subscription)
    managed.note(session, None, began, decision, action=START_ACTION, facts=facts)
