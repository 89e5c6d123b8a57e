"""What one person's plan gives them instead of what it gives everybody: credits, features, both.

It counts while they are on that plan, until its end if it has one. Features are theirs at once.
Credits come at the next reset, or now, as if the plan had changed: what was used stays used. From
its end on features are the plan's again; an allowance that was given is kept until the next reset.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from sketchmaker.credits import present
from sketchmaker.credits.rows import state
from sketchmaker.credits.rows.plan_versions import PlanInEffect, Plans
from sketchmaker.credits.rows.state import State
from sketchmaker.credits.rules.actions import PLAN_ACTION
from sketchmaker.credits.rules.amounts import checked_allowance
from sketchmaker.credits.rules.errors import InvalidChoice, NothingToChange
from sketchmaker.credits.rules.features import Features, features_from
from sketchmaker.credits.rules.instants import LATEST, checked_instant, in_utc
from sketchmaker.credits.rules.plan_errors import InvalidStart
from sketchmaker.credits.tables.plan_versions import OVERRIDES
from sketchmaker.record.actor import Actor, Subject
from sketchmaker.record.reasons import checked_reason
from sketchmaker.record.trail import record

CreditsWhen = Literal["next_reset", "now"]


@dataclass(frozen=True, slots=True)
class Own:
    """What a person gets instead. None: as everybody on the plan; without an end: for good."""

    monthly_credits: int | None = None
    features: Features | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class OverrideChange:
    """What an override does, or its removal: to the person's one number, and from when."""

    subscription_id: int
    plan_display_name: str
    available_before: int
    available_after: int
    allowance_after: int
    next_allowance: int
    next_reset: datetime
    features: Features
    until: datetime | None


@in_utc
def preview(
    session: Session, *, subscription_id: int, own: Own, when: CreditsWhen, now: datetime
) -> OverrideChange:
    """What `apply` would do at `now`; nothing is written.

    Raises:
        As `apply`.
    """
    before = present.foreseen(session, subscription_id, now=now)
    return _planned(session, before, own, when, now)[1]


@in_utc
def apply(
    session: Session,
    *,
    subscription_id: int,
    own: Own,
    when: CreditsWhen,
    by: Actor,
    reason: str,
    now: datetime,
) -> OverrideChange:
    """Give the person this instead of what everybody gets, in the place of what they had instead.

    Raises:
        SubscriptionNotFound, NoActiveSubscription, ResetSuspended: as `present.of_subscription`.
        InvalidChoice: `when` is none of the two.
        InvalidAmount, InvalidFeatures: a plan can't give that.
        InvalidStart: the end is not to come.
        NothingToChange: neither credits nor features are given.
        ReasonMissing, InvalidReason: as `record.trail.record`.
    """
    if own.monthly_credits is None and own.features is None:
        raise NothingToChange("Give credits or features of their own.")
    reason = checked_reason(reason, by)
    before = present.of_subscription(session, subscription_id, now=now)
    after, change = _planned(session, before, own, when, now)
    _forget(session, subscription_id)
    session.execute(
        insert(OVERRIDES).values(
            subscription_id=subscription_id,
            plan_id=before.plan_id,
            monthly_credits=own.monthly_credits,
            features=None if own.features is None else own.features.stored(),
            reason=reason,
            ends_at=own.until or LATEST,
            created_at=now,
        )
    )
    _write(session, before, after, change, "override_set", by=by, reason=reason, now=now)
    return change


@in_utc
def remove(
    session: Session,
    *,
    subscription_id: int,
    when: CreditsWhen,
    by: Actor,
    reason: str,
    now: datetime,
) -> OverrideChange:
    """Let the person have what everybody on the plan has.

    Raises:
        SubscriptionNotFound, NoActiveSubscription, ResetSuspended, InvalidChoice: as `apply`.
        NothingToChange: they have nothing of their own.
        ReasonMissing, InvalidReason: as `record.trail.record`.
    """
    reason = checked_reason(reason, by)
    before = present.of_subscription(session, subscription_id, now=now)
    if not _forget(session, subscription_id):
        raise NothingToChange("This person has what everybody on the plan has.")
    after, change = _planned(session, before, Own(), when, now)
    _write(session, before, after, change, "override_removed", by=by, reason=reason, now=now)
    return change


@in_utc
def override_of(session: Session, subscription_id: int, *, now: datetime) -> Own | None:
    """What the person's plan gives them instead, at `now`; None for what everybody gets."""
    row = session.execute(
        select(OVERRIDES).where(
            OVERRIDES.c.subscription_id == subscription_id, OVERRIDES.c.ends_at > now
        )
    ).first()
    if row is None:
        return None
    features = None if row.features is None else features_from(row.features)
    return Own(row.monthly_credits, features, None if row.ends_at == LATEST else row.ends_at)


def _planned(
    session: Session, before: State, own: Own, when: CreditsWhen, now: datetime
) -> tuple[State, OverrideChange]:
    if when not in get_args(CreditsWhen):
        raise InvalidChoice(when, get_args(CreditsWhen))
    if own.until is not None and checked_instant(own.until) <= now:
        raise InvalidStart(own.until)
    # As if nobody had anything of their own.
    everybodys = Plans.read(session)
    held = _with(everybodys.held_by(before, now), own)
    following = everybodys.after_reset(before, before.next_reset)
    lasts = own.until is None or own.until > before.next_reset
    stays = following.id == before.plan_id
    following = _with(following, own) if lasts and stays else following
    after = before
    if when == "now":
        after = replace(before, balance=before.balance.on_allowance(held.monthly_credits))
    return after, OverrideChange(
        subscription_id=before.id,
        plan_display_name=held.display_name,
        available_before=before.available,
        available_after=after.available,
        allowance_after=after.balance.allowance,
        next_allowance=following.monthly_credits,
        next_reset=before.next_reset,
        features=held.features,
        until=own.until,
    )


def _with(plan: PlanInEffect, own: Own) -> PlanInEffect:
    if own.monthly_credits is not None:
        plan = replace(plan, monthly_credits=checked_allowance(own.monthly_credits))
    if own.features is not None:
        plan = replace(plan, features=features_from(own.features.stored()))
    return plan


def _forget(session: Session, subscription_id: int) -> bool:
    which = OVERRIDES.c.subscription_id == subscription_id
    return bool(session.execute(delete(OVERRIDES).where(which).returning(which)).all())


def _write(
    session: Session,
    before: State,
    after: State,
    change: OverrideChange,
    action: str,
    *,
    by: Actor,
    reason: str,
    now: datetime,
) -> None:
    plan = change.plan_display_name
    facts: dict[str, Any] = {"from": plan, "to": plan, "own": True, "by": by.account_id}
    facts |= {"reason": reason, "granted": change.next_allowance}
    state.move(session, before, after, action=PLAN_ACTION, now=now, details=facts)
    record(
        session,
        by,
        action,
        Subject("subscription", before.id, plan, before.user_id),
        before={"allowance": before.balance.allowance, "available": change.available_before},
        after={
            "allowance": change.allowance_after,
            "available": change.available_after,
            "next_allowance": change.next_allowance,
            "features": change.features.stored(),
            "until": None if change.until is None else change.until.isoformat(),
        },
        reason=reason,
        now=now,
    )
